"""Inputs that are forecasts by themselves, a stretch of them for each season: see the subclasses.

Where a network has several outputs, a season brings an input for each of them, and as in `lags`
there is a stretch of changes behind it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from operator import add
from typing import Any

from rtrl_lstm.kernels.words import LARGEST
from rtrl_lstm.table.columns import Inputs, Value
from rtrl_lstm.table.season import Seasons


class Stretches(ABC):
    """The targets of seasons ago among the inputs, for each of several forecasts.

    Args:
        names: of the forecasts, as inputs' names begin and end: (target, what follows).
        seasons: the seasons of the first target.

    Attributes:
        seasons: the targets of the past.
        fixed: whether there are no further inputs. The targets move on.
    """

    def __init__(self, names: Iterable[tuple[str, str]], seasons: Seasons) -> None:
        self.seasons = seasons
        self.fixed = False
        self._names = list(names)
        # Lag in rows -> where its stretch of inputs begins, in order of appearance.
        self._slots: dict[int, int] = {}
        self._changes: dict[int, int] = {}

    @abstractmethod
    def push(self, truths: list[Value], seconds: float | None) -> None:
        """Take the next row's targets and time stamp."""

    @abstractmethod
    def _reach(self, lag: int, changes: bool) -> int:
        """So many rows before the last one a stretch begins."""

    @abstractmethod
    def _then(self, lag: int) -> list[float]:
        """For each forecast the target of a season ago."""

    @abstractmethod
    def _changed(self, lag: int) -> list[float]:
        """For each forecast what the target has changed by since that season's beginning."""

    @abstractmethod
    def unseen(self, calendar: bool) -> tuple[int, ...]:
        """The places of inputs that are nothing for the network, which may have a calendar."""

    def commit(self, inputs: Inputs, values: list[float]) -> None:
        """Write the targets of seasons ago into `values`; new ones are appended, unless `fixed`."""
        if not self.fixed:
            self._add(inputs, values)
        width = len(self._names)
        for lag, place in self._slots.items():
            then = self._then(lag)
            values[place : place + width] = then
            if lag in self._changes:
                at = self._changes[lag]
                found = list(map(add, then, self._changed(lag)))
                if max(found) > LARGEST or min(found) < -LARGEST:
                    found = [min(max(value, -LARGEST), LARGEST) for value in found]
                values[at : at + width] = found

    def combined(self, own: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """For each forecast the places of its last target, `own`, and of its inputs: see `Spec`."""
        firsts = sorted((*self._slots.values(), *self._changes.values()))
        return tuple((last, *(first + k for first in firsts)) for k, last in enumerate(own))

    @property
    def inner(self) -> tuple[int, ...]:
        """The places of those that are of a season before the last one."""
        lags = [lag for lag in self._slots if lag in self.seasons.doubled]
        both = (self._slots, self._changes)
        return self._all(each[lag] for lag in lags for each in both if lag in each)

    def _all(self, firsts: Iterable[int]) -> tuple[int, ...]:
        """All places of the stretches that begin there."""
        width = len(self._names)
        return tuple(k for first in sorted(firsts) for k in range(first, first + width))

    def _add(self, inputs: Inputs, values: list[float]) -> None:
        rows = self.seasons.rows
        for lag, name in self.seasons.lags.items():
            if lag not in self._slots and rows > self._reach(lag, changes=False):
                self._slots[lag] = self._append(name, inputs, values)
            if lag not in self._changes and rows > self._reach(lag, changes=True):
                self._changes[lag] = self._append(f"{name}: change", inputs, values)

    def _append(self, name: str, inputs: Inputs, values: list[float]) -> int:
        first = len(inputs.names)
        for of, end in self._names:
            inputs.add(f"{of} ({name}){end}", scaled=True)
            values.append(0.0)
        return first

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "seasons": self.seasons.to_json(),
            "slots": [list(one) for one in self._slots.items()],
            "changes": [list(one) for one in self._changes.items()],
            "fixed": self.fixed,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.seasons.restore(saved["seasons"])
        self._slots = dict(saved["slots"])
        self._changes = dict(saved["changes"])
        self.fixed = saved["fixed"]
