"""Rows for the measurements: drawn from a seed, the same ones every time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# What runs the command line of this tree, whatever is installed.
COMMAND = [sys.executable, "-m", "rtrl_lstm.cli.main"]
HEADER = "a,b,c,d,y"
_AT_ONCE = 10_000


def environment() -> dict[str, str]:
    """With this tree first on the path."""
    here = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": here if path is None else f"{here}{os.pathsep}{path}"}


def lines(count: int, seed: int = 0) -> Iterator[str]:
    """Blocks of lines: four inputs, and a target that follows from them and from the past."""
    rng = np.random.default_rng(seed)
    last = 0.0
    for begin in range(0, count, _AT_ONCE):
        x = rng.normal(size=(min(_AT_ONCE, count - begin), 4)).round(4)
        noise = 0.1 * rng.normal(size=len(x))
        block = []
        for row, extra in zip(x.tolist(), noise.tolist(), strict=True):
            last = 0.7 * last + row[0] - 0.5 * row[1] + extra
            block.append(f"{row[0]},{row[1]},{row[2]},{row[3]},{last:.4f}\n")
        yield "".join(block)


def write_csv(path: Path, count: int, seed: int = 0, bad_every: int = 0) -> None:
    """A file of such rows; every so many of them are bad."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for block in lines(count, seed):
            if bad_every:
                rows = block.splitlines(keepends=True)
                rows[bad_every - 1 :: bad_every] = ["oops,1\n"] * len(
                    rows[bad_every - 1 :: bad_every]
                )
                block = "".join(rows)
            file.write(block)
