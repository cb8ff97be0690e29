"""Inputs that are forecasts of the target by themselves: what it was a day, week or season before.

For a forecast of row t + H such an input is y[t + H - lag], with the lags of `season`: at horizon 0
a target of rows before the present one, from 1 on of rows up to it. The input of a lag comes up
with the first row where that target is known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rtrl_lstm.columns import Inputs, Value
from rtrl_lstm.season import Seasons


class _Lag(NamedTuple):
    """A lag in rows and the place of its input."""

    rows: int
    slot: int


class Lags:
    """The lagged targets among the inputs.

    Of seasons that are found in the targets the first is kept, so that an input goes on meaning
    the same. Where the target of a season ago is missing, the input is what it was the last time
    that it was known.

    Attributes:
        fixed: whether there are no further inputs. The targets move on.
    """

    def __init__(self, target: str, horizon: int) -> None:
        self.target = target
        self.fixed = False
        self._seasons = Seasons(horizon, first=True)
        self._last_row = max(horizon, 1)  # of those known: so many before the row that is forecast
        self._lags: dict[str, _Lag] = {}  # by name of the season, in order of appearance
        self._values: list[float] = []  # of each, when it was last known

    @property
    def slots(self) -> tuple[int, ...]:
        """The places of the inputs, in order of appearance."""
        return tuple(lag.slot for lag in self._lags.values())

    def push(self, truth: Value, seconds: float | None) -> None:
        """Take the next row's target and time stamp."""
        self._seasons.push(truth, seconds)

    def commit(self, inputs: Inputs, values: list[float]) -> None:
        """Write the lagged targets into `values`. New ones are appended, unless it is `fixed`."""
        seasons = self._seasons
        if len(self._lags) < len(seasons.found) and not self.fixed:
            self._add(inputs, values)
        for k, (rows, slot) in enumerate(self._lags.values()):
            value = seasons.ago(rows - self._last_row)
            if isinstance(value, float):
                self._values[k] = value
            values[slot] = self._values[k]

    def _add(self, inputs: Inputs, values: list[float]) -> None:
        for name, season in self._seasons.found.items():
            value = self._seasons.ago(season.lag - self._last_row)
            if name not in self._lags and isinstance(value, float):
                when = name.removeprefix("same_time_").replace("_", " ")
                slot = inputs.add(f"{self.target} ({when})", scaled=True)
                self._lags[name] = _Lag(season.lag, slot)
                self._values.append(value)
                values.append(value)

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "fixed": self.fixed,
            "seasons": self._seasons.to_json(),
            "lags": [[name, *lag] for name, lag in self._lags.items()],
            "values": list(self._values),
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], target: str, horizon: int) -> Lags:
        """The inverse of `to_json`."""
        lags = cls(target, horizon)
        lags.fixed = saved["fixed"]
        lags._seasons = Seasons.from_json(saved["seasons"], horizon, first=True)
        lags._lags = {name: _Lag(rows, slot) for name, rows, slot in saved["lags"]}
        lags._values = list(saved["values"])
        return lags
