"""The elementwise part of a cell: everything that is not a matrix product, a trace or an update.

A cell (see ``cells.py``) is a small class with the names of its rows, what they see, and one
method. For one step it is given the rows' sums ``z`` and the old state, and says the new state, the
output, and their local derivatives.
"""

from typing import NamedTuple

import numpy as np

Array = np.ndarray


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), written with tanh so that no exponential overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def sigmoid_slope(z: Array) -> Array:
    return sigmoid(z) * (1.0 - sigmoid(z))


# name -> the function and its derivative
ACTIVATIONS = {
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, sigmoid_slope),
    "identity": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.where(z.real > 0.0, z, 0.0), lambda z: (z.real > 0.0).astype(float)),
    "4sigmoid-2": (lambda z: 4.0 * sigmoid(z) - 2.0, lambda z: 4.0 * sigmoid_slope(z)),
    "2sigmoid-1": (lambda z: 2.0 * sigmoid(z) - 1.0, lambda z: 2.0 * sigmoid_slope(z)),
}


class Held(NamedTuple):
    """States (n,) that diagonal weights see in place of the present ones: for the oracle."""

    s_tm1: Array
    s_t: Array


class CellStep(NamedTuple):
    """What a cell says about one step. Every array has shape (n,), one number per unit.

    Attributes:
      s: the new state.
      h: the output.
      decay: ds_t / ds_{t-1}, with every z held fixed.
      inject: ds_t / dz_row for the rows that move the state; only these have traces.
      dh_ds: dh_t / ds_t, with every z held fixed.
      dh_dz: dh_t / dz_row for the rows that move the output directly, with s_t held fixed.
      gates: the activations of the gates, one after the other; nothing where no row sees them.
    """

    s: Array
    h: Array
    decay: Array
    inject: dict[str, Array]
    dh_ds: Array
    dh_dz: dict[str, Array]
    gates: Array = np.zeros(0)
