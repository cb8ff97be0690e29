"""Prediction intervals: where the truth will lie in, say, nine cases of ten.

The forecast stays what it is; its errors are watched. For each side there is an offset, and after
each label it moves: up by much where the truth was beyond it, down by little where it was not, so
that it stands still where the truth is beyond it in just the share of cases that is wanted. This is
quantile tracking, the first term of conformal PID control (Angelopoulos, Candes & Tibshirani
2023): whatever the stream does, also where it drifts, the share that is covered comes to the one
that was asked for. It is a promise about the long run, not about any one row or kind of rows.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Any

from rtrl_lstm.checks import is_real
from rtrl_lstm.table.schema import Schema

WARM_UP = 30
"""Errors that are seen before there are intervals."""
STEP = 0.1
"""How far an offset moves, in mean absolute errors. With RISE and FALL the best of nine settings on
18 streams, steady, drifting and shifting, at four levels: the best interval score, and nowhere
further from the level than 1.4 points."""
PROMPT = 24
"""At a longer horizon steps are shorter in proportion: what comes of them is seen that much later,
and the offsets would swing."""
RISE, FALL = 0.02, 0.002
"""The share of the latest error in the mean absolute error where that is greater, and where it is
smaller: it is soon as large as the errors are, and slow to forget that. Were the steps down longer
than those up before them, because the errors have changed in between, it would cost cover."""
OUTLIER = 10.0
"""An error counts as at most so many mean absolute errors in that mean."""
NAN = float("nan")


class Ranged(float):
    """A forecast number with its interval.

    Attributes:
        lower, upper: NaN while there were too few errors to say.
    """

    __slots__ = ("lower", "upper")
    lower: float
    upper: float

    def __new__(cls, value: float, lower: float = NAN, upper: float = NAN) -> Ranged:
        self = super().__new__(cls, value)
        self.lower, self.upper = lower, upper
        return self

    def __reduce__(self) -> tuple[type[Ranged], tuple[float, float, float]]:
        return Ranged, (float(self), self.lower, self.upper)


class Intervals:
    """Gives forecasts their intervals, and learns from the labels.

    Args:
        level: the share of truths that is to lie inside, between 0 and 1.
        horizon: rows from a forecast to its truth.
    """

    def __init__(self, level: float, horizon: int) -> None:
        if not (is_real(level) and 0 < level < 1):
            raise ValueError(f"interval must be between 0 and 1, such as 0.9, not {level!r}")
        self.level = float(level)
        self.horizon = horizon
        self.fixed = False
        self._below = self._above = NAN  # what is added to a forecast
        self._scale = NAN  # mean absolute error
        self._first: list[float] = []  # errors of the warm-up
        self._waiting: deque[Ranged | None] = deque()

    def take(
        self, forecast: float | None, label: float, reset: bool, floor: float = -math.inf
    ) -> Ranged | None:
        """A row's forecast with its interval.

        Args:
            forecast: of the row itself at horizon 0, else of the row `horizon` rows on.
            label: the target of the row itself; NaN where there is none. At horizon 0 it is
                looked at when the interval has been given.
            reset: whether a sequence begins with the row: forecasts from before have no truth.
            floor: what neither the forecast nor its interval is below.
        """
        if self.horizon == 0:
            ranged = self._around(forecast, floor)
            self._learn(ranged, label)
            return ranged
        if reset:
            self._waiting.clear()
        if len(self._waiting) == self.horizon:
            self._learn(self._waiting.popleft(), label)
        ranged = self._around(forecast, floor)
        self._waiting.append(ranged)
        return ranged

    def _around(self, forecast: float | None, floor: float) -> Ranged | None:
        if forecast is None:
            return None
        lower, upper = forecast + self._below, forecast + self._above
        return Ranged(forecast, max(lower, floor), max(upper, floor))

    def _learn(self, ranged: Ranged | None, label: float) -> None:
        """Move the offsets by what a forecast turned out to be."""
        if ranged is None or label != label or self.fixed:
            return
        error = label - ranged
        if self._scale != self._scale:
            self._first.append(error)
            if len(self._first) == WARM_UP:
                self._begin()
        elif ranged.lower == ranged.lower:
            beyond = 0.5 * (1.0 - self.level)
            step = self._scale * STEP * min(1.0, PROMPT / max(self.horizon, 1))
            self._above += step * ((label > ranged.upper) - beyond)
            self._below -= step * ((label < ranged.lower) - beyond)
            if self._below > self._above:
                self._below = self._above = 0.5 * (self._below + self._above)
            size = min(abs(error), OUTLIER * self._scale)
            self._scale += (RISE if size > self._scale else FALL) * (size - self._scale)

    def _begin(self) -> None:
        """Offsets and scale from the errors of the warm-up: their quantiles and their usual size.

        That is 1.5 of the median size, about the mean of those of a bell curve with heavy tails:
        the very first errors of a stream may be of another size altogether.
        """
        errors = sorted(self._first)
        beyond = 0.5 * (1.0 - self.level)
        self._below, self._above = _quantile(errors, beyond), _quantile(errors, 1.0 - beyond)
        sizes = sorted(map(abs, errors))
        self._scale = 1.5 * _quantile(sizes, 0.5) or _quantile(sizes, 1.0)
        self._first = []
        if not self._scale:  # no error at all yet
            self._scale = NAN
            self._below = self._above = NAN

    def fix(self) -> None:
        """Learn nothing any more."""
        self.fixed = True

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "level": self.level,
            "fixed": self.fixed,
            "offsets": [_known(self._below), _known(self._above), _known(self._scale)],
            "first": list(self._first),
            "waiting": [ranged if ranged is None else pack(ranged) for ranged in self._waiting],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.fixed = saved["fixed"]
        offsets = [NAN if value is None else value for value in saved["offsets"]]
        self._below, self._above, self._scale = offsets
        self._first = list(saved["first"])
        self._waiting = deque(unpack(value) for value in saved["waiting"])


class SeveralIntervals:
    """Gives forecasts of several numbers their intervals, to each by its own errors.

    Args:
        level: see `Intervals`.
        horizons: of each number, rows from a forecast to its truth.
        newest: whether the truth of all is the row's own target, which is the last of its labels.
    """

    def __init__(self, level: float, horizons: Iterable[int], newest: bool) -> None:
        self.parts = [Intervals(level, horizon) for horizon in horizons]
        self.level = self.parts[0].level
        self._newest = newest

    def take(
        self,
        forecast: tuple[float, ...] | None,
        labels: tuple[float, ...],
        reset: bool,
        floors: tuple[float, ...] = (),
    ) -> tuple[Ranged, ...] | None:
        """A row's forecast with an interval for each number: see `Intervals.take`."""
        if self._newest:
            labels = (labels[-1],) * len(self.parts)
        said = (None,) * len(self.parts) if forecast is None else forecast
        floors = floors or (-math.inf,) * len(self.parts)
        numbers = zip(self.parts, said, labels, floors, strict=True)
        found = [part.take(one, label, reset, floor) for part, one, label, floor in numbers]
        ranged = tuple(one for one in found if one is not None)
        return None if forecast is None else ranged

    def fix(self) -> None:
        """Learn nothing any more."""
        for part in self.parts:
            part.fix()

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {"level": self.level, "parts": [part.to_json() for part in self.parts]}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        for part, one in zip(self.parts, saved["parts"], strict=True):
            part.restore(one)


