"""One file or pipe of text: CSV, TSV or JSON lines, compressed or not, perhaps growing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.cli.lines import Lines, Trail
from rtrl_lstm.cli.records import Csv, JsonLines, Record

COMPRESSED = (".gz", ".zst", ".zstd")
JSON_LINES = (".jsonl", ".ndjson")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Bytes(Protocol):
    """What text is read from: `opening.Opened`, or a file that grows."""

    name: str

    def read(self, size: int) -> bytes: ...

    def beginning(self) -> bytes: ...

    def close(self) -> None: ...


class Text:
    """The records of one text.

    Args:
        opened: what to read.
        form: "csv", "tsv" or "jsonl", see `form_of`.
        check: of the texts before this one, see `Trail`; None where nobody will ask for a place.
        like: an earlier text of the same stream: the columns are its, and a header may be missing.

    Attributes:
        columns: the header's, or the keys of the first row of JSON lines; None where that row
            cannot be read.
        may_lack_columns: whether a row need not have all of them.

    Raises:
        Stop: it cannot be read as far as its column names.
    """

    def __init__(
        self, opened: Bytes, form: str, check: int | None = 0, like: Text | None = None
    ) -> None:
        self.name = opened.name
        self.form = form
        self._opened = opened
        self._trail = None if check is None else Trail(check)
        self._parser = _parser(form)
        self._lines = Lines(opened.read, self._trail)
        self._ended = False
        self._held: list[Record] = []
        self._may_have_header = False
        if like is not None and isinstance(self._parser, Csv):
            assert isinstance(like._parser, Csv)
            self._parser = like._parser.again()
            self._may_have_header = True
            return
        while self._parser.columns is None and not self._held and not self._ended:
            self._held += self._advance()

    @property
    def columns(self) -> list[str] | None:
        return self._parser.columns

    @property
    def may_lack_columns(self) -> bool:
        return isinstance(self._parser, JsonLines)

    @property
    def empty(self) -> bool:
        """Whether there was not even a header."""
        return self._ended and self._parser.columns is None and not self._held

    def has_rows(self) -> bool:
        """Whether `next` has some without reading."""
        return bool(self._held)

    def next(self) -> list[Record] | None:
        """The rows that came, perhaps none; None at the end.

        Raises:
            Stop: it cannot be read further.
        """
        records, self._held = self._held, []
        if not records:
            if self._ended:
                return None
            records = self._advance()
        if self._may_have_header and records:
            self._may_have_header = False
            assert isinstance(self._parser, Csv)
            if self._parser.is_header(records[0]):
                del records[0]
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
        self._may_have_header = False
        self._parser.go_to(line)
        return True

    def close(self) -> None:
        """Close what it is read from."""
        self._opened.close()

    def _advance(self) -> list[Record]:
        lines = self._lines.next()
        self._ended = lines is None
        try:
            return self._parser.end() if lines is None else self._parser.feed(lines)
        except ValueError as error:
            raise Stop(f"{self.name}: {error}") from error


def form_of(name: str, path: str, beginning: Callable[[], bytes]) -> str:
    """The format: told by the file's name, or else by its first bytes.

    Raises:
        Stop: it is of no format we read.
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    kind = next((s for s in reversed(suffixes) if s not in COMPRESSED), "")
    if kind == ".parquet":
        return "parquet"
    first = beginning()
    if first.startswith(_UTF16):
        raise Stop(f"{name} is UTF-16 text: convert it to UTF-8 first")
    if first.startswith(b"PAR1"):
        return "parquet"
    if kind in JSON_LINES:
        return "jsonl"
    if kind == ".tsv":
        return "tsv"
    if kind != ".csv" and first.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "jsonl"
    return "csv"


def _parser(form: str) -> Csv | JsonLines:
    if form == "jsonl":
        return JsonLines()
    return Csv("\t" if form == "tsv" else None)
