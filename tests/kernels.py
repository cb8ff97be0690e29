"""Compiles the kernels that the tests use, before `make test` runs them: a process to a part.

Kernels have most of their blocks in common: where one of a dtype has just been compiled, another
takes half as long (5 s, not 10). Left to the tests, most would be the first one of their process.
What is not listed here, the tests compile themselves.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from rtrl_lstm.spec import CELLS

ALL, LSTM, GRU = CELLS, ("lstm",), ("gru",)
# Parts that take about as long: (family, cells, dtype of rows, dtype of the learner).
PARTS = (
    (
        ("simple", ALL, "float64", "float32"),
        ("narrow", ALL, "float64", "float32"),
        ("simple", LSTM, "float32", "float32"),
        ("narrow", LSTM, "float32", "float32"),
        ("sparse", ALL, "float64", "float32"),
        ("sparse", LSTM, "float32", "float32"),
    ),
    (
        ("simple", ALL, "float64", "float64"),
        ("full", ALL, "float64", "float64"),
        ("simple", LSTM, "float32", "float64"),
        ("full", GRU, "float64", "float32"),
    ),
)


def compile_part(part: int) -> None:
    """Put the kernels of a part on disk, where they are not there yet."""
    import numpy as np

    from rtrl_lstm.kernels import entries

    for family, cells, *dtypes in PARTS[part]:
        for cell in cells:
            entries.bare_entry(cell, family, *map(np.dtype, dtypes))
    entries.bare_help(np.dtype(PARTS[part][0][3]))


def main() -> None:
    """Compile all."""
    print("compiling the kernels of the tests, where they have changed", flush=True)
    with ProcessPoolExecutor(len(PARTS), get_context("spawn")) as pool:
        list(pool.map(compile_part, range(len(PARTS))))


if __name__ == "__main__":
    sys.exit(main())
