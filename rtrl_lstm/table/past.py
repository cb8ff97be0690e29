"""Past: the last target that is known of a stream, and how long ago it was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.season import last_known

NAN = float("nan")


class Past:
    """Takes targets row by row, or many rows at once.

    Args:
        trails: whether labels come late: then a row without one leaves the last one standing.

    Attributes:
        last: the target of the last row, None where it was missing; where labels come late, the
            last one known.
        number: the last number that was known; None before there was one.
    """

    def __init__(self, trails: bool) -> None:
        self.last: Value = None
        self.number: float | None = None
        self._trails = trails
        self._ago = 0  # rows since the last target known, where labels come late

    def push(self, truth: Value) -> None:
        """The target of a row."""
        if truth is None and self._trails:
            self._ago += 1
            return
        self.last, self._ago = truth, 0
        self._note(truth)

    def learn_late(self, truth: Value, ago: int) -> None:
        """The target of the row so many rows before the last one, which had none when it came."""
        if ago < self._ago:
            self.last, self._ago = truth, ago
            self._note(truth)

    def before(self, truths: NDArray[np.float64]) -> NDArray[np.float64]:
        """(T,) the target before each of these, which are to be pushed; NaN where it is missing."""
        return np.concatenate(([NAN if self.last is None else self.last], truths[:-1]))

    def known(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """(T,) each of these, or where it is missing the last one known."""
        number = NAN if self.number is None else self.number
        return last_known(np.concatenate(([number], numbers)))[1:]

    def push_many(self, truths: NDArray[np.float64]) -> None:
        """`push` for (T,) numbers, T > 0, that do not come late; NaN where they are missing."""
        self.number = float(self.known(truths)[-1])
        last = float(truths[-1])
        self.last = None if last != last else last

    def _note(self, truth: Value) -> None:
        if isinstance(truth, float):
            self.number = truth

    def to_json(self) -> list[Any]:
        """All there is to it, as plain JSON."""
        return [self.last, self.number, self._ago]

    def restore(self, saved: list[Any]) -> None:
        """Go back to what `to_json` gave."""
        self.last, self.number, self._ago = saved
