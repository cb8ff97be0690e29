"""Bytes that arrive in pieces -> lines of text, as soon as each line is whole."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

PIECE = 1 << 16  # bytes asked for at a time
LONGEST = 1 << 24  # bytes; a longer line is given up, so that memory stays bounded
SHOWN = 1000  # characters kept of a line that is given up
_BOM = b"\xef\xbb\xbf"


class Damaged(str):
    """A line that is not text we can read: as much of it as can be shown, and why."""

    why: str

    def __new__(cls, shown: str, why: str) -> Damaged:
        """`shown` is the line itself where it is short enough, `why` a clause."""
        line = super().__new__(cls, shown)
        line.why = why
        return line


class Whole(NamedTuple):
    """Whole lines, as they came.

    Attributes:
        data: the lines, each with its newline; b"" where there are none.
        more: a line behind them that was given up.
    """

    data: bytes
    more: list[str]


class Lines:
    """Cuts what `read` returns at newlines. Memory is bounded by `LONGEST`.

    Args:
        read: given a number of bytes, returns at most so many, at least one unless at the end,
            and does not wait for more than there are.
        trail: takes the bytes that are read, where somebody wants to know their check.
    """

    def __init__(self, read: Callable[[int], bytes], trail: Trail | None = None) -> None:
        self._read = read
        self._trail = trail
        self._first = b"" if trail is None else trail.ahead
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._giving_up = False
        self._begins = trail is None or not trail.line

    def has_first(self) -> bool:
        """Whether there is something left of what the trail has read: `next` need not read."""
        return bool(self._first)

    def next(self) -> Whole | None:
        """The lines that one more piece completes (perhaps none), or None at the end.

        A line that is longer than `LONGEST` is given up, and comes as `Damaged`.
        """
        piece, self._first = self._first, b""
        if not piece:
            piece = self._read(PIECE)
            if not piece:
                return self.rest()
            if self._trail is not None:
                self._trail.add(piece)
        end = piece.rfind(b"\n") + 1
        data = self._complete(piece[:end]) if end else b""
        return Whole(data, self._keep(piece[end:]))

    def rest(self) -> Whole | None:
        """The last line, where nothing ended it: no more will come."""
        rest = b"".join(self._tail)
        given_up = self._giving_up
        self._tail, self._tail_size, self._giving_up = [], 0, False
        return None if given_up or not rest else Whole(self._unmarked(rest) + b"\n", [])

    def _complete(self, data: bytes) -> bytes:
        """The lines of `data`, the first of which began with the tail of earlier pieces."""
        if self._giving_up:
            self._giving_up = False
            return data.partition(b"\n")[2]
        if self._tail:
            data = b"".join((*self._tail, data))
            self._tail, self._tail_size = [], 0
        return self._unmarked(data)

    def _keep(self, tail: bytes) -> list[str]:
        """Hold the beginning of a line; give it up, and return what there is of it, if too long."""
        if self._giving_up or not tail:
            return []
        self._tail.append(tail)
        self._tail_size += len(tail)
        if self._tail_size > LONGEST:
            beginning = b"".join(self._tail)[:SHOWN].decode(errors="backslashreplace")
            self._tail, self._tail_size, self._giving_up = [], 0, True
            return [Damaged(beginning, f"the line is longer than {LONGEST:,} bytes")]
        return []

    def _unmarked(self, data: bytes) -> bytes:
        """Without the byte order mark that a text may begin with."""
        if self._begins:
            self._begins = False
            return data.removeprefix(_BOM)
        return data


def decoded(data: bytes) -> list[str]:
    """Lines, each with its newline, as text without it: `Damaged` where one is not UTF-8 or holds
    a NUL."""
    data = data.removesuffix(b"\n")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return [_decode_line(line) for line in data.split(b"\n")]
    lines = text.split("\n")
    if "\0" in text:
        return [Damaged(ln, "the line holds a NUL byte") if "\0" in ln else ln for ln in lines]
    return lines


def _decode_line(line: bytes) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        why = f"byte {error.start + 1} of the line, 0x{line[error.start]:02x}, is not UTF-8"
        return Damaged(line.decode(errors="backslashreplace"), why)
    return Damaged(text, "the line holds a NUL byte") if "\0" in text else text


class Trail:
    """The CRC-32 of a text up to the end of a line, though the text is read further ahead.

    The newline that ends the line is left out, so that a last line without one has the same check
    after others are appended.

    Args:
        check: of the texts before this one.

    Attributes:
        start: that argument.
        line: where it was told to go to.
    """

    def __init__(self, check: int = 0) -> None:
        self.start = check
        self.line = 0
        self._check = check
        self._newlines = 0  # that the check covers
        self._pieces: list[bytes] = []  # what it does not cover yet

    @property
    def ahead(self) -> bytes:
        """What `pass_over` read beyond its last line."""
        return b"".join(self._pieces)[self.line > 0 :]

    def add(self, piece: bytes) -> None:
        """Take what was read."""
        self._pieces.append(piece)

    def near(self, line: int) -> None:
        """Go on, by whole pieces, to where the line ends: they need not be held any longer."""
        while self._pieces:
            newlines = self._newlines + self._pieces[0].count(b"\n")
            if newlines >= line:
                break
            self._check = zlib.crc32(self._pieces.pop(0), self._check)
            self._newlines = newlines

    def to(self, line: int) -> int:
        """Go on to the end of a line. Returns the check up to there."""
        self.near(line)
        self.line = line
        if self._pieces and line > self._newlines:
            piece, end = self._pieces[0], -1
            for _ in range(line - self._newlines):
                end = piece.find(b"\n", end + 1)
            self._check = zlib.crc32(memoryview(piece)[:end], self._check)
            self._pieces[0] = piece[end:]
            self._newlines = line - 1
        return self._check

    def to_end(self) -> int:
        """The check of all that was read."""
        for piece in self._pieces:
            self._check = zlib.crc32(piece, self._check)
        self._pieces = []
        return self._check

    def pass_over(self, read: Callable[[int], bytes], lines: int) -> tuple[int, int]:
        """Read so many lines without looking into them, from the beginning on.

        Returns how many there were, and their check.
        """
        seen, ends = 0, True
        while seen < lines and (piece := read(PIECE)):
            self.near(seen)
            self.add(piece)
            seen += piece.count(b"\n")
            ends = piece.endswith(b"\n")
        seen = min(seen + (not ends), lines)
        return seen, self.to(seen)


def check_of(read: Callable[[int], bytes], check: int) -> int:
    """The check of a whole text, given that of the texts before it."""
    while piece := read(PIECE):
        check = zlib.crc32(piece, check)
    return check
