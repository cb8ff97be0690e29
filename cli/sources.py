"""Where rows come from: files, a live pipe, or a file that grows; of any format we read."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from rtrl_lstm.cli.blocks import Block
from rtrl_lstm.cli.dialect import UNSAID, Dialect
from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.cli.follow import Growing, rotated
from rtrl_lstm.cli.lines import check_of
from rtrl_lstm.cli.opening import STDIN, Opened
from rtrl_lstm.cli.parquet import Parquet
from rtrl_lstm.cli.records import Record
from rtrl_lstm.cli.text import Header, Text, Wanted, as_records, form_of

_FOR_CSV = "--columns, --delimiter, --decimal"


class Place(NamedTuple):
    """Where a stream stands in its files.

    Attributes:
        turn: which pass over the files, from 0.
        file: which of them, from 0.
        line: lines of that file that were taken (rows, of Parquet).
        check: a checksum of all the lines before that place, in this pass.
        decimal: number of the character that the numbers before it had for a decimal mark; 0: of
            none yet.
    """

    turn: int
    file: int
    line: int
    check: int
    decimal: int = 0


class Source:
    """Rows in order, in pieces as they arrive. A piece never spans two files.

    Args:
        paths: files, patterns such as "day-*.csv", or "-" for standard input.
        form: the format; "auto" to tell it by each file's name and first bytes.
        dialect: how the text is written, as far as that was said.
        passes: how often the files are read, one time after the other.
        follow: whether to wait for what is appended to the file, and for its successors.
        places: whether somebody will ask for the `place`.
        header: of a file that is followed: that of the one it once was, which need not be repeated.

    Attributes:
        live: whether it is standard input: no row can be read again.
        columns: of the first file: the header's, or the keys of the first row of JSON lines; None
            where that row cannot be read.
        may_lack_columns: whether a row need not have all of them.
        several: whether there is more than one file.
        ended: whether all rows were read, if not handed out.

    Raises:
        Stop: something cannot be opened, is empty, or of a format that the options are not for.
    """

    def __init__(
        self,
        paths: str | Sequence[str],
        *,
        form: str = "auto",
        dialect: Dialect = UNSAID,
        passes: int = 1,
        follow: bool = False,
        places: bool = True,
        header: Header | None = None,
    ) -> None:
        self._paths = found_files(paths)
        self.live = self._paths == [STDIN]
        self.several = len(self._paths) > 1
        self._form = form
        self._dialect = dialect
        self._follow = follow
        self._passes = passes
        self._places = places and not self.live
        _refuse(self._paths, passes, follow)
        self._sizes = [0 if path == STDIN else _size(path) for path in self._paths]
        self._queue: list[str] = []  # of a followed file: the successors known already
        self._turn = self._file = 0
        self._line = 0  # lines of this file that were handed out
        self._held: list[Record] = []
        self.ended = False
        self._part = self._open(self._paths[0], 0, header if follow else None)
        if self._part.empty:
            self._part.close()
            raise Stop(f"{self.name} is empty")
        self.columns = self._part.columns
        self.may_lack_columns = self._part.may_lack_columns

    @property
    def name(self) -> str:
        """The file that the rows read last came from, as messages name it."""
        return "standard input" if self.live else self._part.name

    def read(self, most: int) -> list[Record]:
        """The next rows, at most `most`; none at the end.

        From a pipe or a file that grows there may also be none where what came completes none.

        Raises:
            SourceError: the source cannot be read further.
            Stop: a further file is not like the first.
        """
        rows = self.read_numbers(most, as_records)
        assert isinstance(rows, list)
        return rows

    def read_numbers(self, few: int, wanted: Wanted) -> list[Record] | Block:
        """The next rows: where many have come and are plain numbers, a block as it is wanted.

        Records are at most `few`. Of a block nothing is taken before `took` says so.

        Raises:
            SourceError, Stop: see `read`.
        """
        while not self._held and not self.ended:
            rows = self._part.next(wanted)
            if rows is None:
                self._next_part()
            else:
                self._part.passed(self._line)
                if isinstance(rows, Block):
                    return rows
                self._held = rows
            if self.live or self._growing is not None:
                break
        return self._hand_out(few)

    def took(self, block: Block, count: int) -> None:
        """The first `count` rows of the last block were taken; the others will come again."""
        assert isinstance(self._part, Text)
        self._part.took(block, count)
        if count:
            self._line = block.line_of(count - 1)

    def left(self, most: int) -> list[Record]:
        """Rows of a pipe that were read, but not handed out yet."""
        if not self._held and isinstance(self._part, Text):
            self._held = self._part.rest()
        return self._hand_out(most)

    def _hand_out(self, most: int) -> list[Record]:
        taken, self._held = self._held, []
        if len(taken) > most:
            taken, self._held = taken[:most], taken[most:]
        if taken:
            self._line = taken[-1].line + taken[-1].raw.count("\n")
        return taken

    def give_back(self, records: list[Record]) -> None:
        """The last rows that were handed out were not taken."""
        self._held = records + self._held
        self._line = records[0].line - 1

    def wait(self, seconds: float | None) -> bool:
        """Wait until there is something to read, or so many seconds; for ever if None.

        May be broken off by an exception at any time. Returns whether there is.
        """
        if self._held or self.ended or self._part.has_rows():
            return True
        waited_for = self._opened if self.live else self._growing
        return waited_for is None or waited_for.wait(seconds)

    def fraction(self) -> float | None:
        """How much of the files has been read, 0 to 1; None where there is no end to them."""
        if self.live or self._follow or not sum(self._sizes):
            return None
        whole = self._turn + (sum(self._sizes[: self._file]) + self._told()) / sum(self._sizes)
        return min(whole / self._passes, 1.0)

    def behind(self) -> int | None:
        """Bytes of the files that were not read yet; None for a pipe."""
        if self.live:
            return None
        if self._growing is not None:
            return self._growing.behind()
        left = sum(self._sizes[self._file :]) - self._told()
        return left + (self._passes - 1 - self._turn) * sum(self._sizes)

    def place(self) -> Place | None:
        """Where the rows stand that were read; None for a pipe, which has no places."""
        if not self._places:
            return None
        mark = self._part.decimal if isinstance(self._part, Text) else None
        check = self._part.check(self._line)
        return Place(self._turn, self._file, self._line, check, ord(mark) if mark else 0)

    @property
    def header(self) -> Header | None:
        """Of a file that is followed: what is to be known of it when it is read again."""
        return self._part.header if self._follow and isinstance(self._part, Text) else None

    def go_to(self, place: Place) -> bool:
        """Go on behind a place. False if these are not the files where it was."""
        if self._follow:
            return self._go_to_growing(place)
        if place.turn >= self._passes or place.file >= len(self._paths):
            return False
        check = 0
        for path in self._paths[: place.file]:
            check = self._check_whole(path, check)
        if place.file:
            self._change(self._open(self._paths[place.file], check))
        self._turn, self._file, self._line = place.turn, place.file, place.line
        self._keep_mark(chr(place.decimal) if place.decimal else None)
        return self._go_to_line(self._paths[place.file], place)

    def beginning(self) -> bytes:
        """The first bytes of the first file, once more; none of a pipe, or one that grows."""
        if self.live or self._follow:
            return b""
        opened = Opened(self._paths[0], self._dialect.encoding)
        try:
            return opened.beginning()
        finally:
            opened.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._part.close()

    def _open(self, path: str, check: int, like: Header | None = None) -> Text | Parquet:
        known = check if self._places else None
        self._opened: Opened | None = None
        encoding = self._dialect.encoding
        self._growing = Growing(path, encoding, final=bool(self._queue)) if self._follow else None
        opened = self._growing or Opened(path, encoding)
        try:
            form = self._form
            if like is not None:
                form = "csv"
            elif form == "auto":
                form = form_of(opened.name, path, opened.beginning)
            if form != "parquet":
                if isinstance(opened, Opened):
                    self._opened = opened
                if form == "jsonl" and self._dialect.is_of_csv:
                    raise Stop(f"{opened.name} is JSON lines: {_FOR_CSV} are for delimited text")
                return Text(opened, form, self._dialect, known, like)
            if self._follow or path == STDIN:
                raise Stop(f"{opened.name} is Parquet, which can be read from a whole file only")
            if self._dialect.is_of_csv or self._dialect.encoding:
                raise Stop(f"{path} is Parquet: {_FOR_CSV} and --encoding are for text")
        except BaseException:
            opened.close()
            raise
        opened.close()
        return Parquet(path, known)

    def _next_part(self) -> None:
        """At the end of a file, go on to the next one, or know that there is none."""
        if self._is_last():
            self.ended = True
            return
        check = self._part.check_all()
        if self._follow:
            path = self._queue.pop(0) if self._queue else self._paths[0]
            assert isinstance(self._part, Text)
            self._line = 0
            self._change(self._open(path, 0, self._part.header))
            return
        self._file += 1
        if self._file == len(self._paths):
            self._turn, self._file, check = self._turn + 1, 0, 0
        self._line = 0
        self._change(self._open(self._paths[self._file], check))
        self._compare_columns()

    def _change(self, part: Text | Parquet) -> None:
        before = self._part.decimal if isinstance(self._part, Text) else None
        self._part.close()
        self._part = part
        self._keep_mark(before)

    def _keep_mark(self, mark: str | None) -> None:
        """What the numbers of one file showed holds for the next one."""
        if isinstance(self._part, Text) and self._part.decimal is None:
            self._part.decimal = mark

    def _compare_columns(self) -> None:
        """A file that lacks a column of the first would be learned as if values were missing."""
        if self.may_lack_columns or self.columns is None or self._part.columns is None:
            return
        lacking = [name for name in self.columns if name not in set(self._part.columns)]
        if lacking and not self._part.may_lack_columns:
            raise Stop(f"{self.name} has no column {lacking[0]!r}, which {self._paths[0]} has")

    def _check_whole(self, path: str, check: int) -> int:
        part = self._open(path, check)
        part.close()
        if isinstance(part, Parquet):
            return part.check_all()
        opened = Opened(path, self._dialect.encoding)
        try:
            return check_of(opened.read, check)
        finally:
            opened.close()

    def _go_to_line(self, path: str, place: Place) -> bool:
        if isinstance(self._part, Parquet):
            return self._part.go_to_row(place.line, place.check)
        self._opened = Opened(path, self._dialect.encoding)
        return self._part.go_to(self._opened, place.line, place.check)

    def _go_to_growing(self, place: Place) -> bool:
        """The file that the place was in may have another name by now."""
        assert isinstance(self._part, Text)
        self._keep_mark(chr(place.decimal) if place.decimal else None)
        files = rotated(self._paths[0])
        for k in reversed(range(len(files))):
            growing = Growing(files[k], self._dialect.encoding, final=k + 1 < len(files))
            growing.patient = False
            if self._part.go_to(growing, place.line, place.check):
                growing.patient = True
                self._growing, self._queue, self._line = growing, files[k + 1 :], place.line
                return True
            growing.close()
        return False

    def _is_last(self) -> bool:
        last = self._file + 1 == len(self._paths) and self._turn + 1 == self._passes
        return last and not self._follow

    def _told(self) -> int:
        return self._opened.raw.tell() if self._opened is not None else 0


def found_files(paths: str | Sequence[str]) -> list[str]:
    """The files that paths and patterns name; those of a pattern in the order of their names.

    Raises:
        Stop: a pattern finds none.
    """
    found: list[str] = []
    for path in [paths] if isinstance(paths, str) else paths:
        if path == STDIN or os.path.exists(path) or not glob.has_magic(path):
            found.append(path)
            continue
        matches = sorted(match for match in glob.glob(path, recursive=True) if _is_file(match))
        if not matches:
            raise Stop(f"no file matches {path}")
        found += matches
    return found or [STDIN]


def tell_terminal(paths: Sequence[str], quiet: bool) -> None:
    """Where rows would be typed in by hand, say that they are waited for."""
    if list(paths) in ([], [STDIN]) and not quiet and sys.stdin.isatty():
        print("reading rows from standard input; Ctrl-D ends them", file=sys.stderr)


def _refuse(paths: list[str], passes: int, follow: bool) -> None:
    """What cannot be done with these files.

    Raises:
        Stop: one of them.
    """
    if STDIN in paths and len(paths) > 1:
        raise Stop("standard input cannot be read along with files: cat FILE ... | rtrl-lstm ... -")
    if STDIN in paths and passes > 1:
        raise Stop("--passes reads the rows again, and a pipe cannot be read again: name a file")
    if follow and (len(paths) > 1 or STDIN in paths):
        raise Stop("--follow waits for what is appended to one file: name one, and not a pipe")
    if follow and passes > 1:
        raise Stop("--follow never comes to the end of its file, where --passes would begin again")


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _is_file(path: str) -> bool:
    return not Path(path).is_dir()
