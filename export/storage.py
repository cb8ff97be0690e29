"""Weights in half a number's room, or a quarter: float16 and int8.

Only the matrices are rounded, and only as they lie in the file: the arithmetic is float32's, on the
rounded weights, which onnxruntime widens once, when it loads the graph. Biases, diagonal weights,
states and statistics are few, and stay as they are. An int8 matrix has a scale for each row.
"""

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.fields import Array

ROUNDED = ("float16", "int8")
LEVELS = 127
"""An int8 weight is one of so many times its row's scale, up or down."""


def row_scales(matrix: Array) -> NDArray[np.float32]:
    """The scales of the rows of a matrix (..., R, D): (..., R, 1)."""
    largest = np.abs(matrix).max(-1, keepdims=True)
    scale: NDArray[np.float32] = np.where(largest > 0, largest / LEVELS, 1.0).astype(np.float32)
    return scale


def to_levels(matrix: Array) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix as int8 levels and scales of its rows."""
    scale = row_scales(matrix)
    return np.rint(matrix / scale.astype(np.float64)).astype(np.int8), scale


def rounded(matrix: Array, precision: str) -> Array:
    """A matrix as it is after it was stored."""
    if precision == "float16":
        with np.errstate(over="ignore"):
            return matrix.astype(np.float16).astype(np.float32)
    levels, scale = to_levels(matrix)
    found: Array = levels.astype(np.float32) * scale
    return found