def intervals_for(level: float, schema: Schema) -> Intervals | SeveralIntervals:
    """Those of a schema's forecasts, of which there may be several."""
    horizon, names = schema.horizon, schema.forecast_names
    if len(names) == 1:
        return Intervals(level, horizon)
    if schema.arguments["every_step"]:
        return SeveralIntervals(level, range(1, horizon + 1), newest=True)
    return SeveralIntervals(level, (horizon for _ in names), newest=False)


def ends_of(forecast: object) -> tuple[float, float]:
    """The ends of a forecast's interval; NaN where there is none."""
    return (forecast.lower, forecast.upper) if isinstance(forecast, Ranged) else (NAN, NAN)


def pack(ranged: Ranged) -> list[float | None]:
    """As plain JSON: value, lower, upper."""
    return [float(ranged), _known(ranged.lower), _known(ranged.upper)]


def unpack(packed: list[float | None] | None) -> Ranged | None:
    """The inverse of `pack`."""
    if packed is None or packed[0] is None:
        return None
    value, lower, upper = (NAN if number is None else number for number in packed)
    return Ranged(value, lower, upper)


def _known(value: float) -> float | None:
    return None if value != value else value


def _quantile(ordered: list[float], share: float) -> float:
    """The quantile of some ordered numbers, between two of them where need be."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
