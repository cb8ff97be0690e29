"""Lines of text -> records: the CSV dialect and JSON lines.

The CSV dialect is that of RFC 4180 with some forgiveness: fields may be quoted, a quoted field may
hold delimiters, doubled quotes and newlines; lines end in LF or CRLF; blank lines are skipped.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from rtrl_lstm.cli.dialect import (
    Dialect,
    advice_on,
    advice_on_encoding,
    delimiter_of,
    plain_numbers,
    shown_mark,
)
from rtrl_lstm.cli.lines import Damaged
from rtrl_lstm.wording import counted

MOST_LINES = 256  # a quote that is still open after so many lines was never meant to be one
MOST_CHARACTERS = 1 << 20
# Of objects and lists in a row: what a line of bounded length can unfold to is bounded as well.
DEEPEST, LONGEST_NAME, MOST_NESTED = 16, 1000, 10_000


class Record(NamedTuple):
    """One row of a source.

    Attributes:
        line: number of its first line in the source, from 1.
        raw: its text.
        values: column -> value; None where the row could not be read.
        why: for a row that could not be read, the reason.
    """

    line: int
    raw: str
    values: dict[str, Any] | None
    why: str = ""


class Csv:
    """Records of delimited text; the first line that is not blank is the header.

    Args:
        dialect: what is known of how it is written; the rest is recognised.

    Attributes:
        columns: their names; None before the header.
        delimiter: None before the first line.
        decimal: the decimal mark, None while no number has shown it.
        line: lines taken so far.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.columns = None if dialect.columns is None else list(dialect.columns)
        self.delimiter = dialect.delimiter
        self.decimal = dialect.decimal
        self.line = 0
        self._open: list[str] = []  # lines of a record whose quote is not closed yet
        self._open_size = 0

    @property
    def is_open(self) -> bool:
        """Whether the next line lies inside a quote."""
        return bool(self._open)

    def go_to(self, line: int) -> None:
        """What is fed next comes behind that line, and begins a record."""
        self.line = line
        self._open, self._open_size = [], 0

    def is_header(self, record: Record) -> bool:
        """Whether most fields of a record are names of columns: from now on it names them."""
        fields = record.raw.replace('"', "").split(self.delimiter)
        names = [field.strip() for field in fields]
        known = set(self.columns or ())
        if 2 * sum(name in known for name in names) <= len(names):
            return False
        self.columns = _names(names)
        return True

    def feed(self, lines: Iterable[str]) -> list[Record]:
        """The records that these further lines complete.

        Raises:
            ValueError: the header cannot be read; the message says why.
        """
        records: list[Record] = []
        waiting = deque(lines)
        while waiting:
            line = waiting.popleft()
            self.line += 1
            if not self._open and '"' not in line and type(line) is str:
                line = line.rstrip("\r")
                if line.strip(" ") and not self._says_delimiter(line):
                    self._take(self.line, line, line.split(self._delimiter_of(line)), records)
            else:
                self._take_quoted(line, waiting, records)
        return records

    def end(self) -> list[Record]:
        """The records left when no more lines will come."""
        records: list[Record] = []
        while self._open:
            waiting: deque[str] = deque()
            self._give_up("a quote is opened here and never closed", waiting, records)
            records += self.feed(waiting)
        return records

    def _delimiter_of(self, line: str) -> str:
        if self.delimiter is None:
            self.delimiter = delimiter_of(line, None if self.columns is None else len(self.columns))
        if self.decimal is None and self.delimiter == ",":
            self.decimal = "."
        return self.delimiter

    def _says_delimiter(self, line: str) -> bool:
        """Whether it is a spreadsheet's line before the header: sep=; says what is in between."""
        if self.columns is not None or len(line) != 5 or not line.startswith("sep="):
            return False
        self.delimiter = self.delimiter or line[-1]
        return True

    def _take_quoted(self, line: str, waiting: deque[str], records: list[Record]) -> None:
        """A line with a quote in it, or inside a quote, or damaged."""
        if isinstance(line, Damaged) and not self._open:
            self._take(self.line, line, None, records, line.why)
            return
        self._open.append(line)
        self._open_size += len(line) + 1
        damaged = line.why if isinstance(line, Damaged) else ""
        raw = "\n".join(self._open)
        delimiter = self._delimiter_of(line)
        if not damaged and _ends_inside_quotes(raw, delimiter):
            if len(self._open) >= MOST_LINES or self._open_size > MOST_CHARACTERS:
                lines = counted(len(self._open), "line")
                self._give_up(
                    f"a quote is opened here and not closed within {lines}",
                    waiting,
                    records,
                )
            return
        try:
            fields = next(csv.reader(self._open_lines(), delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration) as error:
            damaged = damaged or f"not the CSV dialect: {error}"
            fields = []
        if damaged and len(self._open) > 1:
            # The quote that joined these lines was a mistake: only the first line is lost.
            self._give_up("a quote is opened here and closed in the wrong place", waiting, records)
            return
        first = self.line - len(self._open) + 1
        self._open, self._open_size = [], 0
        self._take(first, raw.rstrip("\r"), None if damaged else fields, records, damaged)

    def _open_lines(self) -> list[str]:
        """The open lines, with the newlines that lie inside the quotes."""
        last = self._open[-1].rstrip("\r")
        return [f"{line}\n" for line in self._open[:-1]] + [last]

    def _give_up(self, why: str, waiting: deque[str], records: list[Record]) -> None:
        """The first open line is a bad row; the others are looked at afresh."""
        first, *others = self._open
        line = self.line - len(others)
        self._open, self._open_size = [], 0
        self.line = line
        waiting.extendleft(reversed(others))
        self._take(line, first.rstrip("\r"), None, records, why)

    def _take(
        self, line: int, raw: str, fields: list[str] | None, records: list[Record], why: str = ""
    ) -> None:
        """The fields of a record, None where it cannot be read."""
        if self.columns is None:
            if fields is None:
                raise ValueError(f"line {line}, the header: {why}{advice_on_encoding(why)}")
            self.columns = _names(fields)
        elif fields is None:
            records.append(Record(line, raw, None, why))
        elif len(fields) != len(self.columns):
            why = f"{counted(len(fields), 'field')} where the header has {len(self.columns)}"
            records.append(Record(line, raw, None, why))
        else:
            if self.delimiter != "," or '"' in raw:  # else no field holds a comma
                fields = self._plain(fields)
            records.append(Record(line, raw, dict(zip(self.columns, fields, strict=True))))

    def _plain(self, fields: list[str]) -> list[str]:
        """The fields, with numbers as Python writes them."""
        if self.decimal is None:
            self.decimal = shown_mark(fields)
        return fields if self.decimal is None else plain_numbers(fields, self.decimal)


def _ends_inside_quotes(text: str, delimiter: str) -> bool:
    """Whether a quoted field is still open at the end of `text`, which begins a record."""
    at = 0
    while True:
        if text.startswith('"', at):
            at = _after_quoted(text, at + 1)
            if at < 0:
                return True
        at = text.find(delimiter, at) + 1
        if at == 0:
            return False


def _after_quoted(text: str, at: int) -> int:
    """The place behind the quote that closes the field whose inside begins at `at`, or -1."""
    while True:
        at = text.find('"', at) + 1
        if at == 0:
            return -1
        if not text.startswith('"', at):
            return at
        at += 1


def _renaming(names: list[str]) -> str:
    advice = advice_on(names).removeprefix("; ")
    return advice or "rename one, or name all: tail -n +2 FILE | rtrl-lstm learn --columns A,B,..."


def _names(fields: list[str]) -> list[str]:
    """Column names from a header; a column without one is called after its place.

    Raises:
        ValueError: a name occurs twice.
    """
    names = [name.strip() or f"column_{k}" for k, name in enumerate(fields, 1)]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the header names the column {name!r} twice: {_renaming(names)}")
        seen.add(name)
    return names


class JsonLines:
    """Records of JSON lines: one object to a line, and the columns are its keys, see `flat`."""

    def __init__(self) -> None:
        self.columns: list[str] | None = None  # of the first row
        self._line = 0

    def go_to(self, line: int) -> None:
        """What is fed next comes behind that line."""
        self._line = line

    def feed(self, lines: Iterable[str]) -> list[Record]:
        """The records of these further lines."""
        records = []
        for line in lines:
            self._line += 1
            if line.strip():
                records.append(self._record(line.rstrip("\r")))
        return records

    def end(self) -> list[Record]:
        """Nothing: a record never waits for a further line."""
        return []

    def _record(self, line: str) -> Record:
        if isinstance(line, Damaged):
            return Record(self._line, line, None, line.why)
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = f"not JSON: {error}" if isinstance(error, ValueError) else "nested too deeply"
            return Record(self._line, line, None, why)
        if not isinstance(values, dict):
            return Record(self._line, line, None, "not a JSON object, {...}")
        try:
            values = flat(values)
        except ValueError as error:
            return Record(self._line, line, None, str(error))
        if self.columns is None:
            self.columns = list(values)
        return Record(self._line, line, values)


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """A row without objects and lists in it: {"a": {"b": 1, "c": [2]}} has a.b and a.c.0.

    Raises:
        ValueError: it is nested too deeply, or there is too much in it.
    """
    if not any(type(value) in (dict, list) for value in values.values()):
        return values
    found: dict[str, Any] = {}
    waiting = [(name, value, 1) for name, value in reversed(values.items())]
    while waiting:
        name, value, depth = waiting.pop()
        inside = dict(enumerate(value)) if isinstance(value, list) else value
        if not isinstance(inside, dict):
            found[name] = value
            continue
        if depth > DEEPEST or len(name) > LONGEST_NAME or len(found) + len(inside) > MOST_NESTED:
            raise ValueError("nested too deeply, or too much in it")
        waiting += [(f"{name}.{key}", inside[key], depth + 1) for key in reversed(inside)]
    return found
