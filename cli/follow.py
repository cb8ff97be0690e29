"""A file that grows and is rotated, read like `tail -F`."""

from __future__ import annotations

import io
import math
import os
import time
from pathlib import Path

from rtrl_lstm.cli.dialect import Utf8
from rtrl_lstm.cli.errors import SourceError, Stop
from rtrl_lstm.cli.lines import PIECE

POLL = 0.02  # seconds between two looks at a file that has not grown
_MAGIC = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


class Growing:
    """The bytes of a file as they are appended; they end when another file takes its name.

    Args:
        path: its name.
        encoding: of the text in it, see `Utf8`.
        final: whether it has been renamed already: then it ends where it ends.

    Attributes:
        patient: whether `read` waits at the end of what there is.
    """

    def __init__(self, path: str, encoding: str | None = None, *, final: bool = False) -> None:
        self.name = path
        self.raw = self._open()
        self._final = final
        self.patient = True
        self._first = b""
        self._utf8 = Utf8(path, self._read_bytes, encoding)

    def read(self, size: int) -> bytes:
        """Some bytes, as soon as there are any; none once another file has taken its place."""
        if self._first:
            first, self._first = self._first, b""
            return first
        return self._utf8.read(size)

    def _read_bytes(self, size: int) -> bytes:
        while True:
            replaced = self._final or self._replaced()
            if data := self._read(size):
                return data
            if (
                replaced or not self.patient
            ):  # and nothing was written between that look and the read
                return b""
            time.sleep(POLL)

    def beginning(self) -> bytes:
        """The first bytes, which `read` will give all the same."""
        self._first = self.read(PIECE)
        if self._first.startswith(_MAGIC):
            raise Stop(f"{self.name} is compressed, and --follow reads text that is appended to")
        return self._first

    def wait(self, seconds: float | None) -> bool:
        """Wait until `read` would return at once, or so many seconds; for ever if None.

        Returns whether it would.
        """
        until = time.monotonic() + (math.inf if seconds is None else seconds)
        while not (self._first or self.behind() > 0 or self._final or self._replaced()):
            if time.monotonic() >= until:
                return False
            time.sleep(POLL)
        return True

    def behind(self) -> int:
        """How many bytes there are that were not read."""
        return max(os.fstat(self.raw.fileno()).st_size - self.raw.tell(), 0)

    def close(self) -> None:
        """Close it."""
        self.raw.close()

    def _open(self) -> io.FileIO:
        try:
            return io.FileIO(self.name)
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            raise Stop(f"cannot read {self.name}: {said}") from error

    def _read(self, size: int) -> bytes:
        try:
            return self.raw.read(size) or b""
        except OSError as error:
            raise SourceError(f"cannot read {self.name}: {error.strerror}") from error

    def _replaced(self) -> bool:
        """Whether the name is another file's, or the file was cut short to begin again."""
        ours = os.fstat(self.raw.fileno())
        try:
            named = os.stat(self.name)
        except OSError:  # renamed, and the new one is not there yet
            return False
        return not os.path.samestat(ours, named) or ours.st_size < self.raw.tell()


def rotated(path: str) -> list[str]:
    """The file of that name and those that had it earlier ("log.1", "log-20260101"): oldest first.

    Compressed ones cannot be gone on with.
    """
    name = Path(path)
    others = [p for p in name.parent.iterdir() if p.name.startswith(name.name) and p.is_file()]
    earlier = [p for p in others if p != name and p.suffix not in (".gz", ".zst", ".xz", ".bz2")]
    earlier.sort(key=lambda p: p.stat().st_mtime_ns)
    return [*map(str, earlier), path]
