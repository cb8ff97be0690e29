"""The time column: reading time stamps, the interval between rows, and the calendar inputs.

Formats, in the order in which they are tried:

1. ISO 8601, `2014-07-01 00:30[:00[.123]]`, a `T` or a blank between, `20140701` too. And digits
   alone from the year to the hour, the minute or the second, `201407010030`, from 1900 to 2099.
   An offset (`Z`, `+02:00`) is dropped: the calendar follows the clock that the stamp shows.
2. a number: Unix time in seconds, or milliseconds, microseconds, nanoseconds from 1e11, 1e14,
   1e17 on. Its calendar is that of UTC. But where the first stamp of a stream is a number from
   25,569 to 73,050, it and the others are days as spreadsheets count them, of 1970 to 2099; and
   where it is one from 1500 to 2200, they are years, 1958.5 the middle of one.
3. `2014/07/01` or `2014-7-1`, with or without a time of day (`00:30`, `00:30:00`, `12:30 AM`).
4. `01/07/2014`, `01.07.2014`, `01-07-2014`, `1/7/14`, likewise: the day comes first, or the
   month where that is said or found out, see `dates`.
5. `1 July 2014`, `01-Jul-14`, `Jul 1, 2014`, likewise, in English, `01/Jul/2014:00:30:00` as in
   the logs of web servers, and `Jul 1 00:30:00 2014`; and months, `2014-07` and `Jul 2014`.
6. An interval, `01.07.2014 00:30 - 01.07.2014 00:45` or `01.07.2014 00:30 - 00:45`: its beginning.

A weekday may stand before any of them, `Tue, 1 Jul 2014`, and behind it `UTC`, `GMT`, `Z` or an
offset after a blank, `2014-07-01 00:30:00 +0200`: both are dropped as well.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np

from rtrl_lstm.table.dates import DAY, EPOCH, Both, Dates
from rtrl_lstm.table.number_stamps import READ, unit_of_stamp
from rtrl_lstm.table.values import BadRow, SchemaError, is_missing, shown

_FIRST_DAY = EPOCH.toordinal()
DIFFERENCES = 15
"""The interval between rows is the median of so many differences of time stamps."""
RARE = 8
"""A weekday with less than such a part of the rows of another is one that a stream leaves out."""

CALENDAR = (
    "sin day", "cos day", "sin half day", "cos half day",
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TIME = r"(?:[ T,:]+(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?(?:\s*([AaPp])\.?[Mm]\.?)?)?"
_DIGITS = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})?)?")
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})" + _TIME)
_DAY_FIRST = re.compile(r"(\d{1,2})[\s/-]+([A-Za-z]{3,9})\.?[\s,/-]+(\d{4}|\d{2})" + _TIME)
_YEAR_AT_END = re.compile(
    r"([A-Za-z]{3,9})\s+(\d{1,2})\s+(\d{1,2}):(\d{2}):(\d{2})(?:\s+[+-]\d{4}|\s+[A-Z]{3,4})?\s+(\d{4})"
)
_NAME_FIRST = re.compile(r"([A-Za-z]{3,9})\.?\s+(\d{1,2}),?\s+(\d{4})" + _TIME)
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")
_NAMED_MONTH = re.compile(r"([A-Za-z]{3,9})\.?[\s,/-]+(\d{4})")
_INTERVAL = re.compile(
    r"(\S.*\d:\d\d\S*)\s+(?:-|–|to|bis)\s+(?:\S.*\s)?\d{1,2}:\d\d\S*(?:\s*\([A-Z]+\))?"
)
_LONGEST = 99  # characters of an interval
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_WEEKDAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}\.?,?\s")
_ZONE = re.compile(r"(?:UTC|GMT|Z|\s[+-]\d{2}:?\d{2})\Z")
_YEAR_LAST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})" + _TIME)


class Stamp(NamedTuple):
    """A time stamp that was read.

    Attributes:
        seconds: since 1970-01-01 00:00, on the clock that it shows.
        both: of a date that has the day and the month in some order; None of all others.
        unit: what it was a number of, "days" or "years"; None of all others.
    """

    seconds: float
    both: Both | None = None
    unit: str | None = None


def read_seconds(raw: Any) -> float:
    """Seconds since 1970-01-01 00:00 on the clock that a stamp shows; raises ValueError.

    Where the day or the month may come first, it is the day.
    """
    found = read_moment(raw)
    return Dates().read(found) if isinstance(found, tuple) else found


def read_moment(raw: Any) -> float | Both:
    """The same; of a date with the day and the month in some order, in either of them."""
    if isinstance(raw, str):
        text = raw.strip()
        if not (text.isdigit() and len(text) != 8):
            try:
                return _since_epoch(datetime.fromisoformat(text))
            except ValueError:
                pass
        elif match := _DIGITS.fullmatch(text):
            with contextlib.suppress(ValueError):
                parts = [part or "00" for part in match.groups()]
                return _since_epoch(datetime.strptime("".join(parts), "%Y%m%d%H%M%S"))
        if _NUMBER.fullmatch(text):
            return _unix(float(text))
        bare = _without_weekday_and_zone(text)
        if bare != text and not bare.isdigit():
            with contextlib.suppress(ValueError):
                return _since_epoch(datetime.fromisoformat(bare))
        return _slashed(bare)
    if isinstance(raw, datetime):
        return _since_epoch(raw)
    if isinstance(raw, date):
        return _since_epoch(datetime(raw.year, raw.month, raw.day))
    if isinstance(raw, np.datetime64):
        moment = raw.astype("datetime64[us]").item()
        if not isinstance(moment, datetime):
            raise ValueError("not a time, or of no year that has four digits")
        return _since_epoch(moment)
    if isinstance(raw, int) and (19000101 <= raw <= 21001231 or 1900010100 <= raw < 10**14):
        return read_moment(str(raw))
    return _unix(float(raw))


def with_time_of_day(raw: Any, of_day: Any) -> Any:
    """A date and the field of a time of day that belongs to it, as one stamp."""
    if is_missing(of_day) or is_missing(raw):
        return raw
    clock = str(of_day).strip()
    return f"{str(raw).strip()} {clock if ':' in clock else clock.replace('.', ':')}"


def calendar_inputs(seconds: float) -> list[float]:
    """The calendar of a moment as numbers: `CALENDAR` names them.

    Sine and cosine of the time of day and of its second harmonic, then seven weekday flags.
    """
    angle = (seconds % DAY) * (math.tau / DAY)
    values = [math.sin(angle), math.cos(angle), math.sin(2 * angle), math.cos(2 * angle)]
    values += (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    # As `_weekday`, without a call: every row comes by here.
    values[4 + int(seconds // DAY + 3) % 7] = 1.0
    return values


def median_interval(differences: list[float]) -> float:
    """The median of some differences of time stamps, 0 where there are none."""
    ordered = sorted(differences)
    half, odd = divmod(len(ordered), 2)
    if not ordered:
        return 0.0
    return ordered[half] if odd else 0.5 * (ordered[half - 1] + ordered[half])


class Clock:
    """The time column of a stream: where it stands, and how far apart its rows are.

    Args:
        column: name of the time column.
        time_of_day: name of a column of times of day, "17:24:00" or "17.24.00", that belong to the
            dates in the time column; None: there is none.
        dates: what comes first in them, see `Dates`.

    Attributes:
        column, time_of_day, dates: these.
        last: seconds of the last row.
        latest: the latest of all of them.
        repeated, out_of_order: stamps like the one before; stamps before it.
        gaps: where rows were missing between two stamps, see `missing`.
        unit: what the stamps are numbers of, "days" or "years"; None: they are none.
        interval: median of the last (up to 15) positive differences in seconds; 0 before there is
            one.
    """

    def __init__(self, column: str, time_of_day: str | None = None, dates: str = "auto") -> None:
        self.column = column
        self.time_of_day = time_of_day
        self.last: float | None = None
        self.latest = -math.inf
        self.repeated = self.out_of_order = self.gaps = 0
        self.interval = 0.0
        self.unit: str | None = None
        self.dates = Dates(dates)
        self._differences: list[float] = []
        self._weekdays = [0] * 7  # rows on each, where there is no more than one a day

    def read(self, row: Mapping[str, Any]) -> Stamp:
        """`parse` of a row."""
        of_day = None if self.time_of_day is None else row.get(self.time_of_day)
        return self.parse(row.get(self.column), of_day)

    def parse(self, raw: Any, of_day: Any = None) -> Stamp:
        """What `commit` takes. Raises BadRow, or SchemaError where no stamp was ever read.

        Args:
            raw: the field of the time column.
            of_day: that of the time of day.
        """
        if of_day is not None:
            raw = with_time_of_day(raw, of_day)
        unit = unit_of_stamp(raw) if self.last is None else self.unit
        if unit is not None and (seconds := READ[unit](raw)) is not None:
            return Stamp(seconds, unit=unit)
        try:
            found = read_moment(raw)
        except (ValueError, TypeError, OverflowError):
            if is_missing(raw):
                raise BadRow(self.column, "there is no time stamp") from None
        else:
            return self._in_order(raw, found) if isinstance(found, tuple) else Stamp(found)
        if self.last is None:
            raise SchemaError(f"column {self.column!r} is no time column: {shown(raw)}")
        raise BadRow(self.column, f"{shown(raw)} is not a time stamp")

    def _in_order(self, raw: Any, both: Both) -> Stamp:
        try:
            return Stamp(self.dates.read(both), both)
        except ValueError as error:
            raise BadRow(self.column, f"{shown(raw)} is {error}") from None

    def since(self, seconds: float) -> float:
        """The stamp that one comes after: not one that came out of order, where it is later."""
        assert self.last is not None
        return self.latest if seconds > self.latest else self.last

    def missing(self, stamp: Stamp) -> int:
        """How many rows are missing before this stamp.

        None unless at least two thirds of the last differences, and three, are the interval to
        1 %, and this one is more than one and a half of it.
        """
        seconds, both, _ = stamp
        if self.last is None or seconds <= self.last + 1.5 * self.interval:
            return 0
        if both is not None and self.dates.turns(both):
            return 0
        difference = seconds - self.since(seconds)
        near = sum(abs(d - self.interval) <= 0.01 * self.interval for d in self._differences)
        regular = near >= 3 and 3 * near >= 2 * len(self._differences)
        if not regular or difference <= 1.5 * self.interval:
            return 0
        return round(difference / self.interval) - 1

    def commit(self, stamp: Stamp) -> float:
        """Move on to a row's time stamp, as `parse` gave it. Returns its seconds."""
        seconds, both, unit = stamp
        if self.last is None:
            self.unit = unit
        before = None if both is None else self.dates.take(both)
        if before is not None and before == before:  # the last stamps were taken wrongly
            self.last = self.latest = before
            self._differences, self.interval = [], 0.0
        if self.last is not None:
            if seconds > self.last:
                self._take_difference(seconds - self.last)
            elif seconds == self.last:
                self.repeated += 1
            else:
                self.out_of_order += 1
        self.last = seconds
        self.latest = max(self.latest, seconds)
        if self.interval > 0.99 * DAY:
            self._weekdays[_weekday(seconds)] += 1
        return seconds

    @property
    def incidents(self) -> dict[str, int]:
        """What was wrong with the stamps, and how often."""
        names = ("gaps", "repeated", "out_of_order")
        return {name: getattr(self, name) for name in names}

    def ahead(self, rows: int) -> list[float]:
        """Calendar inputs of the moment so many rows after the last row.

        Where there is a row a day, it is on none of the weekdays that are left out.
        """
        assert self.last is not None
        is_daily = abs(self.interval - DAY) <= 0.01 * DAY
        if is_daily and rows and sum(self._weekdays) >= DIFFERENCES:
            return calendar_inputs(self.last + DAY * self._days_of(rows))
        return calendar_inputs(self.last + rows * self.interval)

    def _days_of(self, rows: int) -> int:
        """How many days so many further rows take, a row on each weekday that usually has one."""
        assert self.last is not None
        most = max(self._weekdays)
        kept = [RARE * count >= most for count in self._weekdays]
        weeks = (rows - 1) // sum(kept)
        left, days, weekday = rows - weeks * sum(kept), 7 * weeks, _weekday(self.last)
        while left:
            days += 1
            left -= kept[(weekday + days) % 7]
        return days

    def _take_difference(self, difference: float) -> None:
        differences = self._differences
        gone = differences.pop(0) if len(differences) == DIFFERENCES else None
        differences.append(difference)
        if gone != difference:  # the usual case is a regular stream: no need to sort again
            self.interval = median_interval(differences)

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "column": self.column,
            "time_of_day": self.time_of_day,
            "last": self.last,
            "latest": None if self.last is None else self.latest,
            "counts": [self.repeated, self.out_of_order, self.gaps],
            "interval": self.interval,
            "unit": self.unit,
            "dates": self.dates.to_json(),
            "differences": list(self._differences),
            "weekdays": list(self._weekdays),
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Clock:
        """The inverse of `to_json`."""
        clock = cls(saved["column"], saved["time_of_day"])
        clock.last = saved["last"]
        clock.latest = -math.inf if saved["latest"] is None else saved["latest"]
        clock.repeated, clock.out_of_order, clock.gaps = saved["counts"]
        clock.interval = saved["interval"]
        clock.unit = saved["unit"]
        clock.dates = Dates.from_json(saved["dates"])
        clock._differences = list(saved["differences"])
        clock._weekdays = list(saved["weekdays"])
        return clock


