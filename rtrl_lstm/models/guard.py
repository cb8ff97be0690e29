"""Steps a model's learner back where it has gone astray: numbers that are none, or wild forecasts.

Every `EVERY` rows the learner is looked at, and where all is well a copy of it is kept. It goes
back to that copy, with a tenth of the learning rate and a new sequence, after a forecast that is
no finite number; and at such a look, where its weights or states are not finite, or where over
these rows

    mean |forecast - y| > WILD * mean |y - the y before|  and  > mean |y|,

y being the target of the row (from horizon 1 on the last one known to the forecast): the target
stands still beside what the forecasts do. (That of the very first target does not count: of its
size nothing was known.) Where that is so again before all was well, the copy is no better, as when
its statistics have seen numbers of another size, and the rate was not at fault: the learner begins
afresh, weights and all, at the rate that it had, and each further time with a tenth of that.

All of it depends on the rows alone, not on how they come in chunks.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from rtrl_lstm.ensemble import AnyLearner
from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.tally import add_to_tally
from rtrl_lstm.table.schema import Reading

EVERY = 256
WILD = 1000.0
LOWER = 0.1
LEAST_LABELS = 16
LEAST_RATE = 1e-12


class Tally:
    """What a target and its forecasts did since the last look."""

    def __init__(self) -> None:
        # Known targets, and sums of |forecast - y|, of |y - the y before| and of |y|.
        self.labels = 0
        self.errors = self.changes = self.sizes = 0.0
        self.last: float | None = None

    def note(self, forecast: float, label: float) -> None:
        """Take a row; `label` is NaN where it is missing."""
        if label == label:
            self.labels += 1
            if self.last is not None:
                self.errors += abs(forecast - label)
                self.changes += abs(label - self.last)
            self.sizes += abs(label)
            self.last = label

    def note_all(self, forecasts: Array, labels: Array, k: int) -> None:
        """`note` of the numbers k of many rows, in the same bits: (T, K) both."""
        if self.last is None:
            known = np.flatnonzero(~np.isnan(labels[:, k]))
            if not len(known):
                return
            first = int(known[0])
            self.note(float(forecasts[first, k]), float(labels[first, k]))
            forecasts, labels = forecasts[first + 1 :], labels[first + 1 :]
        sums = (self.labels, self.errors, self.changes, self.sizes, self.last)
        self.labels, self.errors, self.changes, self.sizes, self.last = add_to_tally(
            forecasts, labels, k, *sums
        )

    def is_wild(self) -> bool:
        """Whether the forecasts were. Then it begins to count again."""
        wild = self.errors > max(WILD * self.changes, self.sizes) > 0.0
        wild = wild and self.labels >= LEAST_LABELS
        self.labels = 0
        self.errors = self.changes = self.sizes = 0.0
        return wild


class Guard:
    """Looks after the learner of one model.

    Args:
        targets: how many there are.

    Attributes:
        good: the learner when all was well with it last; None while there is none.
        interventions: how often it was stepped back.
    """

    def __init__(self, targets: int = 1) -> None:
        self.good: AnyLearner | None = None
        self.interventions = 0
        self._strikes = 0  # since all was well
        self._tallies = [Tally() for _ in range(targets)]

    def begin(self, learner: AnyLearner) -> None:
        """Look after a learner from now on."""
        self.good = copy.copy(learner)

    def note(self, forecasts: list[float], reading: Reading) -> None:
        """Take a row of a regression."""
        self._tallies[0].note(forecasts[0], reading.label)
        if reading.also:
            further = zip(self._tallies[1:], forecasts[1:], reading.also, strict=True)
            for tally, forecast, label in further:
                tally.note(forecast, label)

    def note_all(self, forecasts: Array, labels: Array) -> None:
        """`note` for many rows, in the same bits.

        Args:
            forecasts: (T, K), of the learner's dtype.
            labels: (T, K), or (T,) where K is 1; NaN where they are missing.
        """
        labels = labels.reshape(forecasts.shape)
        for k, tally in enumerate(self._tallies):
            tally.note_all(forecasts, labels, k)

    def look(self, learner: AnyLearner) -> bool:
        """Whether the learner had to be stepped back, after `EVERY` rows."""
        enough = any(tally.labels >= LEAST_LABELS for tally in self._tallies)
        wild = [tally.is_wild() for tally in self._tallies]
        if not learner.is_finite() or any(wild):
            self.step_back(learner)
            return True
        if enough:
            self._keep(learner)
        return False

    def step_back(self, learner: AnyLearner) -> None:
        """Make the learner what it was when all was well, or what it was at first."""
        assert self.good is not None
        rate = learner.learning_rate
        rate = rate / LOWER if self._strikes == 1 else max(rate * LOWER, LEAST_RATE)
        if self._strikes:
            learner.begin_afresh()
            _copy(learner, self.good)
        else:
            _copy(self.good, learner)
        learner.learning_rate = rate
        learner.reset()
        self.interventions += 1
        self._strikes += 1

    def _keep(self, learner: AnyLearner) -> None:
        assert self.good is not None
        _copy(learner, self.good)
        self._strikes = 0

    def to_json(self) -> dict[str, Any]:
        """All there is to it but the good learner, as plain JSON."""
        return {
            "interventions": self.interventions,
            "strikes": self._strikes,
            "tallies": [dict(vars(tally)) for tally in self._tallies],
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], good: AnyLearner | None) -> Guard:
        """The inverse of `to_json`, given the good learner."""
        guard = cls(len(saved["tallies"]))
        guard.good = good
        guard.interventions = saved["interventions"]
        guard._strikes = saved["strikes"]
        for tally, sums in zip(guard._tallies, saved["tallies"], strict=True):
            vars(tally).update(sums)
        return guard


def _copy(learner: AnyLearner, to: AnyLearner) -> None:
    """All numbers of one to the other."""
    # The two are of one kind, as one was made as a copy of the other: mypy cannot see that.
    to.become(learner)  # type: ignore[arg-type]
