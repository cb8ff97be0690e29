"""Targets of seasons ago as inputs, where a network has several outputs: see the subclasses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from operator import add

from rtrl_lstm.kernels.words import LARGEST
from rtrl_lstm.table.columns import Inputs
from rtrl_lstm.table.season import Seasons
from rtrl_lstm.table.season_inputs import SeasonInputs


class Stretches(SeasonInputs):
    """The targets of seasons ago among the inputs, for each of several forecasts.

    Args:
        names: of the forecasts, as inputs' names begin and end: (target, what follows).
        seasons: the seasons of the first target.
    """

    def __init__(self, names: Iterable[tuple[str, str]], seasons: Seasons) -> None:
        self._names = list(names)
        super().__init__(len(self._names), seasons)

    @abstractmethod
    def _reach(self, lag: int, changes: bool) -> int:
        """So many rows before the last one a stretch begins."""

    @abstractmethod
    def _then(self, lag: int) -> list[float]:
        """For each forecast the target of a season ago."""

    @abstractmethod
    def _changed(self, lag: int) -> list[float]:
        """For each forecast what the target has changed by since that season's beginning."""

    def commit(self, inputs: Inputs, values: list[float]) -> None:
        """Write the targets of seasons ago into `values`; new ones are appended, unless `fixed`."""
        if not self.fixed:
            self._add(inputs, values)
        width = self._forecasts
        for lag, place in self.slots.items():
            then = self._then(lag)
            values[place : place + width] = then
            if lag in self.changes:
                at = self.changes[lag]
                found = list(map(add, then, self._changed(lag)))
                if max(found) > LARGEST or min(found) < -LARGEST:
                    found = [min(max(value, -LARGEST), LARGEST) for value in found]
                values[at : at + width] = found

    def _add(self, inputs: Inputs, values: list[float]) -> None:
        rows = self.seasons.rows
        for lag, name in self.seasons.lags.items():
            if lag not in self.slots and rows > self._reach(lag, changes=False):
                self.slots[lag] = self._append(name, inputs, values)
            if lag not in self.changes and rows > self._reach(lag, changes=True):
                self.changes[lag] = self._append(f"{name}: change", inputs, values)

    def _append(self, name: str, inputs: Inputs, values: list[float]) -> int:
        first = len(inputs.names)
        for of, end in self._names:
            inputs.add(f"{of} ({name}){end}", scaled=True)
            values.append(0.0)
        return first