def _weekday(seconds: float) -> int:
    """0 is Monday. 1970-01-01 was a Thursday."""
    return int(seconds // DAY + 3) % 7


def _since_epoch(moment: datetime) -> float:
    seconds = (moment.replace(tzinfo=None) - EPOCH).total_seconds()
    if seconds != seconds:  # pandas' NaT calls itself a datetime
        raise ValueError("not a time")
    return seconds


def _unix(value: float) -> float:
    size = abs(value)
    if size < 1e11:
        seconds = value
    elif size < 1e14:
        seconds = value / 1e3
    elif size < 1e17:
        seconds = value / 1e6
    else:
        seconds = value / 1e9
    if not abs(seconds) < 1e11:
        raise ValueError("out of range")
    return seconds


def _without_weekday_and_zone(text: str) -> str:
    day, zone = _WEEKDAY.match(text), _ZONE.search(text, max(len(text) - 7, 0))
    begin, end = day.end() if day else 0, zone.start() if zone else len(text)
    return text[begin:end].strip()


def _slashed(text: str) -> float | Both:
    if len(text) <= _LONGEST and (match := _INTERVAL.fullmatch(text)):
        return read_moment(match[1])
    if match := _YEAR_LAST.fullmatch(text):
        return _in_either_order(*match.groups())
    if match := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, *clock = match.groups()
    elif match := _DAY_FIRST.fullmatch(text):
        day, name, year, *clock = match.groups()
        month = _month_of(name)
    elif match := _NAME_FIRST.fullmatch(text):
        name, day, year, *clock = match.groups()
        month = _month_of(name)
    elif match := _YEAR_AT_END.fullmatch(text):
        name, day, *clock, year = match.groups()
        month = _month_of(name)
    elif match := _MONTH.fullmatch(text):
        year, month, day, clock = *match.groups(), "1", [None] * 4
    elif match := _NAMED_MONTH.fullmatch(text):
        year, month, day, clock = match[2], _month_of(match[1]), "1", [None] * 4
    else:
        raise ValueError("unknown format")
    return _midnight(_full_year(year), int(month), int(day)) + _time_of_day(*clock)


def _in_either_order(first: str, _mark: str, second: str, year: str, *clock: str | None) -> Both:
    """The seconds of 1/2/2020 with the day first and with the month first; raises ValueError."""
    full, of_day = _full_year(year), _time_of_day(*clock)
    found = []
    for day, month in ((first, second), (second, first)):
        try:
            found.append(_midnight(full, int(month), int(day)) + of_day)
        except ValueError:
            found.append(math.nan)
    if found[0] != found[0] and found[1] != found[1]:
        raise ValueError("no date")
    return found[0], found[1]


def _midnight(year: int, month: int, day: int) -> float:
    return (date(year, month, day).toordinal() - _FIRST_DAY) * DAY


def _month_of(name: str) -> str:
    found = [k for k, month in enumerate(_MONTHS, 1) if month.startswith(name.lower())]
    if name.lower() == "sept":
        found = [9]
    if len(found) != 1:
        raise ValueError("unknown month")
    return str(found[0])


def _full_year(year: str) -> int:
    if len(year) == 4:
        return int(year)
    return int(year) + (1900 if int(year) >= 69 else 2000)  # as POSIX has it


def _time_of_day(
    hour: str | None = None,
    minute: str | None = None,
    second: str | None = None,
    half: str | None = None,
) -> float:
    if hour is None or minute is None:
        return 0.0
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError("out of range")
        hours = hours % 12 + (12 if half in "pP" else 0)
    seconds = float(second or 0)
    if hours > 23 or int(minute) > 59 or seconds >= 60:
        raise ValueError("out of range")
    return hours * 3600.0 + int(minute) * 60.0 + seconds
