"""Time stamps that are a number of days or of years: 44927.5, 1958.2027."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rtrl_lstm.table.dates import DAY, EPOCH
from rtrl_lstm.table.values import as_float

DAYS, YEARS = "days", "years"
_FIRST_DAY, _LAST_DAY = 25_569, 73_050  # 1970-01-01 and the last day of 2099
_FIRST_YEAR, _LAST_YEAR = 1500.0, 2200.0


def unit_of_stamp(raw: Any) -> str | None:
    """Of what the stamps of a stream are numbers, by the first one; None: of neither."""
    return next((what for what, read in READ.items() if read(raw) is not None), None)


def read_serial(raw: Any) -> float | None:
    """Seconds since 1970-01-01 of a number of days as spreadsheets count them; None where it is
    none of our time.

    Such a day has 86,400 seconds from 1899-12-30 on; to a millisecond, as the hours are fractions.
    """
    days = _number(raw)
    if not _FIRST_DAY <= days <= _LAST_DAY:
        return None
    return round((days - _FIRST_DAY) * DAY, 3)


def read_year(raw: Any) -> float | None:
    """Seconds since 1970-01-01 of a year, its part that has passed as a fraction; None where it is
    none of our time.
    """
    year = _number(raw)
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    fraction, whole = math.modf(year)
    begin, end = (datetime(int(whole) + k, 1, 1) for k in (0, 1))
    return round((begin - EPOCH).total_seconds() + fraction * (end - begin).total_seconds(), 3)


READ: dict[str, Callable[[Any], float | None]] = {DAYS: read_serial, YEARS: read_year}
"""How stamps are read of a stream that counts days or years."""


def _number(raw: Any) -> float:
    """NaN where it is none."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return as_float(raw)
    return math.nan
