"""What inputs have in common that are targets of a day, week or season ago."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from rtrl_lstm.table.columns import Inputs, Value
from rtrl_lstm.table.season import Seasons


class SeasonInputs(ABC):
    """For each season an input for each forecast, in a stretch; and behind it one of changes.

    Args:
        forecasts: how many there are.
        seasons: the seasons of the target, of the first one if there are several.

    Attributes:
        seasons: the targets of the past.
        slots: lag in rows -> where its inputs begin, in order of appearance.
        changes: the same of the inputs that are changes.
        fixed: whether there are no further inputs. The targets move on.
    """

    def __init__(self, forecasts: int, seasons: Seasons) -> None:
        self.seasons = seasons
        self.slots: dict[int, int] = {}
        self.changes: dict[int, int] = {}
        self.fixed = False
        self._forecasts = forecasts

    @abstractmethod
    def commit(self, inputs: Inputs, values: list[float]) -> None:
        """Write the targets of seasons ago into `values`; new ones are appended, unless `fixed`."""

    def push(self, truths: list[Value], seconds: float | None) -> None:
        """Take the next row's targets and time stamp."""
        self.seasons.push(truths[0], seconds)

    def combined(self, own: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """For each forecast the places of its last target, `own`, and of its inputs: see `Spec`."""
        firsts = sorted((*self.slots.values(), *self.changes.values()))
        return tuple((last, *(first + k for first in firsts)) for k, last in enumerate(own))

    def unseen(self, calendar: bool) -> tuple[int, ...]:
        """The places of inputs that are nothing for the network, which may have a calendar.

        (Measured: one that has a calendar learns worse when it sees the lags as well, one that has
        none learns better.)
        """
        values = self.slots.values() if calendar else ()
        return self._all((*values, *self.changes.values()))

    @property
    def inner(self) -> tuple[int, ...]:
        """The places of those that are of a season before the last one."""
        lags = [lag for lag in self.slots if lag in self.seasons.doubled]
        both = (self.slots, self.changes)
        return self._all(each[lag] for lag in lags for each in both if lag in each)

    def _all(self, firsts: Iterable[int]) -> tuple[int, ...]:
        """All places of the inputs that begin there."""
        return tuple(k for at in sorted(firsts) for k in range(at, at + self._forecasts))

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "seasons": self.seasons.to_json(),
            "slots": [list(one) for one in self.slots.items()],
            "changes": [list(one) for one in self.changes.items()],
            "fixed": self.fixed,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.seasons.restore(saved["seasons"])
        self.slots = dict(saved["slots"])
        self.changes = dict(saved["changes"])
        self.fixed = saved["fixed"]
