"""Rows of which only the numbers that are not zero are given: compressed sparse rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SparseRows:
    """T rows. Those of row t are numbers starts[t] to starts[t + 1] of columns and values.

    Attributes:
        starts: (T + 1,) int64.
        columns: (K,) int64, ascending in each row.
        values: (K,) float32 or float64.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.floating]

    @property
    def count(self) -> int:
        return len(self.starts) - 1

    def places(self, first: int) -> tuple[int, int, int]:
        """Where a kernel finds starts, from row `first` on, and columns; and that there are any."""
        return self.starts[first:].ctypes.data, self.columns.ctypes.data, 1


def read(X: Any, input_size: int, limit: float) -> SparseRows:
    """A matrix such as SciPy's csr_array, looked through.

    Args:
        X: has shape (T, input_size), indptr (T + 1,), indices (K,) and data (K,). The order of
            columns within a row does not matter; none may come twice.
        limit: the greatest size of a number that can be taken.

    Raises:
        ValueError: a shape does not fit, a column is not there or comes twice, or a number cannot
            be taken.
    """
    starts, columns = np.asarray(X.indptr, np.int64), np.asarray(X.indices, np.int64)
    values = np.asarray(X.data)
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    if len(X.shape) != 2 or X.shape[1] != input_size or len(starts) != X.shape[0] + 1:
        raise ValueError(f"X has shape {X.shape}; it must be (T, {input_size})")
    if starts[0] != 0 or starts[-1] > len(values) or len(values) != len(columns):
        raise ValueError("X is no compressed sparse row matrix: indptr does not fit the data")
    if np.any(np.diff(starts) < 0) or np.any((columns < 0) | (columns >= input_size)):
        raise ValueError("X is no compressed sparse row matrix: an index is out of range")
    rows = np.repeat(np.arange(X.shape[0]), np.diff(starts))
    columns, values = columns[: len(rows)], values[: len(rows)]
    places = rows * input_size + columns
    if np.any(np.diff(places) <= 0):
        order = np.argsort(places, kind="stable")
        columns, values, places = columns[order], values[order], places[order]
        if np.any(np.diff(places) == 0):
            twice = int(rows[np.argmin(np.diff(places))])
            raise ValueError(f"X names a column twice in row {twice}: sum_duplicates() of SciPy")
    wrong = ~(np.abs(values) <= np.float64(limit))
    if wrong.any():
        k = int(np.argmax(wrong))
        raise ValueError(
            f"x[{columns[k]}] is {values[k]} in row {rows[k]}: inputs must be finite, and at most "
            f"{limit:g} in size"
        )
    return SparseRows(starts, np.ascontiguousarray(columns), np.ascontiguousarray(values))
