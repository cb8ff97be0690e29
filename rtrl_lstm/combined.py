"""What a combination of forecasts comes to, in plain numbers (see `kernels/combination.py`)."""

from __future__ import annotations

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.slots import (
    ADVANTAGE_SIZE,
    DIFFERENCE_SIZE,
    DIFFERENCES_SUM,
    DIFFERENCES_VARIANCE,
    FIRST_COUNTS,
    GREATEST_SURENESS,
    ODDS_AT_FIRST,
    SURE_AGAINST,
    SURE_FOR,
)
from rtrl_lstm.spec import Spec

REMEMBERED = 20.0
"""Labels that losses count for where only shares are known."""
LEAST_SHARE = 1e-30
EPSILON = float(np.finfo(np.float64).eps)


def weights_of(spec: Spec, squares: Array, losses: Array, advantage: Array) -> dict[str, Array]:
    """What counts for how much in the next forecast, as `Core.combination` gives it.

    Args:
        squares: (O, 2 + C) weights of least squares, over the 1, the network and C inputs.
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
    return {
        "bias": squares[:, 0],
        "network": squares[:, 1],
        "inputs": _of_inputs(spec, squares[:, 2:]),
        "squares": shares[:, 0],
        "alone": _of_inputs(spec, shares[:, 1:-1]),
        "first": np.where(begun[:, 1], share_of_first(advantage), 0.0),
    }


def _of_inputs(spec: Spec, own: Array) -> Array:
    """What is of the inputs that an output combines (O, C), of all inputs (O, I)."""
    found = np.zeros((len(own), spec.input_size))
    np.put_along_axis(found, np.array(spec.combined), own, axis=1)
    return found


def share_of_first(advantage: Array) -> Array:
    """What the first input counts for (O,) beside the mixture: see `kernels/advantage.py`."""
    total, variance = advantage[:, DIFFERENCES_SUM], advantage[:, DIFFERENCES_VARIANCE]
    varies = variance > 0
    t = np.where(varies, total, 0.0) / np.sqrt(np.where(varies, variance, 1.0))
    sure = np.where(t > 0, SURE_FOR, -SURE_AGAINST) * t * t
    sure = np.clip(sure, -GREATEST_SURENESS, GREATEST_SURENESS)
    found: Array = 1.0 / (1.0 + ODDS_AT_FIRST * np.exp(sure))
    return found


def history_of(given: dict[str, Array], spread: Array) -> tuple[Array, Array]:
    """Losses and an advantage of which `weights_of` would give these shares.

    What they truly were the shares do not tell. These are about the size of the target's spread,
    and fade as those of the last `REMEMBERED` labels do.

    Args:
        given: squares (O,), alone (O, C) of the inputs that are combined, and first (O,).
        spread: (O,) the target's.
    """
    squares, alone, first = given["squares"], given["alone"], given["first"]
    mean = np.maximum(1.0 - squares - alone.sum(axis=1), 0.0)
    shares = np.column_stack((squares, alone, mean))
    shares[:, 1] /= FIRST_COUNTS
    size = spread[:, None] * np.maximum(shares, LEAST_SHARE) ** -0.125  # its square is the product
    begun = (shares > 0.0) & (alone.sum(axis=1, keepdims=True) > 0.0)
    counts = np.where(begun, REMEMBERED, 0.0)
    losses = np.stack([np.where(begun, size, 0.0)] * 2 + [counts], axis=2)
    advantage = np.zeros((len(first), ADVANTAGE_SIZE))
    inside = np.clip(first, LEAST_SHARE, 1.0 - EPSILON)
    sure = np.log((1.0 - inside) / inside / ODDS_AT_FIRST)
    t = np.sign(sure) * np.sqrt(np.abs(sure) / np.where(sure > 0.0, SURE_FOR, SURE_AGAINST))
    advantage[:, DIFFERENCES_SUM] = t * spread
    advantage[:, DIFFERENCES_VARIANCE] = spread**2
    advantage[:, DIFFERENCE_SIZE] = spread
    return losses, advantage
