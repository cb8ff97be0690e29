"""What a newcomer's command leaves out and the file shows: which column holds the time stamps."""

from __future__ import annotations

import re
from typing import Any

from rtrl_lstm.cli.opening import STDIN
from rtrl_lstm.cli.options import dialect_of
from rtrl_lstm.cli.sources import Source, found_files
from rtrl_lstm.table.timestamps import read_seconds
from rtrl_lstm.table.values import listed

NO_TIME = "none"
"""What --time is where there is none."""

_DATE = re.compile(
    r"\s*((Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}\.?,?\s+)?"
    r"(\d{4}-\d{2}-\d{2}|\d{1,4}[/.]\d{1,2}[/.]\d{1,4}|\d{4}-\d{2}$|\d{8}T\d{4,6}"
    r"|\d{1,2}[\s-]+[A-Za-z]{3,9}\b|[A-Za-z]{3,9}\.?\s+\d{1,2},?\s+\d{4})(\b|T).*"
)
# Unix time, of this century: seconds, or milli-, micro- or nanoseconds. A number by itself may be
# anything, so that the column has to be called after what it holds.
_UNIX = re.compile(r"\s*\d{10}(\d{3}){0,3}(\.\d*)?\s*")
_TIME_NAME = re.compile(
    r"(.*[\s_.-])?(time|ts|timestamp|datetime|date|epoch|unix)([\s_.-].*)?", re.I
)
# 17:24, 17:24:00.5, 17.24.00; but 17.24 is a number.
_TIME_OF_DAY = re.compile(r"\s*\d{1,2}(:\d{2}(:\d{2}(\.\d+)?)?|\.\d{2}\.\d{2})\s*")
_ROLES = ("reset_on", "weight", "key", "id", "time_of_day")


def time_columns(options: dict[str, Any]) -> dict[str, str]:
    """What --time, and perhaps --time-of-day, are where neither was said; nothing if unknown.

    That is the one column of a file, of no other use, whose first value is a date; where there is
    none, the one called after time whose first value is a Unix time; and if a date is nothing
    else, the one whose first value is a time of day. Not of a pipe, nor of a file that grows:
    everything would have to wait for the first row.
    """
    files = found_files(options["source"])
    if options["features"] is not None or options["time"] is not None:
        return {}
    if options["follow"] or STDIN in files:
        return {}
    used = {*options["target"], *(options[role] for role in _ROLES)}
    row = _first_row(options, files[0])
    free = {name: value for name, value in row.items() if name not in used}
    dates = [name for name, value in free.items() if is_date(value)]
    dates = dates or [name for name, value in free.items() if _is_unix(name, value)]
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
    files = found_files(options["source"])
    if options["follow"] or STDIN in files:
        return said
    row = _first_row(options, files[0])
    return f"{said}; there are: {listed(row)}" if row else said


def _first_row(options: dict[str, Any], file: str) -> dict[str, Any]:
    """The first row of a file; an empty one where it cannot be read."""
    dialect = dialect_of(options)
    with Source(file, form=options["form"], dialect=dialect, places=False) as source:
        first = source.read(1)
    return (first[0].values if first else None) or {}


def _is_time_of_day(value: Any) -> bool:
    return isinstance(value, str) and _TIME_OF_DAY.fullmatch(value) is not None


def _is_bare(stamp: Any) -> bool:
    """Whether a date comes without a time of day."""
    return isinstance(stamp, str) and ":" not in stamp and not _UNIX.fullmatch(stamp)


def _is_unix(name: str, value: Any) -> bool:
    return _TIME_NAME.fullmatch(name) is not None and _UNIX.fullmatch(str(value)) is not None


def is_date(value: Any) -> bool:
    """Whether a field is text that shows a date, as `read_seconds` reads it."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        read_seconds(value)
    except ValueError:
        return False
    return True
