"""What a combination of forecasts comes to, as plain weights (see `kernels/combination.py`)."""

from __future__ import annotations

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.slots import (
    DIFFERENCES_SUM,
    DIFFERENCES_VARIANCE,
    FIRST_COUNTS,
    GREATEST_SURENESS,
    ODDS_AT_FIRST,
    SURE_AGAINST,
    SURE_FOR,
)
from rtrl_lstm.spec import Spec


def weights_of(spec: Spec, squares: Array, losses: Array, advantage: Array) -> dict[str, Array]:
    """The weights in the next forecast, as `Core.combination` gives them.

    Args:
        squares: (O, 2 + C) those of least squares, over the 1, the network and C inputs.
        losses: (O, 2 + C, 3) of least squares, of the inputs alone and of the target's mean: two,
            and how many labels.
        advantage: (O, 4) of the mixture of all that over the first input.
    """
    size, begun = losses[..., 0] * losses[..., 1], losses[..., 2] > 0
    best = size.min(where=begun, initial=np.inf, axis=1, keepdims=True)
    square = np.divide(best, size, out=np.ones_like(size), where=size > 0) ** 2
    shares = np.where(begun, square**2, 0.0)
    shares[:, 1] *= FIRST_COUNTS
    total = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    shares[total[:, 0] == 0, 0] = 1.0  # before any label it is what least squares says
    weights, inputs = squares * shares[:, :1], np.zeros((len(squares), spec.input_size))
    weights[:, 2:] += shares[:, 1:-1]
    first = np.where(begun[:, 1], share_of_first(advantage), 0.0)
    weights *= 1.0 - first[:, None]
    weights[:, 2] += first
    np.put_along_axis(inputs, np.array(spec.combined), weights[:, 2:], axis=1)
    return {"bias": weights[:, 0], "network": weights[:, 1], "inputs": inputs}


def share_of_first(advantage: Array) -> Array:
    """What the first input counts for (O,) beside the mixture: see `kernels/advantage.py`."""
    total, variance = advantage[:, DIFFERENCES_SUM], advantage[:, DIFFERENCES_VARIANCE]
    varies = variance > 0
    t = np.where(varies, total, 0.0) / np.sqrt(np.where(varies, variance, 1.0))
    sure = np.where(t > 0, SURE_FOR, -SURE_AGAINST) * t * t
    sure = np.clip(sure, -GREATEST_SURENESS, GREATEST_SURENESS)
    found: Array = 1.0 / (1.0 + ODDS_AT_FIRST * np.exp(sure))
    return found
