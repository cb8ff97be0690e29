"""Where rows come from: a file or a live pipe, CSV, TSV or JSON lines, compressed or not."""

from __future__ import annotations

import gzip
import io
import os
import select
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from rtrl_lstm.cli.errors import Stop, reason
from rtrl_lstm.cli.lines import PIECE, Lines
from rtrl_lstm.cli.records import Csv, JsonLines, Record

STDIN = "-"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Source:
    """Rows in order, in pieces as they arrive.

    Attributes:
        name: as messages name it.
        live: whether it is standard input: rows may be long in coming, and none can be read again.
        columns: the header's, or the keys of the first row of JSON lines; None where that row
            cannot be read.
        may_lack_columns: whether a row need not have all of them.
    """

    def __init__(self, path: str) -> None:
        """Open `path` and read as far as the column names.

        Raises:
            Stop: it cannot be opened, is of no format we read, or is empty.
        """
        self.live = path == STDIN
        self.name = "standard input" if self.live else path
        self._raw = self._open(path)
        self._held: list[Record] = []
        self._ended = False
        try:
            self._begin(path)
        except BaseException:
            self._raw.close()
            raise
        self.columns = self._parser.columns
        self.may_lack_columns = isinstance(self._parser, JsonLines)

    def _begin(self, path: str) -> None:
        self._size = 0 if self.live else os.fstat(self._raw.fileno()).st_size
        read, beginning = self._uncompressed(_Arrived(self._raw, PIECE))
        self._parser = _parser(self.name, path, beginning)
        self._lines = Lines(read)
        while self._parser.columns is None and not self._held and not self._ended:
            self._advance()
        if self._parser.columns is None and not self._held:
            raise Stop(f"{self.name} is empty")

    def read(self, most: int) -> list[Record]:
        """The next rows, at least one and at most `most`; none at the end.

        Raises:
            Stop: the source cannot be read further.
        """
        while not self._held and not self._ended:
            self._advance()
        taken, self._held = self._held[:most], self._held[most:]
        return taken

    def waits(self, seconds: float) -> bool:
        """Whether no row arrives within so many seconds."""
        if self._held or self._ended or not self.live:
            return False
        return not select.select([self._raw], [], [], max(seconds, 0.0))[0]

    def fraction(self) -> float | None:
        """How much of a file has been read, 0 to 1; None for a pipe."""
        return self._raw.tell() / self._size if self._size else None

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._raw.close()

    def _open(self, path: str) -> io.FileIO:
        try:
            if self.live:
                return io.FileIO(0, closefd=False)
            return io.FileIO(path)
        except OSError as error:
            raise Stop(f"cannot read {path}: {error.strerror}") from error

    def _uncompressed(self, buffered: io.BufferedReader) -> tuple[Callable[[int], bytes], bytes]:
        """What reads the text's bytes, and the first of them."""
        try:
            if not buffered.peek(2).startswith(_GZIP):
                return buffered.read1, buffered.peek(PIECE)
            unzipped = io.BufferedReader(gzip.GzipFile(fileobj=buffered), PIECE)
            return unzipped.read1, unzipped.peek(PIECE)
        except (OSError, EOFError, zlib.error) as error:
            raise Stop(f"cannot read {self.name}: {reason(error)}") from error

    def _advance(self) -> None:
        try:
            lines = self._lines.next()
        except (OSError, EOFError, zlib.error) as error:
            raise Stop(f"cannot read {self.name}: {reason(error)}") from error
        try:
            self._ended = lines is None
            self._held += self._parser.end() if lines is None else self._parser.feed(lines)
        except ValueError as error:
            raise Stop(f"{self.name}: {error}") from error


class _Arrived(io.BufferedReader):
    """A reader that returns what has arrived instead of waiting for all that was asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return self.read1(PIECE if size is None or size < 0 else size)


def _parser(name: str, path: str, beginning: bytes) -> Csv | JsonLines:
    """What reads the format: told by the file's name, or else by its first bytes.

    Raises:
        Stop: it is of no format we read.
    """
    if beginning.startswith(_UTF16):
        raise Stop(f"{name} is UTF-16 text: convert it to UTF-8 first")
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    kind = next((s for s in reversed(suffixes) if s != ".gz"), "")
    if kind == ".parquet" or beginning.startswith(b"PAR1"):
        raise Stop(f"{name} is Parquet, which is not read: convert it to CSV first")
    if kind in (".jsonl", ".ndjson"):
        return JsonLines()
    if kind == ".tsv":
        return Csv("\t")
    if kind != ".csv" and beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return JsonLines()
    return Csv(None)


def tell_terminal(source: str, quiet: bool) -> None:
    """Where rows would be typed in by hand, say that they are waited for."""
    if source == STDIN and not quiet and sys.stdin.isatty():
        print("reading rows from standard input; Ctrl-D ends them", file=sys.stderr)
