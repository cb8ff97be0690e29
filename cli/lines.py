"""Bytes that arrive in pieces -> lines of text, as soon as each line is whole."""

from __future__ import annotations

import zlib
from collections.abc import Callable

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

    def next(self) -> list[str] | None:
        """The lines that one more piece completes (perhaps none), or None at the end.

        A line comes without its newline, and is `Damaged` where it is not UTF-8, holds a NUL or
        is longer than `LONGEST`.
        """
        piece, self._first = self._first, b""
        if not piece:
            piece = self._read(PIECE)
            if not piece:
                return self.rest() or None
            if self._trail is not None:
                self._trail.add(piece)
        whole, newline, tail = piece.rpartition(b"\n")
        lines = self._complete(whole) if newline else []
        self._keep(tail, lines)
        return lines

    def rest(self) -> list[str]:
        """The last line, where nothing ended it: no more will come."""
        rest = b"".join(self._tail)
        given_up = self._giving_up
        self._tail, self._tail_size, self._giving_up = [], 0, False
        return [] if given_up or not rest else self._decode(rest)

    def _complete(self, whole: bytes) -> list[str]:
        """The lines of `whole`, the first of which began with the tail of earlier pieces."""
        if self._giving_up:
            self._giving_up = False
            _, newline, whole = whole.partition(b"\n")
            return self._decode(whole) if newline else []
        whole = b"".join((*self._tail, whole))
        self._tail, self._tail_size = [], 0
        return self._decode(whole)

    def _keep(self, tail: bytes, lines: list[str]) -> None:
        """Hold the beginning of a line; give it up, and say so among `lines`, if too long."""
        if self._giving_up or not tail:
            return
        self._tail.append(tail)
        self._tail_size += len(tail)
        if self._tail_size > LONGEST:
            beginning = b"".join(self._tail)[:SHOWN].decode(errors="backslashreplace")
            lines.append(Damaged(beginning, f"the line is longer than {LONGEST:,} bytes"))
            self._tail, self._tail_size, self._giving_up = [], 0, True

    def _decode(self, whole: bytes) -> list[str]:
        """Whole lines, joined by newlines, as text."""
        if self._begins:
            whole = whole.removeprefix(_BOM)
            self._begins = False
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            return [_decode_line(line) for line in whole.split(b"\n")]
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
