"""What a newcomer's command leaves out and the file shows: which column holds the time stamps,
whether the day or the month comes first in them, and whether the first rows are units.

Nothing is looked for in a pipe, or in a file that grows: rows would have to wait.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from typing import Any, NamedTuple

from rtrl_lstm.cli.errors import SourceError, Stop
from rtrl_lstm.cli.opening import STDIN
from rtrl_lstm.cli.options import dialect_of
from rtrl_lstm.cli.sources import Source, found_files
from rtrl_lstm.table.dates import DAY_FIRST, MONTH_FIRST, Both, Dates
from rtrl_lstm.table.missing import Missing
from rtrl_lstm.table.number_stamps import read_serial
from rtrl_lstm.table.timestamps import read_moment, read_seconds, with_time_of_day
from rtrl_lstm.table.units import unit_of
from rtrl_lstm.table.values import as_number, is_missing, is_number, listed, shown

NO_TIME = "none"
"""What --time is where there is none."""

_DATE = re.compile(
    r"\s*((Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}\.?,?\s+)?"
    r"(\d{4}-\d{1,2}-\d{1,2}|\d{1,4}[/.]\d{1,2}[/.]\d{1,4}|\d{4}-\d{2}$|\d{8}[T ]\d{4,6}"
    r"|\d{1,2}[\s/-]+[A-Za-z]{3,9}\b|[A-Za-z]{3,9}\.?\s+\d{1,2},?\s+\d{4}"
    r"|[A-Za-z]{3,9}\.?[\s,/-]+\d{4}$|[A-Za-z]{3,9}\s+\d{1,2}\s+\d{1,2}:\d{2}:\d{2}\s)(\b|T).*"
)
# Unix time, of this century: seconds, or milli-, micro- or nanoseconds; or a date in digits. A
# number by itself may be anything, so that the column has to be called after what it holds.
_UNIX = re.compile(r"\s*\d{10}(\d{3}){0,3}(\.\d*)?\s*")
_DIGITS = re.compile(r"\s*(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])(\d{2}){0,3}\s*")
_TIME_NAME = re.compile(
    r"(.*[\s_.-])?(time|ts|timestamp|datetime|date|datum|epoch|unix)([\s_.-].*)?", re.I
)
_DATE_NAME = re.compile(r"(.*[\s_.-])?(date|datetime|datum|timestamp)([\s_.-].*)?", re.I)
# 17:24, 17:24:00.5, 17.24.00; but 17.24 is a number.
_TIME_OF_DAY = re.compile(r"\s*\d{1,2}(:\d{2}(:\d{2}(\.\d+)?)?|\.\d{2}\.\d{2})\s*")
_DOTTED = re.compile(r"\d\.\d{1,2}\.\d")
_ROLES = ("reset_on", "weight", "key", "id", "time_of_day")

DATED = 20_000
"""Rows that are looked at for what comes first in their dates: more than a day of 5 seconds."""
_FIRST = 24  # rows that are looked at for units
_FIELDS = 50_000  # looked at for units and for numbers that mean no value, of 1,000 rows at most
_NINES = re.compile(r"\s*-?9{2,}(\.(0+|9+))?\s*")  # those that are written for it
_FAR = 2  # times the range of all other numbers of the column
_MOST_OF_UNITS = 3  # rows of them: units, and what a logger says of how they were taken


class Found(NamedTuple):
    """What the beginning of a source shows.

    Attributes:
        options: those that were not said, and what they are taken for.
        units: how many rows at the beginning tell of units and hold no values.
        notes: what the user may want to know.
    """

    options: dict[str, Any]
    units: int
    notes: list[str]


def look_ahead(options: dict[str, Any]) -> Found:
    """What a source shows before a model begins; nothing of a pipe, nor of a file that grows."""
    if options["follow"] or STDIN in found_files(options["source"]):
        return Found({}, 0, [])
    first, missing = _first_rows(options), Missing(options["missing"])
    units = _rows_of_units(first[:_FIRST], missing)
    found: dict[str, Any] = {}
    if first[units:] and options["features"] is None and options["time"] is None:
        found = _time_columns(options, first[units:])
    notes = [f"column {name!r} was taken for --{_spelt(role)}" for role, name in found.items()]
    if units_of := _units_of(options, first[units:], missing):
        found["units"] = units_of
        notes += _on_units(units_of)
    said = {**options, **found}
    if said["time"] not in (None, NO_TIME) and options["dates"] == "auto":
        order, note = _order_of_dates(said, _rows(options))
        found |= {"dates": order} if order else {}
        notes += [note] if note else []
    notes += _on_stand_ins(first[units:], missing)
    return Found(found, units, notes)


def _spelt(role: str) -> str:
    return role.replace("_", "-")


def _time_columns(options: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, str]:
    """What --time, and perhaps --time-of-day, are where neither was said; nothing if unknown.

    That is the one column, of no other use, whose first value is a date; of several the first one
    whose stamps grow from row to row; where there is none, the one called after time whose first
    value is a Unix time or digits of a date, or after a date and whose first is a spreadsheet's
    day; and if a date is nothing else, the one whose first value is a time of day.
    """
    used = {*options["target"], *(options[role] for role in _ROLES)}
    free = {name: value for name, value in rows[0].items() if name not in used}
    dates = [name for name, value in free.items() if is_date(value)]
    dates = dates or [name for name, value in free.items() if _is_unix(name, value)]
    if len(dates) > 1:  # as the beginning and the end of what was measured
        dates = [name for name in dates if _is_in_order(row.get(name) for row in rows)][:1]
    if len(dates) != 1:
        return {}
    found = {"time": dates[0]}
    times = [name for name, value in free.items() if _is_time_of_day(value)]
    if len(times) == 1 and options["time_of_day"] is None and _is_bare(free[dates[0]]):
        found["time_of_day"] = times[0]
    return found


def target_wanted(options: dict[str, Any]) -> str:
    """What to say where no target was named: of a file, what there is to choose from."""
    said = "--target COL is needed: the column to forecast"
    if options["follow"] or STDIN in found_files(options["source"]):
        return said
    row = next(_rows(options), None)
    return f"{said}; there are: {listed(row)}" if row else said


def _rows(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of the files, but for those that cannot be read."""
    with Source(
        options["source"], form=options["form"], dialect=dialect_of(options), places=False
    ) as source:
        try:
            while records := source.read(_FIRST):
                yield from (record.values for record in records if record.values is not None)
        except (SourceError, Stop):  # it will be said when the rows before have been learned
            return


