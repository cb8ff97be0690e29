"""What became of a model's rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.table.schema import Reading


class Counting:
    """Counts rows as they pass, and whether the forecasts made at them were learned from.

    Args:
        horizon: rows ahead.

    Attributes:
        rows: good rows of the source.
        taken: these, and those that were put in to fill gaps.
    """

    def __init__(self, horizon: int) -> None:
        self.rows = 0
        self.taken = 0
        self._horizon = horizon
        self._learned = 0
        self._fed = 0  # rows of this sequence that the learner has seen
        self._fillers: list[int] = []  # which of them were put in, of the last `horizon` and more

    def take(self, reading: Reading, learns: bool) -> None:
        """A row that the learner takes."""
        if reading.reset:
            self.begin_sequence()
        known = reading.label == reading.label  # not NaN
        if not known and reading.also:
            known = any(label == label for label in reading.also)
        if known and self._fed >= self._horizon and learns:
            self._learned += self._fed - self._horizon not in self._fillers
        if reading.filled:
            self._fillers = [t for t in self._fillers if t >= self._fed - self._horizon]
            self._fillers.append(self._fed)
        self._fed += 1
        self.pass_by(reading.filled)

    def take_many(self, labels: Array, learns: bool) -> None:
        """`take` for rows of numbers, (T,): none begins a sequence, none was put in."""
        if learns:
            early = max(self._horizon - self._fed, 0)
            self._learned += int(np.count_nonzero(~np.isnan(labels[early:])))
        self._fed += len(labels)
        self.rows += len(labels)
        self.taken += len(labels)

    def pass_by(self, filled: bool = False) -> None:
        """A row that no learner takes; one that was put in is none of the source."""
        self.rows += not filled
        self.taken += 1

    def begin_sequence(self) -> None:
        """The learner has forgotten the rows before."""
        self._fed = 0
        self._fillers = []

    def found(self) -> dict[str, int]:
        """See `Model.counts`."""
        filled = sum(t >= self._fed - self._horizon for t in self._fillers)
        pending = min(self._horizon - filled, self.rows)
        return {
            "rows": self.rows,
            "learned": self._learned,
            "unlabelled": self.rows - self._learned - pending,
            "pending": pending,
        }

    def anew(self) -> Counting:
        """One that counts from 0, of a learner that stands where this one's does."""
        other = Counting(self._horizon)
        other.restore({**self.to_json(), "rows": 0, "learned": 0})
        return other

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "rows": self.rows,
            "taken": self.taken,
            "learned": self._learned,
            "fed": self._fed,
            "fillers": list(self._fillers),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.rows = saved["rows"]
        self.taken = saved["taken"]
        self._learned = saved["learned"]
        self._fed = saved["fed"]
        self._fillers = list(saved["fillers"])
