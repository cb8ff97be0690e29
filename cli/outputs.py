"""A file that lines are appended to: each is there whole, or not at all, and nothing is held back.

Nothing lies in a buffer of Python's: what cannot be written is known at once, and a disk that is
full cannot make noise when Python ends.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from rtrl_lstm.cli.errors import Stop, WriteError

STDOUT = "-"


class Output:
    """A file, a pipe or standard output.

    Args:
        path: "-" for standard output.
        kept: bytes of an existing file that are kept; all others are cut off.

    Raises:
        Stop: it cannot be opened for writing.
    """

    def __init__(self, path: str, kept: int = 0) -> None:
        self.name = "standard output" if path == STDOUT else path
        self._closes = path != STDOUT
        self._file = _opened(path)
        self._is_regular = self._closes and stat.S_ISREG(os.fstat(self._file).st_mode)
        self._size = kept
        if self._is_regular:
            os.ftruncate(self._file, kept)
            os.lseek(self._file, kept, os.SEEK_SET)

    def write(self, text: str) -> None:
        """Write some lines.

        Raises:
            BrokenPipeError: the reader has left.
            WriteError: they could not be written; of a file, none of them is there.
        """
        data = text.encode("utf-8", "backslashreplace")
        size = len(data)
        try:
            written = self._write(data)
            while written < size:
                written += self._write(memoryview(data)[written:])
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._is_regular:
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
            raise WriteError(f"cannot write {self.name}: {error.strerror}") from error
        self._size += size

    def sync(self) -> None:
        """Make what was written outlive a crash.

        Raises:
            WriteError: it did not get as far as the disk.
        """
        if self._is_regular:
            try:
                os.fsync(self._file)
            except OSError as error:
                raise WriteError(f"cannot write {self.name}: {error.strerror}") from error

    def _write(self, data: bytes | memoryview) -> int:
        try:
            return os.write(self._file, data)
        except BlockingIOError:  # whoever gave us this pipe does not want to wait; we do
            select.select([], [self._file], [])
            return 0

    def close(self) -> None:
        """Close it."""
        if self._closes:
            os.close(self._file)


def _opened(path: str) -> int:
    if path == STDOUT:
        if sys.stdout is None:
            raise Stop("standard output is closed: name a file for the predictions")
        sys.stdout.flush()
        return sys.stdout.fileno()
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise Stop(f"cannot write {path}: {error.strerror}") from error


def refuse_to_overwrite(sources: Sequence[str], *outputs: str | None) -> None:
    """Keep a command from writing over what it reads.

    Raises:
        Stop: an output is the same file as a source.
    """
    for path in outputs:
        for source in sources if path and os.path.isfile(path) else ():
            if path and os.path.isfile(source) and os.path.samefile(path, source):
                raise Stop(f"{path} would be read and written at once: name another output")


def refuse_unwritable(path: str) -> None:
    """Keep a command from working for hours and then finding no place for what came of it.

    Raises:
        Stop: there is no folder to write the file in.
    """
    folder = Path(path).absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Stop(f"cannot write {path}: there is no folder {folder} that can be written to")
    if os.path.isdir(path):
        raise Stop(f"cannot write {path}: it is a folder")
