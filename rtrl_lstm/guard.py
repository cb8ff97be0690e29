"""Steps a model's learner back where it has gone astray: numbers that are none, or wild forecasts.

Every `EVERY` rows the learner is looked at, and where all is well a copy of it is kept. It goes
back to that copy, with a tenth of the learning rate and a new sequence, after a forecast that is
no finite number; and at such a look, where its weights or states are not finite, or where over
these rows

    mean |forecast - y| > WILD * mean |y - the y before|  and  > mean |y|,

y being the target of the row (from horizon 1 on the last one known to the forecast): the target
stands still beside what the forecasts do. Where that is so again before all was well, the copy is
no better, as when its statistics have seen numbers of another size, and the rate was not at fault:
the learner begins afresh, weights and all, at the rate that it had, and each further time with a
tenth of that.

All of it depends on the rows alone, not on how they come in chunks.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from rtrl_lstm.ensemble import Ensemble
from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner

Guarded = Learner | Forecaster | Ensemble

EVERY = 256
WILD = 1000.0
LOWER = 0.1
LEAST_LABELS = 16
LEAST_RATE = 1e-12


class Guard:
    """Looks after the learner of one model.

    Attributes:
        good: the learner when all was well with it last; None while there is none.
        interventions: how often it was stepped back.
    """

    def __init__(self) -> None:
        self.good: Guarded | None = None
        self.interventions = 0
        self._strikes = 0  # since all was well
        # Of the rows since the last look: known targets, and sums of |forecast - y|, of
        # |y - the y before| and of |y|.
        self._labels = 0
        self._errors = self._changes = self._sizes = 0.0
        self._last: float | None = None

    def begin(self, learner: Guarded) -> None:
        """Look after a learner from now on."""
        self.good = copy.copy(learner)

    def note(self, forecast: float, label: float) -> None:
        """Take a row of a regression; `label` is NaN where it is missing."""
        if label == label:
            self._labels += 1
            self._errors += abs(forecast - label)
            self._changes += abs(label - (label if self._last is None else self._last))
            self._sizes += abs(label)
            self._last = label

    def note_all(self, forecasts: Array, labels: Array) -> None:
        """`note` for many rows, in the same bits: (T,) float64 both."""
        known = labels == labels
        if not known.all():
            forecasts, labels = forecasts[known], labels[known]
        if not len(labels):
            return
        before = np.empty_like(labels)
        before[0] = labels[0] if self._last is None else self._last
        before[1:] = labels[:-1]
        self._labels += len(labels)
        self._errors = _sum(self._errors, np.abs(forecasts - labels))
        self._changes = _sum(self._changes, np.abs(labels - before))
        self._sizes = _sum(self._sizes, np.abs(labels))
        self._last = float(labels[-1])

    def look(self, learner: Guarded) -> bool:
        """Whether the learner had to be stepped back, after `EVERY` rows."""
        wild = self._errors > max(WILD * self._changes, self._sizes) > 0.0
        enough = self._labels >= LEAST_LABELS
        self._labels = 0
        self._errors = self._changes = self._sizes = 0.0
        if not learner.is_finite() or (wild and enough):
            self.step_back(learner)
            return True
        if enough:
            self._keep(learner)
        return False

    def step_back(self, learner: Guarded) -> None:
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

    def _keep(self, learner: Guarded) -> None:
        assert self.good is not None
        _copy(learner, self.good)
        self._strikes = 0

    def to_json(self) -> dict[str, Any]:
        """All there is to it but the good learner, as plain JSON."""
        return {
            "interventions": self.interventions,
            "strikes": self._strikes,
            "labels": self._labels,
            "sums": [self._errors, self._changes, self._sizes],
            "last": self._last,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], good: Guarded | None) -> Guard:
        """The inverse of `to_json`, given the good learner."""
        guard = cls()
        guard.good = good
        guard.interventions = saved["interventions"]
        guard._strikes = saved["strikes"]
        guard._labels = saved["labels"]
        guard._errors, guard._changes, guard._sizes = saved["sums"]
        guard._last = saved["last"]
        return guard


def _copy(learner: Guarded, to: Guarded) -> None:
    """All numbers; the two are of one kind, as one was made as a copy of the other."""
    to.become(learner)  # type: ignore[arg-type]


def _sum(carried: float, values: Array) -> float:
    """Row by row, so that it does not depend on how rows come in chunks."""
    return float(np.add.accumulate(np.concatenate(([carried], values)))[-1])
