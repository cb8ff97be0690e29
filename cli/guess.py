"""What a newcomer's command leaves out and the file shows: which column holds the time stamps."""

from __future__ import annotations

import re
from typing import Any

from rtrl_lstm.cli.opening import STDIN
from rtrl_lstm.cli.options import dialect_of
from rtrl_lstm.cli.sources import Source, found_files
from rtrl_lstm.table.timestamps import read_seconds

NO_TIME = "none"
"""What --time is where there is none."""

_DATE = re.compile(r"\s*(\d{4}-\d{2}-\d{2}|\d{1,4}[/.]\d{1,2}[/.]\d{1,4})\b.*")
_ROLES = ("reset_on", "weight", "key", "id")


def time_column(options: dict[str, Any]) -> str | None:
    """The one column of a file, of no other use, whose first value is a date, if there is one.

    Not of a pipe, nor of a file that grows: everything would have to wait for the first row.
    """
    files = found_files(options["source"])
    asked = options["target"] is None or options["features"] is not None
    if asked or options["follow"] or STDIN in files:
        return None
    used = {*options["target"], *(options[role] for role in _ROLES)}
    with Source(
        files[0], form=options["form"], dialect=dialect_of(options), places=False
    ) as source:
        for record in source.read(1):
            row = record.values or {}
            found = [name for name, value in row.items() if name not in used and _is_date(value)]
            return found[0] if len(found) == 1 else None
    return None


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        read_seconds(value)
    except ValueError:
        return False
    return True
