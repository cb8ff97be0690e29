"""What a combination of forecasts comes to, as plain weights (see `kernels/combination.py`)."""

from __future__ import annotations

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.slots import FIRST_COUNTS
from rtrl_lstm.spec import Spec


def weights_of(spec: Spec, squares: Array, losses: Array) -> dict[str, Array]:
    """The weights in the next forecast, as `Core.combination` gives them.

    Args:
        squares: (O, 2 + C) those of least squares, over the 1, the network and C inputs.
        losses: (O, 2 + C, 3) of least squares, of the inputs alone and of the target's mean: two,
            and how many labels.
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
    np.put_along_axis(inputs, np.array(spec.combined), weights[:, 2:], axis=1)
    return {"bias": weights[:, 0], "network": weights[:, 1], "inputs": inputs}
