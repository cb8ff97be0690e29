"""The elementwise part of a cell: everything that is not a matrix product, a trace or an update.

A cell is a small class with the names of its rows and one method. For one step it is given the
rows' sums ``z`` and the old state, and says the new state, the output, and their local derivatives.
"""

from typing import ClassVar, NamedTuple

import numpy as np

Array = np.ndarray


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), written with tanh so that no exponential overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


class CellStep(NamedTuple):
    """What a cell says about one step. Every array has shape (n,), one number per unit.

    Attributes:
      s: the new state.
      h: the output.
      decay: ds_t / ds_{t-1}, with every z held fixed.
      inject: ds_t / dz_row for the rows that move the state; only these have traces.
      dh_ds: dh_t / ds_t, with every z held fixed.
      dh_dz: dh_t / dz_row for the rows that move the output directly, with s_t held fixed.
    """

    s: Array
    h: Array
    decay: Array
    inject: dict[str, Array]
    dh_ds: Array
    dh_dz: dict[str, Array]


class LSTM:
    """s_t = f s_{t-1} + i g and h_t = o tanh(s_t) (Gers, Schmidhuber and Cummins 2000)."""

    rows: ClassVar = ("i", "f", "g", "o")
    traced: ClassVar = ("i", "f", "g")

    def step(self, z: dict[str, Array], s_tm1: Array) -> CellStep:
        i, f, o = sigmoid(z["i"]), sigmoid(z["f"]), sigmoid(z["o"])
        g = np.tanh(z["g"])
        s = f * s_tm1 + i * g
        k = np.tanh(s)
        return CellStep(
            s=s,
            h=o * k,
            decay=f,
            inject={
                "i": g * i * (1.0 - i),
                "f": s_tm1 * f * (1.0 - f),
                "g": i * (1.0 - g * g),
            },
            dh_ds=o * (1.0 - k * k),
            dh_dz={"o": k * o * (1.0 - o)},
        )