def _first_rows(options: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in islice(_rows(options), 1000):
        found.append(row)
        if len(found) >= _FIRST and len(found) * len(row) > _FIELDS:
            break
    return found


def _units_of(
    options: dict[str, Any], rows: list[dict[str, Any]], missing: Missing
) -> dict[str, str]:
    """The columns of numbers that all have the same unit, but for those that name or order rows."""
    used = {options[role] for role in (*_ROLES, "time")} - {options["weight"]}
    if options["task"] not in ("auto", "regression"):
        used |= {*options["target"]}
    wanted = options["features"] or (rows[0] if rows else ())
    found = {}
    for name in dict.fromkeys([*wanted, *options["target"]]):
        fields = (row.get(name) for row in rows)
        there = (raw for raw in fields if not (is_missing(raw) or missing.says(raw)))
        if name not in used and (unit := unit_of(there)):
            found[name] = unit
    return found


def _on_units(units: dict[str, str]) -> list[str]:
    """That they were taken off, of each unit once."""
    columns: dict[str, list[str]] = {}
    for name, unit in units.items():
        columns.setdefault(unit, []).append(name)
    return [
        f"{shown(unit)} was taken off the numbers of column{'s' * (len(names) > 1)} "
        f"{listed(map(repr, names))}"
        for unit, names in columns.items()
    ]


def _on_stand_ins(rows: list[dict[str, Any]], missing: Missing) -> list[str]:
    """What to say of numbers such as -999 that come again, far from all others of their column."""
    held: dict[float, list[str]] = {}
    for name in rows[0] if rows else ():
        fields = [row.get(name) for row in rows]
        numbers = [as_number(raw) for raw in fields if not missing.says(raw)]
        counts = Counter(value for value in numbers if value is not None)
        nines = {float(str(raw)) for raw in fields if _NINES.fullmatch(str(raw))}
        others = [value for value in counts if value not in nines]
        lowest = min(others, default=0.0)
        is_whole = lowest < 0.0 and lowest.is_integer()  # as -200, or a thermometer's -127
        for value in {*nines, lowest} if is_whole else nines:
            apart = [other for other in others if other != value]
            if counts[value] > 1 and _is_far(value, apart):
                held.setdefault(value, []).append(name)
    return [
        f"{'columns' if len(names) > 1 else 'column'} {listed(map(repr, names))} "
        f"{'hold' if len(names) > 1 else 'holds'} {value:g}, far from all else there: where that "
        f"means no value, --missing {value:g} says so"
        for value, names in held.items()
    ]


def _is_far(value: float, others: list[float]) -> bool:
    low, high = min(others, default=value), max(others, default=value)
    return max(low - value, value - high) > _FAR * (high - low) > 0.0


def _rows_of_units(rows: list[dict[str, Any]], missing: Missing) -> int:
    """How many of the first rows hold text, or nothing, wherever the others hold values."""
    for count in reversed(range(1, _MOST_OF_UNITS + 1)):
        units, values = rows[:count], rows[count:]
        kinds = [name for name in values[0] if _holds_values(name, values)] if values else []
        if kinds and all(_is_of_units(row, kinds, missing) for row in units):
            return count
    return 0


def _holds_values(name: str, rows: list[dict[str, Any]]) -> bool:
    """Whether a column holds numbers or dates alone, and two at least."""
    there = [row.get(name) for row in rows if not is_missing(row.get(name))]
    return len(there) > 1 and all(is_number(value) or is_date(value) for value in there)


def _is_of_units(row: dict[str, Any], names: list[str], missing: Missing) -> bool:
    """Whether a row holds no value in these columns, and in some of them text."""
    there = [row.get(name) for name in names]
    there = [value for value in there if not (is_missing(value) or missing.says(value))]
    return bool(there) and not any(is_number(value) or is_date(value) for value in there)


def _order_of_dates(
    options: dict[str, Any], rows: Iterable[dict[str, Any]]
) -> tuple[str | None, str]:
    """What --dates is, and what to say of it; None where the dates have one reading."""
    dates, found = Dates(), list[Both]()
    example = None
    for count, row in enumerate(islice(rows, DATED)):
        if count == _FIRST and not found:
            break  # it is no time column
        raw = with_time_of_day(row.get(options["time"]), row.get(options["time_of_day"]))
        try:
            both = read_moment(raw)
        except (ValueError, TypeError, OverflowError):
            continue
        if not isinstance(both, tuple):
            return None, ""
        dates.take(both)
        if dates.first is not None:
            return dates.first, ""
        if both[0] != both[1]:
            example = example or shown(raw)
        found.append(both)
    if example is None:
        return None, ""
    if _DOTTED.search(example):
        return DAY_FIRST, ""  # where dots are written, nobody puts the month first
    day, month = (_spread(list(seconds)) for seconds in zip(*found, strict=True))
    order, other = (MONTH_FIRST, DAY_FIRST) if month < day else (DAY_FIRST, MONTH_FIRST)
    why = ", as they are closer together then" if month != day else ""
    said = order.replace("-", " ")
    return order, (
        f"dates in {options['time']!r} such as {example} were read {said}{why}: --dates {other} "
        "says otherwise"
    )


def _spread(seconds: list[float]) -> tuple[int, float]:
    """How often stamps go back, and how far they are apart in all: less where they are read
    rightly."""
    back = sum(after < before for before, after in pairwise(seconds))
    return back, max(seconds) - min(seconds)


def _is_time_of_day(value: Any) -> bool:
    return isinstance(value, str) and _TIME_OF_DAY.fullmatch(value) is not None


def _is_in_order(stamps: Iterable[Any]) -> bool:
    """Whether stamps grow from row to row, all of them, in one way to read them at least."""
    either: list[Both] = []
    for raw in stamps:
        try:
            found = read_moment(raw)
        except (ValueError, TypeError, OverflowError):
            return False
        either.append(found if isinstance(found, tuple) else (found, found))
    ways = zip(*either, strict=True)
    return len(either) > 1 and any(all(a < b for a, b in pairwise(way)) for way in ways)


def _is_bare(stamp: Any) -> bool:
    """Whether a date comes without a time of day."""
    if not isinstance(stamp, str) or ":" in stamp or _UNIX.fullmatch(stamp) or read_serial(stamp):
        return False
    return not (_DIGITS.fullmatch(stamp) and len(stamp.strip()) > len("20200131"))


def _is_unix(name: str, value: Any) -> bool:
    if _DATE_NAME.fullmatch(name) and read_serial(value) is not None:
        return True
    is_named = _TIME_NAME.fullmatch(name) is not None
    return is_named and bool(_UNIX.fullmatch(str(value)) or _DIGITS.fullmatch(str(value)))


def is_date(value: Any) -> bool:
    """Whether a field is text that shows a date, as `read_seconds` reads it."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        read_seconds(value)
    except ValueError:
        return False
    return True
