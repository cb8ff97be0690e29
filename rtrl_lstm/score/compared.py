"""Forecasts of numbers compared with their truths, many rows at once: what `score` sums up.

The sums are taken row by row, as `NumberSums.add` takes them: they do not depend on how many rows
come at once, to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.fields import Array
from rtrl_lstm.score.tallies import NumberSums, RangeSums
from rtrl_lstm.table.season import Season, Seasons, last_known


class Origins(NamedTuple):
    """The forecasts that some rows hold the truth of, and what was known when they were made.

    Attributes:
        forecasts: (T,), NaN where there was none.
        counts: (T,) bool: whether it is to be scored where its truth is there.
        lasts: (T + 1,) the last target known at each forecast's origin, and at the next one's.
    """

    forecasts: Array
    counts: NDArray[np.bool_]
    lasts: Array


class Compared:
    """The sums of a score after each of some rows.

    Args:
        origins: the rows' forecasts.
        truths: (T,) the rows' targets, NaN where they are missing; not pushed to `seasons` yet.
        sums: of each source of forecasts: "learner", "last_value", and seasons found.
        truth_size: the sum of |truth|.
        scored: how many forecasts were compared.
        seasons: the targets before these rows.
    """

    def __init__(
        self,
        origins: Origins,
        truths: Array,
        sums: dict[str, NumberSums],
        truth_size: float,
        scored: int,
        seasons: Seasons,
    ) -> None:
        self.counts = origins.counts & ~np.isnan(truths)
        self._all_count = bool(self.counts.all())
        self.scored = scored + np.cumsum(np.concatenate(([0], self.counts)))
        self.truth_size = self._summed(truth_size, np.abs(truths))
        self._sums = sums
        said = {"learner": origins.forecasts, "last_value": origins.lasts[:-1]}
        for name in sums.keys() & seasons.found.keys():
            season = seasons.found[name]
            said[name] = _season_ago(seasons, season, truths, origins.lasts[:-1])
        self._absolute, self._squared = {}, {}
        for name, forecasts in said.items():
            with np.errstate(over="ignore", invalid="ignore"):
                errors = forecasts - truths
                self._absolute[name] = self._summed(sums[name].absolute, np.abs(errors))
                self._squared[name] = self._summed(sums[name].squared, errors * errors)

    def settle(self, rows: int) -> None:
        """Bring the sums up to the first so many rows."""
        for name, sums in self._sums.items():
            sums.absolute = float(self._absolute[name][rows])
            sums.squared = float(self._squared[name][rows])

    def _summed(self, start: float, values: Array) -> Array:
        """(T + 1,) the sum before each row and behind the last."""
        parts = np.empty(len(values) + 1)
        parts[0] = start
        parts[1:] = values if self._all_count else np.where(self.counts, values, 0.0)
        found: Array = np.cumsum(parts)
        return found


class ComparedRanges:
    """The sums over intervals after each of some rows.

    Args:
        ends: (T or more,) pairs, lower and upper, of the forecasts that the rows hold the truth of;
            NaN where there is no interval.
        truths: (T,) the rows' targets.
        counts: (T,) bool: which forecasts are scored.
        sums: those before these rows.
    """

    def __init__(
        self,
        ends: list[tuple[float, float]],
        truths: Array,
        counts: NDArray[np.bool_],
        sums: RangeSums,
    ) -> None:
        lower, upper = np.array(ends, np.float64)[: len(truths)].T
        there = counts & ~np.isnan(lower)
        inside = there & (lower <= truths) & (truths <= upper)
        self._sums = sums
        self._count = sums.count + np.cumsum(np.concatenate(([0], there)))
        self._covered = sums.covered + np.cumsum(np.concatenate(([0], inside)))
        widths = np.where(there, upper - lower, 0.0)
        self._width = np.cumsum(np.concatenate(([sums.width], widths)))

    def settle(self, rows: int) -> None:
        """Bring the sums up to the first so many rows."""
        self._sums.count = int(self._count[rows])
        self._sums.covered = int(self._covered[rows])
        self._sums.width = float(self._width[rows])


def _season_ago(seasons: Seasons, season: Season, truths: Array, lasts: Array) -> Array:
    """(T,) what a season says about each row: what the last value says, where it says nothing."""
    known = np.concatenate((seasons.last(season.lag), truths))[: len(truths)]
    at_once = seasons.horizon == 0
    first = season.since + seasons.horizon - seasons.rows - (0 if at_once else 1)
    can = ~np.isnan(known) & (np.arange(len(truths)) >= first)
    return np.where(can, known, lasts)


def origins_of(
    waiting: Array, scored: NDArray[np.bool_], told: Array, last: float, truths: Array, said: Array
) -> Origins:
    """The forecasts that rows hold the truth of.

    Args:
        waiting: (H,) forecasts that were made before; NaN: none.
        scored: (H + T,) whether a forecast made then is to be scored.
        told: (H,) the targets of the rows where these were made.
        last: the last target known to the baselines.
        truths: (T,) the rows' own targets.
        said: (T,) their forecasts.
    """
    count = len(truths)
    if len(waiting):
        known = np.concatenate(([last], told, truths))[: count + 1]
        lasts = last_known(known)
        # A forecast knows the target of its own row.
        return Origins(
            np.concatenate((waiting, said))[:count],
            scored[:count],
            np.append(lasts[1:], lasts[-1]),
        )
    return Origins(said, scored, last_known(np.concatenate(([last], truths))))
