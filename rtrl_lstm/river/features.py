"""Features by name, which come and go -> the numbers a learner sees.

A feature is what its first value is: a number, a date, or a category. Inputs are only ever
appended, so that a learner can grow by them and keep everything else that it has learned.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from datetime import date, datetime
from typing import Any

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.words import LARGEST
from rtrl_lstm.table.timestamps import CALENDAR, calendar_inputs, read_seconds
from rtrl_lstm.table.values import shown

YEAR = 365.2425 * 86400.0
DATE_INPUTS = (*CALENDAR, "sin year", "cos year")


class Features:
    """What the features of a stream are, and where they lie among a learner's inputs.

    A number is one input, which the learner scales; while it is missing (absent, None or NaN) it
    counts as its running mean, and from then on a flag is an input as well. A date is a calendar:
    time of day, day of the week, time of the year. A category, any other value, has an input of 0
    or 1 for each value seen, all of them 0 for other values and where it is missing. `keep` makes
    room for inputs of the owner's own in between.

    Args:
        most: bound on the inputs, flags not counted. Beyond it further features and further values
            of categories are passed over.

    Attributes:
        scaled: for each input, whether the learner is to scale it.
        plain: how many features there are if all are numbers, else -1.
        numbers: (name, place among the inputs) of the numbers.
        flags: places of the flags of those that were ever missing.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.scaled: list[bool] = []
        self.plain = 0
        self.numbers: list[tuple[Hashable, int]] = []
        self.flags: list[int] = []
        self._flag_of: dict[Hashable, int] = {}
        self._dates: dict[Hashable, int] = {}  # first of their inputs
        self._categories: dict[Hashable, dict[str, int]] = {}
        self._names: dict[Hashable, None] = {}  # a set has no order, and so no stable pickle

    def keep(self, scaled: bool) -> int:
        """Append an input of the owner's own; returns its place."""
        self.scaled.append(scaled)
        return len(self.scaled) - 1

    @property
    def has_dates(self) -> bool:
        """Whether one of the features is a date."""
        return bool(self._dates)

    def meet(self, x: Mapping[Any, Any]) -> None:
        """Append inputs for what `x` brings that was not there before.

        Raises:
            ValueError: a value cannot be read; nothing has changed.
        """
        self.write(x, None, None)
        fresh = [name for name in x if name not in self._names and not is_missing(x[name])]
        for name in sorted(fresh, key=lambda name: (type(name).__name__, str(name))):
            self._add(name, x[name])
        for name, places in self._categories.items():
            value = x.get(name)
            if not is_missing(value) and str(value) not in places and self._has_room(1):
                places[str(value)] = self.keep(False)
        for name, _ in self.numbers:
            if name not in self._flag_of and is_missing(x.get(name)):
                self._flag_of[name] = self.keep(False)
                self.flags.append(self._flag_of[name])

    def write(self, x: Mapping[Any, Any], row: Array | None, mean: Array | None) -> None:
        """Write the features of `x` that are known into their places in `row`.

        Args:
            row: (I,) the inputs, of which the owner's are left alone; None: only see whether x can
                be read.
            mean: (I,) what a missing number is replaced by.

        Raises:
            ValueError: a value cannot be read.
        """
        numbers = {name: _number(name, x.get(name)) for name, _ in self.numbers}
        moments = {name: _moment(name, x.get(name)) for name in self._dates}
        if row is None or mean is None:
            for name in x.keys() - self._names.keys():
                _check_new(name, x[name])
            return
        for name, place in self.numbers:
            value = numbers[name]
            row[place] = mean[place] if value is None else value
            if name in self._flag_of:
                row[self._flag_of[name]] = value is None
        for name, place in self._dates.items():
            moment = moments[name]
            row[place : place + len(DATE_INPUTS)] = 0.0 if moment is None else _calendar(moment)
        for name, places in self._categories.items():
            row[list(places.values())] = 0.0
            value = x.get(name)
            if not is_missing(value) and str(value) in places:
                row[places[str(value)]] = 1.0

    def _has_room(self, inputs: int) -> bool:
        return len(self.scaled) - len(self.flags) + inputs <= self.most

    def _add(self, name: Hashable, value: Any) -> None:
        """A new feature, unless there is no room left."""
        if not self._has_room(len(DATE_INPUTS) if isinstance(value, date) else 1):
            return
        self._names[name] = None
        if isinstance(value, date):
            self._dates[name] = len(self.scaled)
            self.scaled += [False] * len(DATE_INPUTS)
        elif _is_number(value):
            self.numbers.append((name, self.keep(True)))
        else:
            self._categories[name] = {}
        self.plain = len(self._names) if len(self.numbers) == len(self._names) else -1


def is_missing(value: Any) -> bool:
    """Whether there is no value: None, NaN, pandas' NaT and NA."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return str(value) == "<NA>"  # which says of nothing whether it is the same


def as_number(y: Any) -> float | None:
    """A target as a number, None where it is missing. Raises ValueError where it is none."""
    if is_missing(y):
        return None
    try:
        return _float(y)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"y is {shown(y)}: it has to be a number") from None


def _float(value: Any) -> float:
    """`float()` of what is no text, be it of digits. Raises TypeError."""
    if isinstance(value, str | bytes):
        raise TypeError(f"{value!r} is text")
    return float(value)


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) and hasattr(value, "__float__")


def _check_new(name: Hashable, value: Any) -> None:
    if _is_number(value):
        _number(name, value)
    elif not (is_missing(value) or isinstance(value, str | date)):
        raise ValueError(f"feature {name!r} is {shown(value)}: neither number, text nor date")


def _number(name: Hashable, value: Any) -> float | None:
    """A number, None where it is missing."""
    if is_missing(value):
        return None
    try:
        found = _float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.inf
    if not -LARGEST <= found <= LARGEST:
        raise ValueError(f"feature {name!r} is {shown(value)}: it has to be a finite number")
    return found


def _moment(name: Hashable, value: Any) -> float | None:
    """A date in seconds since 1970, None where it is missing."""
    if is_missing(value):
        return None
    if not isinstance(value, date | datetime):
        raise ValueError(f"feature {name!r} is {shown(value)}: it has to be a date")
    return read_seconds(value)


def _calendar(seconds: float) -> list[float]:
    angle = math.tau * (seconds % YEAR) / YEAR
    return [*calendar_inputs(seconds), math.sin(angle), math.cos(angle)]
