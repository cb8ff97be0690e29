"""Seasons in a stream of targets: so many rows ago it was the same time of the day, or week.

A score compares with them (the seasonal baselines), a schema makes inputs of them (see `lags`).

With time stamps a season is a day or a week, where rows come at a regular interval that divides
it; where weekends or nights are left out it has as many rows as are left, if these are few. Without
time stamps (or where they are irregular) it is looked for in the autocorrelation of the targets so
far; and so it is beside day and week where a day has more than `SHORT` rows, as with a machine that
is measured every few seconds. Lags are counted in rows: a gap in a stream shifts them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.timestamps import DIFFERENCES, median_interval

PERIODS = {"same_time_last_day": 86400.0, "same_time_last_week": 604800.0}
FOUND = "same_time_last_season"
LOOK_AT = (32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192)
"""Rows after which the autocorrelation is looked at; so many targets are kept for it at most."""
LONG = 512
"""From so many targets on a season has to come round three times in them, below that twice."""
SHORT = 96
"""A day of so many rows has no season of its own that would be looked for. (Measured at 288: a
season of 40 or 12 rows takes 4 to 47 % of the error away, and looking for one where there is none
costs .2 % at worst.)"""
LARGEST_LAG = 100_000
"""Bound on the memory of a day or week, in rows."""
MOST_COUNTED = 10
"""Rows of a period that can be counted in the first time stamps, see `Seasons`."""
MOST_LAGS = 8
"""Bound on the inputs that come of them."""
LEAST_CORRELATION = 0.3
LEAST_DEVIATIONS = 4.0
"""Hundreds of lags are tried in the first looks, and a season in noise costs a stream dear."""
NEAR = 16
"""Lags are near a season up to one such part of it."""
LEAST_DIP = 0.1
"""By how much the autocorrelation has to fall before it peaks: noise has peaks of its own."""
LEAST_GAIN = 0.05
"""By how much a peak has to be higher than those before it: every multiple of a season has one."""


class Season(NamedTuple):
    """A lag in rows, and the first row (from 0) whose forecast may use it."""

    lag: int
    since: int


class Seasons:
    """The last targets of a stream, and the seasons found in it.

    Args:
        horizon: rows ahead; a season is longer than that.
        reach: for how many rows beyond two seasons targets are kept.

    Attributes:
        found: name of a baseline -> its Season. A season found at a later look, at more targets,
            takes the place of one found in fewer.
        lags: every lag found so far, in order, twice that lag behind it, and what it is called.
        doubled: those of `lags` that are the double of one.
        rows: targets taken so far, missing ones included.
    """

    def __init__(self, horizon: int, reach: int = 0) -> None:
        self.horizon = horizon
        self._reach = reach
        self.found: dict[str, Season] = {}
        self.lags: dict[int, str] = {}
        self.doubled: set[int] = set()
        self.rows = 0
        self._ring: list[Value] = []
        self._capacity = LOOK_AT[-1]
        self._last_seconds: float | None = None
        self._differences: list[float] = []
        self._search = "clock"  # where seasons are looked for: "clock", "targets", or no more: ""

    def push(self, truth: Value, seconds: float | None) -> None:
        """Take the next row's target and time stamp; may find a season."""
        self._put(truth)
        if self._search == "clock":
            self._take_time(seconds)
        elif self._search and self.rows in LOOK_AT:
            self._look()

    def keep(self, truth: Value, other: Seasons) -> None:
        """Take a target of the row that another has taken just now, and look for nothing."""
        self._put(truth)
        if self._capacity != other._capacity and self.rows == len(self._ring) <= other._capacity:
            self._capacity = other._capacity  # it has not come round yet
        elif self._capacity != other._capacity:
            self._keep(other._capacity)

    def _put(self, truth: Value) -> None:
        if len(self._ring) < self._capacity:
            self._ring.append(truth)
        else:
            self._ring[self.rows % self._capacity] = truth
        self.rows += 1

    def takes(self, rows: int) -> int:
        """How many of so many rows can be pushed at once: none of them is to find a season."""
        if self._search == "clock":
            return 0
        looks = [look - 1 - self.rows for look in LOOK_AT if look > self.rows]
        return min(rows, *looks) if self._search and looks else rows

    def push_many(self, truths: NDArray[np.float64]) -> None:
        """`push` of rows without time stamps, as many as it `takes`; NaN is a missing target."""
        room = max(self._capacity - len(self._ring), 0)
        self._ring += [None if y != y else y for y in truths[:room].tolist()]
        behind = self.rows + len(truths)
        left = min(max(len(truths) - room, 0), self._capacity)
        for back, y in zip(range(left, 0, -1), truths[len(truths) - left :].tolist(), strict=True):
            self._ring[(behind - back) % self._capacity] = None if y != y else y
        self.rows = behind

    def fix(self, lag: int) -> None:
        """Take a season of so many rows for granted, 1 for none; no other is looked for.

        To be said before the first target.
        """
        self._search = ""
        self._capacity = 2 * lag + 1 + self._reach
        if lag > 1:
            self._add(FOUND, lag)

    def ago(self, lag: int) -> Value:
        """The target so many rows before the last one taken; None where it is not known."""
        if lag >= self.rows or lag >= self._capacity:
            return None
        return self._ring[(self.rows - 1 - lag) % self._capacity]

    def stretch(self, back: int, count: int) -> list[Value]:
        """So many targets, the last of which is `back` rows before the last one taken.

        There must have been as many, and no more than are kept.
        """
        end = (self.rows - 1 - back) % self._capacity + 1
        first = self._ring[end - count :] if end < count else []
        return first + self._ring[max(end - count, 0) : end]

    def said(self) -> tuple[tuple[str, int, Value], ...]:
        """What the seasons say about the last target taken, at horizon 0: name, lag, value.

        None for one that was found with that very target: it forecasts the next one first.
        """
        return tuple(
            (name, season.lag, self.ago(season.lag) if self.rows > season.since else None)
            for name, season in self.found.items()
        )

    def fill(self, lag: int, truth: Value) -> None:
        """The target so many rows before the last one taken, which was missing, is known now."""
        if lag < self.rows and lag < self._capacity:
            self._ring[(self.rows - 1 - lag) % self._capacity] = truth

    def last(self, count: int) -> NDArray[np.float64]:
        """(count,) the last targets, NaN where they are missing or not known any more."""
        return np.array([self.ago(k) for k in reversed(range(count))], np.float64)

    def _take_time(self, seconds: float | None) -> None:
        if seconds is None:
            self._search = "targets"
        elif self._last_seconds is not None:
            self._differences.append(seconds - self._last_seconds)
        self._last_seconds = seconds
        if len(self._differences) == DIFFERENCES:
            self._find_by_clock()
            self._search = "" if self.found and not self._has_long_days else "targets"

    def _find_by_clock(self) -> None:
        interval = median_interval(self._differences)
        near = sum(abs(d - interval) <= 0.01 * interval for d in self._differences)
        if interval <= 0 or 3 * near < 2 * DIFFERENCES:
            return
        for name, period in PERIODS.items():
            lag = self._rows_in(period, interval)
            if max(self.horizon, 1) < lag <= LARGEST_LAG:
                self._add(name, lag)
                # At row 16 the ring has not come round yet: it may still be given another size.
                needed = LOOK_AT[-1] if self._has_long_days else len(self._ring)
                self._capacity = max(2 * lag + 1 + self._reach, needed)

    def _rows_in(self, period: float, interval: float) -> int:
        """How many rows make a period; 0 where it is no whole number of them, or not known."""
        whole = round(period / interval)
        if abs(whole * interval - period) > 1e-6 * period:
            return 0
        differences = np.array(self._differences)
        gaps = np.sum(np.abs(differences - interval) > 0.01 * interval)
        if not gaps:
            return whole
        # Where they recur, as those of weekends or nights do, a period has fewer rows.
        since_first = np.cumsum([0.0, *differences])
        filled = len(np.unique(np.rint(since_first / interval) % whole))
        for lag in range(1, MOST_COUNTED + 1):
            apart = since_first[lag:] - since_first[:-lag]
            same = np.mean(np.abs(apart - period) <= 0.01 * interval)
            if same == 1.0 or (gaps > 1 and same >= 0.5 and filled == lag):
                return lag
        if any(season.lag <= MOST_COUNTED for season in self.found.values()):
            return 0  # nights are left out, and nobody knows how many days
        return whole

    @property
    def _has_long_days(self) -> bool:
        return SHORT * median_interval(self._differences) < PERIODS["same_time_last_day"]

    def _look(self) -> None:
        targets = [value if isinstance(value, float) else np.nan for value in self._ring]
        least = max(self.horizon, 1) + 1
        lag = strongest_lag(np.array(targets), least)
        if lag and not self._is_known(lag):
            self._add(FOUND, lag)
        if self.rows == LOOK_AT[-1]:
            self._search = ""
            kept = max(self.lags, default=0) + 1 + self._reach
            if kept <= self.rows:  # else there is less than is to be kept
                self._keep(kept)

    def _is_known(self, lag: int) -> bool:
        """Whether that is a day or a week, or near some of them: a smooth day shows in both."""
        known = [self.found[name].lag for name in PERIODS if name in self.found]
        return any(abs(lag - max(round(lag / one), 1) * one) <= one // NEAR for one in known)

    def _add(self, baseline: str, lag: int) -> None:
        if baseline not in self.found or self.found[baseline].lag != lag:
            self.found[baseline] = Season(lag, self.rows)
        what = baseline.removeprefix("same_time_last_")
        for one, name in ((lag, f"last {what}"), (2 * lag, f"{what} before last")):
            if one in self.lags or len(self.lags) == MOST_LAGS:
                continue
            self.lags[one] = f"{name}, {one} rows" if baseline == FOUND else name
            if one > lag:
                self.doubled.add(one)

    def _keep(self, count: int) -> None:
        """Forget all targets but the last so many."""
        last = [self._ring[row % self._capacity] for row in range(self.rows - count, self.rows)]
        turn = -self.rows % count
        self._ring = last[turn:] + last[:turn]
        self._capacity = count

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "found": {name: list(season) for name, season in self.found.items()},
            "lags": [[lag, name] for lag, name in self.lags.items()],
            "doubled": sorted(self.doubled),
            "rows": self.rows,
            "ring": list(self._ring),
            "capacity": self._capacity,
            "last_seconds": self._last_seconds,
            "differences": list(self._differences),
            "search": self._search,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.found = {name: Season(*season) for name, season in saved["found"].items()}
        self.lags = dict(saved["lags"])
        self.doubled = set(saved["doubled"])
        self.rows = saved["rows"]
        self._ring = list(saved["ring"])
        self._capacity = saved["capacity"]
        self._last_seconds = saved["last_seconds"]
        self._differences = list(saved["differences"])
        self._search = saved["search"]


def last_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each of some numbers the last one up to it that is not NaN."""
    known = ~np.isnan(values)
    if known.all():
        return values
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    found: NDArray[np.float64] = values[places]
    return found


def strongest_lag(series: NDArray[np.float64], least: int) -> int:
    """The lag, from `least` on, of the strongest peak of a series' autocorrelation; 0: none.

    It is the first one to which no other is superior by `LEAST_GAIN`.

    Args:
        series: (n,), NaN where a value is missing.
        least: the smallest lag that will do.

    A third of a `LONG` series is looked at, half of a shorter one. A peak counts from a correlation
    of `LEAST_CORRELATION` on, and of `LEAST_DEVIATIONS` over the root of the number of pairs, if
    the correlation has been lower by `LEAST_DIP` before it. And what is left of the series without
    what each value says of the next has to come round as well, as one that moves slowly has peaks,
    too. (Measured in a hundred autoregressive series of 8,192 values, of order one and .9: a season
    is found in 2, and in 58 where that is not asked. A bound for series of long memory, Bartlett's,
    finds no season in random walks, and none in one that lies on a trend.)
    """
    n = len(series)
    lags = n // 3 if n >= LONG else n // 2
    found = _autocorrelation(series, lags + 1)
    if found is None:
        return 0
    correlation, pairs = found
    inner, lag = correlation[1:-1], np.arange(1, lags + 1)
    dip = np.minimum.accumulate(correlation)[:-2] + LEAST_DIP
    is_peak = (inner > correlation[:-2]) & (inner >= correlation[2:]) & (inner > dip)
    is_peak &= inner > np.maximum(LEAST_CORRELATION, LEAST_DEVIATIONS / np.sqrt(pairs[1:-1]))
    is_peak &= lag >= least
    if not is_peak.any():
        return 0
    best = inner[is_peak].max()
    found_lag = int(np.argmax(is_peak & (inner >= best - LEAST_GAIN))) + 1
    return found_lag if _comes_round_beyond(series, correlation[1], found_lag) else 0


def _comes_round_beyond(series: NDArray[np.float64], carried: float, lag: int) -> bool:
    """Whether what remains of a series without `carried` times the value before has that season.

    A smooth season shows in lags near it as well, and so they are also looked at together.
    """
    near = lag // NEAR
    found = _autocorrelation(series[1:] - carried * series[:-1], lag + max(near, 1))
    if found is None:
        return True
    deviations = found[0] * np.sqrt(found[1])
    together = deviations[lag - near : lag + near + 1].sum() / np.sqrt(2 * near + 1)
    return bool(max(together, *deviations[lag - 1 : lag + 2]) > LEAST_DEVIATIONS)


def _autocorrelation(
    series: NDArray[np.float64], last: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """At lags 0 to `last`: correlations, and the pairs of known values that they are of.

    None of a series that does not move. A lag without a pair has the correlation 0.
    """
    known = np.isfinite(series)
    if np.count_nonzero(known) < 2:
        return None
    spread = np.where(known, series - series[known].mean(), 0.0)
    pairs = np.rint(_products(known.astype(np.float64), last))
    covariance = _products(spread, last) / np.maximum(pairs, 1.0)
    return (covariance / covariance[0], np.maximum(pairs, 1.0)) if covariance[0] > 0 else None


def _products(values: NDArray[np.float64], last: int) -> NDArray[np.float64]:
    """Sums of the products of values that are 0 to `last` places apart."""
    size = 1 << (2 * len(values) - 1).bit_length()  # room enough not to wrap around
    power = np.abs(np.fft.rfft(values, size)) ** 2
    sums: NDArray[np.float64] = np.fft.irfft(power, size)[: last + 1]
    return sums
