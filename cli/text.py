"""One file or pipe of text: CSV, TSV or JSON lines, compressed or not, perhaps growing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from rtrl_lstm.cli.blocks import Block, Reader
from rtrl_lstm.cli.dialect import Dialect
from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.cli.lines import PIECE, Lines, Trail, Whole, decoded
from rtrl_lstm.cli.mistaken import refuse_mistaken
from rtrl_lstm.cli.records import Csv, JsonLines, Record

COMPRESSED = (".gz", ".zst", ".zstd")
JSON_LINES = (".jsonl", ".ndjson")
_FEW = 32  # rows: a block of fewer is hardly worth it
_LONG = 1 << 12  # bytes that are not counted through for lines
_PATIENCE = 1024  # lines at most that are read one by one before a block is tried again
_NOTHING = Whole(b"", [])


Wanted = Callable[[], tuple[int, tuple[str, ...]]]
"""Rows of a block at most, and the columns whose numbers it is to hold."""


def as_records() -> tuple[int, tuple[str, ...]]:
    """No blocks."""
    return 0, ()


class Bytes(Protocol):
    """What text is read from: `opening.Opened`, or a file that grows."""

    name: str

    def read(self, size: int) -> bytes: ...

    def beginning(self) -> bytes: ...

    def close(self) -> None: ...


class Header(NamedTuple):
    """What the first line of a table says."""

    delimiter: str
    columns: list[str]


class Text:
    """The records of one text.

    Args:
        opened: what to read.
        form: "csv", "tsv" or "jsonl", see `form_of`.
        dialect: what is known of how it is written.
        check: of the texts before this one, see `Trail`; None where nobody will ask for a place.
        like: of an earlier text of the same stream: the columns are its, and a header may be
            missing.

    Attributes:
        columns: the header's, or the keys of the first row of JSON lines; None where that row
            cannot be read.
        may_lack_columns: whether a row need not have all of them.

    Raises:
        Stop: it cannot be read as far as its column names.
    """

    def __init__(
        self,
        opened: Bytes,
        form: str,
        dialect: Dialect,
        check: int | None = 0,
        like: Header | None = None,
    ) -> None:
        self.name = opened.name
        self.form = form
        self._opened = opened
        self._trail = None if check is None else Trail(check)
        self._parser = _parser(form, dialect)
        self._lines = Lines(opened.read, self._trail)
        self._whole, self._at = _NOTHING, 0  # lines that have come, and how far they were taken
        self._reader: Reader | None = None
        self._one_by_one = 0  # lines that are to be read so before a block is tried again
        self._patience = 1
        self._first_lines = 1
        self._ended = False
        self._held: list[Record] = []
        self._may_have_header = False
        if like is not None:
            delimiter, columns = like
            self._parser = Csv(dialect._replace(delimiter=delimiter, columns=tuple(columns)))
            self._may_have_header = True
            return
        while self._parser.columns is None and not self._held and not self._ended:
            self._held += self._advance(1)

    @property
    def columns(self) -> list[str] | None:
        return self._parser.columns

    @property
    def header(self) -> Header | None:
        """What a later file need not begin with; None where each row has its own."""
        parser = self._parser
        if not isinstance(parser, Csv) or parser.columns is None or parser.delimiter is None:
            return None
        return Header(parser.delimiter, parser.columns)

    @property
    def may_lack_columns(self) -> bool:
        return isinstance(self._parser, JsonLines)

    @property
    def empty(self) -> bool:
        """Whether there was not even a header."""
        return self._ended and self._parser.columns is None and not self._held

    @property
    def decimal(self) -> str | None:
        """The decimal mark of its numbers; None where it is not known, or JSON's."""
        return self._parser.decimal if isinstance(self._parser, Csv) else None

    @decimal.setter
    def decimal(self, mark: str | None) -> None:
        if isinstance(self._parser, Csv):
            self._parser.decimal = mark

    def has_rows(self) -> bool:
        """Whether `next` has some without reading."""
        return bool(self._held) or self._has_lines or self._lines.has_first()

    def next(self, wanted: Wanted = as_records) -> list[Record] | Block | None:
        """The rows that came, perhaps none; None at the end.

        Args:
            wanted: asked where many have come: how many rows a block may have (0: the next row
                comes by itself), and the columns whose numbers it is to hold (none: rows come as
                records).

        Raises:
            Stop: it cannot be read further.
        """
        records, self._held = self._held, []
        if records:
            return records
        if not self._has_lines:
            if self._ended:
                return None
            self._fill()
            if not self._has_lines:
                return self._parser.end() if self._ended else []
        if not self._many:  # a live pipe: whoever writes to it may wait for the answer
            return self._advance(None)
        most, names = wanted()
        if not names:
            # Few at first: perhaps they show that the others can be read as numbers.
            lines, self._first_lines = self._first_lines, min(4 * self._first_lines, PIECE)
            return self._advance(lines)
        if most and not self._one_by_one and (block := self._block(most, names)):
            return block
        lines, self._one_by_one = max(self._one_by_one, 1), 0
        return self._advance(lines)

    def took(self, block: Block, count: int) -> None:
        """The first rows of the block that came last were taken; the others come again."""
        if count:
            self._at = int(block.ends[count - 1])
            self._parser.go_to(block.line_of(count - 1))
        self._judge(count)

    def rest(self) -> list[Record]:
        """The rows of the lines that have come already."""
        records, self._held = self._held, []
        while self._has_lines:
            records += self._advance(None)
        return records

    def passed(self, line: int) -> None:
        """Everything up to that line was taken: it need not be held any longer."""
        if self._trail is not None:
            self._trail.near(line)

    def check(self, line: int) -> int:
        """The check of this text up to the end of a line that is not behind the last one asked."""
        return 0 if self._trail is None else self._trail.to(line)

    def check_all(self) -> int:
        """The check of this text when it has been read to its end."""
        return 0 if self._trail is None else self._trail.to_end()

    def go_to(self, again: Bytes, line: int, check: int) -> bool:
        """Whether the text up to a line has this check; what comes next is what is behind it.

        Args:
            again: the same text from its beginning.
        """
        assert self._trail is not None
        trail = Trail(self._trail.start)
        if trail.pass_over(again.read, line) != (line, check):
            return False
        self._opened.close()
        self._opened, self._trail, self.name = again, trail, again.name
        self._lines, self._held, self._ended = Lines(again.read, trail), [], False
        self._whole, self._at = _NOTHING, 0
        self._may_have_header = False
        self._parser.go_to(line)
        return True

    def close(self) -> None:
        """Close what it is read from."""
        self._opened.close()

    def _first(self, lines: list[str]) -> list[Record]:
        """Where a header may be missing: take lines off until there is a row, or a header."""
        records: list[Record] = []
        while self._may_have_header and lines:
            records = self._parser.feed([lines.pop(0)])
            self._may_have_header = not records
        if records and isinstance(self._parser, Csv) and self._parser.is_header(records[0]):
            del records[0]
        return records

    @property
    def _has_lines(self) -> bool:
        return self._at < len(self._whole.data) or bool(self._whole.more)

    @property
    def _many(self) -> bool:
        """Whether so many lines have come that a block of them is worth it."""
        data = self._whole.data
        return len(data) - self._at > _LONG or data.count(b"\n", self._at) >= _FEW

    def _fill(self) -> None:
        """Take in what one more piece completes."""
        whole = self._lines.next()
        self._ended = whole is None
        self._whole, self._at = whole or _NOTHING, 0

    def _advance(self, most: int | None) -> list[Record]:
        """The records of so many lines that have come, all if None; of new ones if none are left.

        Raises:
            Stop: the header cannot be read.
        """
        if not self._has_lines:
            self._fill()
        try:
            if self._ended and not self._has_lines:
                return self._parser.end()
            lines = self._next_lines(most)
            first = self._first(lines) if self._may_have_header else []
            return first + self._parser.feed(lines)
        except ValueError as error:
            raise Stop(f"{self.name}: {error}") from error

    def _next_lines(self, most: int | None) -> list[str]:
        data, begin = self._whole.data, self._at
        end = len(data) if most is None else begin
        left = most or 0
        while left and end < len(data):
            end = data.find(b"\n", end) + 1 or len(data)
            left -= 1
        lines = decoded(data[begin:end]) if begin < end else []
        self._at = end
        if end == len(data):
            lines += self._whole.more
            self._whole, self._at = _NOTHING, 0
        return lines

    def _block(self, most: int, names: tuple[str, ...]) -> Block | None:
        """The next rows, where they are plain numbers."""
        if self._may_have_header or not isinstance(self._parser, Csv) or self._parser.is_open:
            return None
        if self._parser.decimal != ".":
            self._judge(0)
            return None
        if self._reader is None or not self._reader.reads(self._parser, names):
            self._reader = Reader(self._parser, names)
        block = self._reader.read(self._whole.data, self._at, self._parser.line, most)
        if block is None:
            self._judge(0)
        return block

    def _judge(self, count: int) -> None:
        """Where blocks are small again and again, read more and more lines one by one."""
        self._patience = 1 if count >= _FEW else min(2 * self._patience, _PATIENCE)
        self._one_by_one = 0 if count >= _FEW else self._patience


def form_of(name: str, path: str, beginning: Callable[[], bytes]) -> str:
    """The format: told by the file's name, or else by its first bytes.

    Raises:
        Stop: it is of no format we read, see `mistaken`.
        SourceError: it cannot be read.
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    kind = next((s for s in reversed(suffixes) if s not in COMPRESSED), "")
    if kind == ".parquet":
        return "parquet"
    first = beginning()
    if first.startswith(b"PAR1"):
        return "parquet"
    refuse_mistaken(name, first)
    if kind in JSON_LINES:
        return "jsonl"
    if kind == ".tsv":
        return "tsv"
    if kind != ".csv" and first.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "jsonl"
    return "csv"


def _parser(form: str, dialect: Dialect) -> Csv | JsonLines:
    if form == "jsonl":
        return JsonLines()
    if form == "tsv" and dialect.delimiter is None:
        dialect = dialect._replace(delimiter="\t")
    return Csv(dialect)
