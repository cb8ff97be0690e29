"""Files that are no table of rows, though people take them for one: told by their first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rtrl_lstm.cli.dialect import DELIMITERS
from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.table.values import is_number

_MOST_TITLES = 50  # lines
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_ARRAY = re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*\{")
_OVER_LINES = re.compile(rb"(\xef\xbb\xbf)?\s*\{\s*\n")
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)", re.I)


def refuse_mistaken(name: str, first: bytes) -> None:
    """Say what a file is, and how its rows can be had.

    Args:
        name: of the source.
        first: its first bytes.

    Raises:
        Stop: it is no CSV, TSV or JSON lines.
    """
    pipe = f"{name} | rtrl-lstm learn"
    if first.startswith(_OLE) or (first.startswith(_ZIP) and name.lower().endswith(".xlsx")):
        raise Stop(f"{name} is a spreadsheet: save the sheet as CSV")
    if first.startswith(_ZIP):
        raise Stop(f"{name} is a ZIP file: unzip -p {pipe}, or a spreadsheet: save it as CSV")
    if _ARRAY.match(first):
        raise Stop(f"{name} is one JSON array, not an object to a line: jq -c '.[]' {pipe}")
    if _OVER_LINES.match(first):
        raise Stop(f"{name} is JSON, but not an object to a line: jq -c . {pipe}")
    if _MARKUP.match(first):
        raise Stop(f"{name} is a web page or XML, no table of rows")


def line_of_header(first: bytes, names: Iterable[str]) -> int:
    """Which line names these columns, where titles stand above the header; 0 where none does.

    Args:
        first: of the text, UTF-8.
    """
    wanted = set(names)
    for number, line in enumerate(first.decode(errors="replace").splitlines()[:_MOST_TITLES], 1):
        for delimiter in DELIMITERS:
            fields = {field.strip().strip('"') for field in line.split(delimiter)}
            if number > 1 and wanted <= fields and not any(map(is_number, fields)):
                return number
    return 0
