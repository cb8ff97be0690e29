"""What a combination of forecasts comes to, as plain weights (see `kernels/combination.py`)."""

from __future__ import annotations

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.slots import LEAST_LOSS
from rtrl_lstm.spec import Spec


def weights_of(spec: Spec, squares: Array, losses: Array) -> dict[str, Array]:
    """The weights in the next forecast, as `Core.combination` gives them.

    Args:
        squares: (2 + C,) those of least squares, over the 1, the network and C inputs.
        losses: (1 + C, 3) of least squares and of the inputs alone: two, and how many labels.
    """
    size = np.maximum(losses[:, 0] * losses[:, 1], LEAST_LOSS)
    shares = np.where(losses[:, 2] > 0, 1.0 / (size * size * (size * size)), 0.0)
    weights, inputs = squares.copy(), np.zeros(spec.input_size)
    if shares.sum() > 0:
        shares /= shares.sum()
        weights *= shares[0]
        weights[2:] += shares[1:]
    inputs[list(spec.combine_with)] = weights[2:]
    return {"bias": weights[:1], "network": weights[1:2], "inputs": inputs}
