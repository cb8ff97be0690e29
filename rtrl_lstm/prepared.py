"""Rows for a learner, checked and in the form that its kernel reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rtrl_lstm.fields import Array
from rtrl_lstm.sparse_rows import SparseRows

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
ROW_DTYPE = np.dtype(np.float64)
"""What rows are taken to be until there was one, as a kernel is compiled for each dtype: Python's
own numbers and a Model's."""


@dataclass(frozen=True)
class Prepared:
    """What `Core.prepare` gives and `Core.take_rows` takes, T rows.

    Attributes:
        values: (T, I) inputs; where they are listed, the numbers that are there.
        labels: (T, K) float64, NaN where there is none.
        weights: (T,) float64.
        begins: (T,) uint8, 1 where a new sequence begins.
        y_hat: (T, O) for what the learner will say.
        listed: which inputs `values` are, of sparse rows.
    """

    values: Array
    labels: Array
    weights: Array
    begins: Array
    y_hat: Array
    listed: SparseRows | None = None

    @property
    def count(self) -> int:
        """Rows, T."""
        return len(self.weights)


def as_numbers(values: Any, name: str) -> Array:
    """Whatever holds numbers as an array of float32 or float64; None and what is masked are NaN.

    Raises ValueError where it holds anything else, complex numbers, dates and text among it.
    """
    if type(values) is np.ndarray and values.dtype in FLOATS:  # what comes row by row
        return values
    if isinstance(values, np.ma.MaskedArray):
        values = np.where(np.ma.getmaskarray(values), np.nan, np.ma.getdata(values))
    try:
        found = np.asarray(values)
        if found.dtype in FLOATS:
            return found
        if found.dtype.kind in "cmM":
            raise TypeError(f"they are of dtype {found.dtype}")
        if found.dtype.kind in "SUO":
            _refuse_text(found)
        return found.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from None


def _refuse_text(values: Array) -> None:
    """Raise TypeError where there is text, be it of digits, which NumPy would read."""
    for value in values.flat:
        if isinstance(value, str | bytes):
            raise TypeError(f"{value!r} is text")


def as_rows(values: ArrayLike, name: str, width: int, count: int | None = None) -> Array:
    """Numbers as (T, width), contiguous; (T,) will do where the width is 1. Raises ValueError."""
    given = rows = as_numbers(values, name)
    if rows.ndim == 1 and width == 1:
        rows = rows[:, np.newaxis]
    if rows.ndim != 2 or rows.shape[1] != width or count not in (None, len(rows)):
        wanted = f"({'T' if count is None else count}, {width})"
        raise ValueError(f"{name} has shape {given.shape}; it must be {wanted}")
    return np.ascontiguousarray(rows)


def as_column(values: ArrayLike, name: str, count: int) -> Array:
    """Numbers as (count,) float64. Raises ValueError."""
    column = np.ascontiguousarray(as_numbers(values, name), np.float64)
    if column.shape != (count,):
        raise ValueError(f"{name} has shape {column.shape}; it must be ({count},)")
    return column
