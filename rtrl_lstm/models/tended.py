"""Tended: a model's learner, and what goes along with it: the guard, and the counts of its rows."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rtrl_lstm.ensemble import AnyLearner
from rtrl_lstm.fields import Array
from rtrl_lstm.models.counting import Counting
from rtrl_lstm.models.guard import EVERY, Guard
from rtrl_lstm.prepared import Prepared
from rtrl_lstm.table.readings import label_of
from rtrl_lstm.table.schema import Reading


class Tended:
    """A learner, once there is one, that is looked after and whose rows are counted.

    After a forecast that is no finite number there is another learner, see `guard`; so where many
    rows are given, those up to such a forecast are taken.

    Args:
        horizon: rows ahead.
        outputs: the numbers of a forecast.

    Attributes:
        learner: None while there is none.
        learns: whether rows teach it.
        guard, counting: as they stand.
    """

    def __init__(self, horizon: int, outputs: int) -> None:
        self.learner: AnyLearner | None = None
        self.learns = True
        self.guard = Guard(outputs)
        self.counting = Counting(horizon)

    def begin(self, learner: AnyLearner) -> None:
        """Here is the learner."""
        self.learner = learner
        self.guard.begin(learner)

    def frozen(self, outputs: int, learner: AnyLearner | None) -> Tended:
        """One that does not learn, with this frozen learner, or else a copy of its own.

        Its counts start at 0.
        """
        other = copy.copy(self)
        other.guard, other.counting, other.learns = Guard(outputs), self.counting.anew(), False
        if learner is None and self.learner is not None:
            learner = self.learner.frozen()
        if learner is not None:
            other.begin(learner)
        return other

    @property
    def both(self) -> tuple[AnyLearner, AnyLearner]:
        """The learner, and the one that it may have to go back to."""
        assert self.learner is not None
        assert self.guard.good is not None
        return self.learner, self.guard.good

    def step(self, reading: Reading, tallied: bool) -> list[float] | None:
        """One row. Returns the outputs; None where they are no finite numbers.

        Args:
            tallied: whether the guard is to compare forecasts with truths: of a regression.
        """
        assert self.learner is not None
        if reading.reset:
            self.learner.reset()
        outputs = self.learner.step(np.array(reading.inputs), label_of(reading), reading.weight)
        said: list[float] = outputs.tolist()
        if not all(map(math.isfinite, said)):
            self._back_off(reading.filled)
            return None
        if tallied:
            self.guard.note(said, reading)
        self.counting.take(reading, self.learns)
        self._look()
        return said

    def run(self, readings: Sequence[Reading], tallied: bool) -> list[list[float] | None]:
        """`step` for many rows, in the same bits; for those up to the guard's next look at most."""
        assert self.learner is not None
        readings = readings[: self._room]
        labels = np.array([label_of(reading) for reading in readings])
        outputs = self.learner.run(
            np.array([reading.inputs for reading in readings]),
            labels,
            np.array([reading.weight for reading in readings]),
            reset=np.array([reading.reset for reading in readings]),
        )
        good = _finite(outputs)
        if tallied:
            self.guard.note_all(outputs[:good], labels[:good])
        for reading in readings[:good]:
            self.counting.take(reading, self.learns)
        if good == len(readings):
            self._look()
            return [*outputs.tolist()]
        self._back_off(readings[good].filled)
        return [*outputs[:good].tolist(), None]

    def run_numbers(self, rows: Prepared, labels: Array, forecasts: Array) -> None:
        """`step` for rows of numbers and one target, into `forecasts`; NaN where there is none.

        Args:
            rows: as the learner prepared them.
            labels, forecasts: (T,).
        """
        assert self.learner is not None
        begin = 0
        while begin < len(labels):
            end = min(begin + self._room, len(labels))
            outputs = self.learner.take_rows(rows, begin, end)
            good = _finite(outputs)
            end = begin + good
            forecasts[begin:end] = outputs[:good, 0]
            self.guard.note_all(outputs[:good], labels[begin:end])
            self.counting.take_many(labels[begin:end], self.learns)
            if good == len(outputs):
                self._look()
            else:
                forecasts[end] = np.nan
                self._back_off()
                end += 1
            begin = end

    def pass_by(self, filled: bool) -> None:
        """A row that no learner takes."""
        self.counting.pass_by(filled)

    @property
    def _room(self) -> int:
        """Rows up to the guard's next look."""
        return EVERY - self.counting.taken % EVERY

    def _look(self) -> None:
        """Look after the learner where so many rows have gone by."""
        assert self.learner is not None
        if self.counting.taken % EVERY == 0 and self.guard.look(self.learner):
            self.counting.begin_sequence()

    def _back_off(self, filled: bool = False) -> None:
        """A row whose forecast is no finite number: it teaches nothing."""
        assert self.learner is not None
        self.guard.step_back(self.learner)
        self.counting.pass_by(filled)
        self.counting.begin_sequence()
        self._look()

    def to_json(self) -> dict[str, Any]:
        """Everything but the learner, as plain JSON."""
        return {
            "guard": self.guard.to_json(),
            "counts": self.counting.to_json(),
            "frozen": not self.learns,
        }

    def restore(
        self, saved: dict[str, Any], learner: AnyLearner | None, good: AnyLearner | None
    ) -> None:
        """Go back to what `to_json` gave, with the learner and what it may have to go back to."""
        self.learner = learner
        self.guard = Guard.from_json(saved["guard"], copy.copy(learner) if good is None else good)
        self.counting.restore(saved["counts"])
        self.learns = not saved["frozen"]


def _finite(outputs: Array) -> int:
    """How many rows there are before the first with a number that is not finite."""
    finite = np.isfinite(outputs).all(axis=1)
    return len(outputs) if finite.all() else int(np.argmin(finite))
