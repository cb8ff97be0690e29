"""Inputs that are forecasts of all the rows ahead: what the target was a season before each.

For H steps ahead every season that is found (see `season`) brings a stretch of H inputs. Number k
is for the forecast of row t + k, and is the target a season before that row; or two or three
seasons, if that is what it takes to be a row up to t. A second stretch is of the season before. And
as in `lags` each of them has one of changes: the last target, plus what the target changed by in
the same stretch of time.
"""

from __future__ import annotations

from typing import Any

from rtrl_lstm.kernels.words import LARGEST
from rtrl_lstm.table.columns import Inputs
from rtrl_lstm.table.lags import Lags
from rtrl_lstm.table.past import Past
from rtrl_lstm.table.season import Seasons

MOST_COMBINED = 500
"""For so many steps ahead each forecast has lags and a combination of its own: what is kept of them
grows with the square."""


class StepLags:
    """The targets of seasons ago among the inputs, for every step.

    A target that is missing is taken to be the last one known before it in the season; where there
    is none, the last one known of all.

    Args:
        target: the column.
        steps: H.
        past: where the last target that is known stands.

    Attributes:
        seasons: the targets of the past; whoever reads rows pushes them.
        slots: lag in rows -> where its stretch of inputs begins, in order of appearance.
        changes: the same of the stretches of changes.
        fixed: whether there are no further inputs. The targets move on.
    """

    def __init__(self, target: str, steps: int, past: Past) -> None:
        self.target = target
        self.steps = steps
        self._past = past
        self.seasons = Seasons(1, reach=steps)
        self.slots: dict[int, int] = {}
        self.changes: dict[int, int] = {}
        self.fixed = False

    def commit(self, inputs: Inputs, values: list[float]) -> None:
        """Write the targets of seasons ago into `values`; new ones are appended, unless `fixed`."""
        if not self.fixed:
            self._add(inputs, values)
        number = self._past.number
        assert number is not None  # a target is an input from the first one on
        for lag, place in self.slots.items():
            then = self._then(lag, number)
            values[place : place + self.steps] = then
            if lag in self.changes:
                at = self.changes[lag]
                values[at : at + self.steps] = self._change(lag, then, number)

    def combined(self, own: int) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
        """For each step the last target's place, `own`, and those of its inputs: see `Spec`."""
        firsts = sorted((*self.slots.values(), *self.changes.values()))
        steps = tuple((own, *(first + k for first in firsts)) for k in range(self.steps))
        return steps if len(steps) > 1 else steps[0]

    def unseen(self, calendar: bool) -> tuple[int, ...]:
        """The places of inputs that are nothing for the network: all of them.

        (Measured: with or without a calendar it learns no better when it sees some or all.)
        """
        return self._stretches((*self.slots.values(), *self.changes.values()))

    @property
    def inner(self) -> tuple[int, ...]:
        """The places of those that are of a season before the last one."""
        lags = [lag for lag in self.slots if lag in self.seasons.doubled]
        return self._stretches(
            each[lag] for lag in lags for each in (self.slots, self.changes) if lag in each
        )

    def _stretches(self, firsts: Any) -> tuple[int, ...]:
        return tuple(k for first in sorted(firsts) for k in range(first, first + self.steps))

    def _season(self, lag: int) -> tuple[int, int]:
        """The season that a lag is of, in rows, and by how many of them it goes back farther."""
        return (lag // 2, 1) if lag in self.seasons.doubled else (lag, 0)

    def _then(self, lag: int, number: float) -> list[float]:
        """(H,) the target a season before each of the rows ahead."""
        season, more = self._season(lag)
        last: list[float] = []
        for value in self.seasons.stretch(more * season, season):
            last.append(value if isinstance(value, float) else last[-1] if last else number)
        return (last * self._rounds(season))[: self.steps]

    def _change(self, lag: int, then: list[float], number: float) -> list[float]:
        """(H,) the last target, and what it changed by in the same stretch a season ago."""
        season, more = self._season(lag)
        found: list[float] = []
        for turn in range(self._rounds(season)):
            before = self.seasons.ago((turn + 1 + more) * season)
            away = number - (before if isinstance(before, float) else number)
            part = then[turn * season : (turn + 1) * season]
            found += [min(max(value + away, -LARGEST), LARGEST) for value in part]
        return found

    def _rounds(self, season: int) -> int:
        """How many seasons the steps are."""
        return -(-self.steps // season)

    def _add(self, inputs: Inputs, values: list[float]) -> None:
        rows = self.seasons.rows
        for lag, name in self.seasons.lags.items():
            season, more = self._season(lag)
            if lag not in self.slots and rows >= (1 + more) * season:
                self.slots[lag] = self._append(name, inputs, values)
            if lag not in self.changes and rows > (self._rounds(season) + more) * season:
                self.changes[lag] = self._append(f"{name}: change", inputs, values)

    def _append(self, name: str, inputs: Inputs, values: list[float]) -> int:
        values += [0.0] * self.steps
        steps = range(1, self.steps + 1)
        places = [inputs.add(f"{self.target} ({name}), {k} ahead", scaled=True) for k in steps]
        return places[0]

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "seasons": self.seasons.to_json(),
            "slots": [list(one) for one in self.slots.items()],
            "changes": [list(one) for one in self.changes.items()],
            "fixed": self.fixed,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], target: str, steps: int, past: Past) -> StepLags:
        """The inverse of `to_json`."""
        lags = cls(target, steps, past)
        lags.seasons = Seasons.from_json(saved["seasons"], 1, reach=steps)
        lags.slots = dict(saved["slots"])
        lags.changes = dict(saved["changes"])
        lags.fixed = saved["fixed"]
        return lags


def lags_for(target: str, horizon: int, every_step: bool, past: Past) -> Lags | StepLags:
    """Those of a stream of numbers; see `Schema` for the arguments."""
    if not every_step:
        return Lags(target, horizon)
    if horizon > MOST_COMBINED:
        return Lags(target, horizon, alone=True)
    return StepLags(target, horizon, past)


def lags_from_json(saved: dict[str, Any], fresh: Lags | StepLags, past: Past) -> Lags | StepLags:
    """The inverse of `to_json`, for those that `lags_for` would make."""
    if isinstance(fresh, StepLags):
        return StepLags.from_json(saved, fresh.target, fresh.steps, past)
    return Lags.from_json(saved, fresh.target, fresh.seasons.horizon, fresh.alone)
