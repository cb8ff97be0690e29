"""Numbers -> lines of text, many at a time: what `repr` makes of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MANY = 256
"""Fewer are not worth loading, or compiling, what writes them ten times as fast."""


def numerals(numbers: NDArray[np.float64]) -> list[str]:
    """The `repr` of each number; some of them in one text, with newlines between them."""
    if len(numbers) < MANY:
        return list(map(repr, numbers.tolist()))
    from rtrl_lstm.kernels.shortest import LONGEST, write_lines

    numbers = np.ascontiguousarray(numbers)
    text = np.empty(LONGEST * len(numbers), np.uint8)
    found, done = [], 0
    while done < len(numbers):
        before = done
        done, end = write_lines(numbers, before, text)
        if done > before:
            found.append(text[: end - 1].tobytes().decode())
        if done < len(numbers):  # it would have an exponent
            found.append(repr(float(numbers[done])))
            done += 1
    return found
