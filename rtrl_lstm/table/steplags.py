"""Inputs that are forecasts of all the rows ahead: what the target was a season before each.

For H steps ahead every season that is found (see `season`) brings a stretch of H inputs. Number k
is for the forecast of row t + k, and is the target a season before that row; or two or three
seasons, if that is what it takes to be a row up to t. A second stretch is of the season before. And
as in `lags` each of them has one of changes: the last target, plus what the target changed by in
the same stretch of time.
"""

from __future__ import annotations

from typing import cast

from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.past import Past
from rtrl_lstm.table.season import Seasons
from rtrl_lstm.table.stretches import Stretches

MOST_COMBINED = 500
"""For so many steps ahead each forecast has lags and a combination of its own: what is kept of them
grows with the square."""


class StepLags(Stretches):
    """The targets of seasons ago among the inputs, for every step.

    A target that is missing is taken to be the last one known before it in the season; where there
    is none, the last one known of all.

    Args:
        target: the column.
        steps: H.
        past: where the last target that is known stands.
    """

    def __init__(self, target: str, steps: int, past: Past) -> None:
        names = ((target, f", {k} ahead") for k in range(1, steps + 1))
        super().__init__(names, Seasons(1, reach=steps))
        self.steps = steps
        self._past = past

    def unseen(self, calendar: bool) -> tuple[int, ...]:
        """All of them.

        (Measured: with or without a calendar a network learns no better when it sees some or all.)
        """
        return self._all((*self.slots.values(), *self.changes.values()))

    def _season(self, lag: int) -> tuple[int, int]:
        """The season that a lag is of, in rows, and by how many of them it goes back farther."""
        return (lag // 2, 1) if lag in self.seasons.doubled else (lag, 0)

    def _reach(self, lag: int, changes: bool) -> int:
        season, more = self._season(lag)
        return (self._rounds(season) + more) * season if changes else (1 + more) * season - 1

    def _rounds(self, season: int) -> int:
        """How many seasons the steps are."""
        return -(-self.steps // season)

    @property
    def _number(self) -> float:
        number = self._past.number
        assert number is not None  # a target is an input from the first one on
        return number

    def _then(self, lag: int) -> list[float]:
        season, more = self._season(lag)
        count = min(season, self.steps)
        stretch = self.seasons.stretch((more + 1) * season - count, count)
        if None in stretch:
            last: Value = self._number
            for k, value in enumerate(stretch):
                stretch[k] = last = last if value is None else value
        found = cast("list[float]", stretch)  # what has steps ahead is a number
        return (found * self._rounds(season))[: self.steps]

    def _changed(self, lag: int) -> list[float]:
        season, more = self._season(lag)
        number, found = self._number, list[float]()
        for turn in range(self._rounds(season)):
            before = self.seasons.ago((turn + 1 + more) * season)
            away = number - (before if isinstance(before, float) else number)
            found += [away] * min(season, self.steps - turn * season)
        return found
