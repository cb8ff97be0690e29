"""Bytes that arrive in pieces -> lines of text, as soon as each line is whole."""

from __future__ import annotations

from collections.abc import Callable

PIECE = 1 << 16  # bytes asked for at a time
LONGEST = 1 << 24  # bytes; a longer line is given up, so that memory stays bounded
SHOWN = 1000  # characters kept of a line that is given up


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
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._giving_up = False
        self._first = True

    def next(self) -> list[str] | None:
        """The lines that one more piece completes (perhaps none), or None at the end.

        A line comes without its newline, and is `Damaged` where it is not UTF-8, holds a NUL or
        is longer than `LONGEST`.
        """
        piece = self._read(PIECE)
        if self._first and piece:
            piece = piece.removeprefix(b"\xef\xbb\xbf")
            self._first = False
        if not piece:
            rest = b"".join(self._tail)
            self._tail, self._tail_size = [], 0
            if not rest or self._giving_up:
                return None
            return _decode(rest)
        whole, newline, tail = piece.rpartition(b"\n")
        lines = self._complete(whole) if newline else []
        self._keep(tail, lines)
        return lines

    def _complete(self, whole: bytes) -> list[str]:
        """The lines of `whole`, the first of which began with the tail of earlier pieces."""
        if self._giving_up:
            self._giving_up = False
            _, newline, whole = whole.partition(b"\n")
            return _decode(whole) if newline else []
        whole = b"".join((*self._tail, whole))
        self._tail, self._tail_size = [], 0
        return _decode(whole)

    def _keep(self, tail: bytes, lines: list[str]) -> None:
        """Hold the beginning of a line; give it up, and say so among `lines`, if too long."""
        if self._giving_up:
            return
        self._tail.append(tail)
        self._tail_size += len(tail)
        if self._tail_size > LONGEST:
            beginning = b"".join(self._tail)[:SHOWN].decode(errors="backslashreplace")
            lines.append(Damaged(beginning, f"the line is longer than {LONGEST:,} bytes"))
            self._tail, self._tail_size, self._giving_up = [], 0, True


def _decode(whole: bytes) -> list[str]:
    """Whole lines, joined by newlines, as text."""
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
