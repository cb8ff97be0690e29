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
    SIMPLE_ODDS,
    SURE_AGAINST,
    SURE_FOR,
)
from rtrl_lstm.spec import Spec

REMEMBERED = 20.0
"""Labels that losses count for where only shares are known."""
LEAST_SHARE = 1e-30


def weights_of(spec: Spec, squares: Array, losses: Array, advantage: Array) -> dict[str, Array]:
    """What counts for how much in the next forecast, as `Core.combination` gives it.

    Args:
        squares: (O, 2 + C) weights of least squares, over the 1, the network and C inputs.
        losses: (O, 2 + C, 3) of least squares, of the inputs alone and of the target's mean: two,
            and how many labels.
        advantage: (O, 2, 4) of the mixture of all that over the first input and the mean.
    """
    size, begun = losses[..., 0] * losses[..., 1], losses[..., 2] > 0
    best = size.min(where=begun, initial=np.inf, axis=1, keepdims=True)
    square = np.divide(best, size, out=np.ones_like(size), where=size > 0) ** 2
    shares = np.where(begun, square**2, 0.0)
    shares[:, 1] *= FIRST_COUNTS
    total = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    shares[total[:, 0] == 0, 0] = 1.0  # before any label it is what least squares says
    odds = np.where(begun[:, 1, None], odds_of(advantage), 0.0)
    return {
        "bias": squares[:, 0],
        "network": squares[:, 1],
        "inputs": _of_inputs(spec, squares[:, 2:]),
        "squares": shares[:, 0],
        "alone": _of_inputs(spec, shares[:, 1:-1]),
        "first": odds[:, 0],
        "mean": odds[:, 1],
    }


def _of_inputs(spec: Spec, own: Array) -> Array:
    """What is of the inputs that an output combines (O, C), of all inputs (O, I)."""
    found = np.zeros((len(own), spec.input_size))
    np.put_along_axis(found, np.array(spec.combined), own, axis=1)
    return found


def odds_of(advantage: Array) -> Array:
    """What the first input and the mean count for (O, 2) where the mixture of (O, 2, 4) is 1."""
    total, variance = advantage[..., DIFFERENCES_SUM], advantage[..., DIFFERENCES_VARIANCE]
    varies = variance > 0
    t = np.where(varies, total, 0.0) / np.sqrt(np.where(varies, variance, 1.0))
    sure = np.where(t > 0, SURE_FOR, -SURE_AGAINST) * t * t
    found: Array = np.array(SIMPLE_ODDS) * np.exp(
        -np.clip(sure, -GREATEST_SURENESS, GREATEST_SURENESS)
    )
    return found


def history_of(squares: Array, alone: Array, spread: Array) -> tuple[Array, Array]:
    """Losses and an advantage of which `weights_of` would give these shares of the whole.

    What they truly were the shares do not tell. These losses are about the size of the target's
    spread, and fade as those of the last `REMEMBERED` labels do; and the mixture has proved better
    than simple forecasts, but by no more than one label's worth. Before any label there is none.

    Args:
        squares: (O,) what least squares counts for.
        alone: (O, C) and the inputs that are combined.
        spread: (O,) the target's.
    """
    mean = np.maximum(1.0 - squares - alone.sum(axis=1), 0.0)
    shares = np.column_stack((squares, alone, mean))
    shares[:, 1] /= FIRST_COUNTS
    size = spread[:, None] * np.maximum(shares, LEAST_SHARE) ** -0.125  # its square is the product
    begun = (shares > 0.0) & (alone.sum(axis=1, keepdims=True) > 0.0)
    counts = np.full_like(size, REMEMBERED)
    losses = np.where(begun[..., None], np.stack((size, size, counts), axis=2), 0.0)
    advantage = np.zeros((len(spread), len(SIMPLE_ODDS), ADVANTAGE_SIZE))
    heard = spread * begun.any(axis=1)
    advantage[..., DIFFERENCES_SUM] = np.sqrt(GREATEST_SURENESS / SURE_FOR) * heard[:, None]
    advantage[..., DIFFERENCES_VARIANCE] = heard[:, None] ** 2
    advantage[..., DIFFERENCE_SIZE] = heard[:, None]
    return losses, advantage
