"""What a combination of forecasts comes to, as plain weights (see `kernels/combination.py`)."""

from __future__ import annotations

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.slots import FIRST_COUNTS
from rtrl_lstm.spec import Spec


def weights_of(spec: Spec, squares: Array, losses: Array) -> dict[str, Array]:
    """The weights in the next forecast, as `Core.combination` gives them.

    Args:
        squares: (2 + C,) those of least squares, over the 1, the network and C inputs.
        losses: (2 + C, 3) of least squares, of the inputs alone and of the target's mean: two, and
            how many labels.
    """
    size, begun = losses[:, 0] * losses[:, 1], losses[:, 2] > 0
    best = size.min(where=begun, initial=np.inf)
    square = np.divide(best, size, out=np.ones_like(size), where=size > 0) ** 2
    shares = np.where(begun, square**2, 0.0)
    shares[1] *= FIRST_COUNTS
    weights, inputs = squares.copy(), np.zeros(spec.input_size)
    if shares.sum() > 0:
        shares /= shares.sum()
        weights *= shares[0]
        weights[2:] += shares[1:-1]
    inputs[list(spec.combine_with)] = weights[2:]
    return {"bias": weights[:1], "network": weights[1:2], "inputs": inputs}
