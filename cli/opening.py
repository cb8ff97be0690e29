"""Files and pipes -> bytes, uncompressed, as they arrive."""

from __future__ import annotations

import gzip
import io
import os
import select
import sys
import zlib
from collections.abc import Callable
from typing import Any, cast

from rtrl_lstm.cli.dialect import Utf8
from rtrl_lstm.cli.errors import SourceError, Stop, reason
from rtrl_lstm.cli.lines import PIECE

STDIN = "-"
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_WINDOW = 27  # log2 of the bytes that a zstd file may ask us to hold: what its own tool allows


class Opened:
    """One file or standard input.

    Attributes:
        name: as messages name it.
        raw: the file itself.
        size: its bytes, 0 for a pipe.
        compressed: whether what `read` gives is not what lies in the file.
    """

    def __init__(self, path: str, encoding: str | None = None) -> None:
        """Open it.

        Args:
            encoding: of the text in it, see `Utf8`.

        Raises:
            Stop: it cannot be opened, or is compressed in a way that needs what is not installed.
        """
        self.name = "standard input" if path == STDIN else path
        self.raw = self._open(path)
        self.compressed = False
        self._first = b""  # of what `read` gives
        self._found = b""  # of what lies in the file
        self._utf8 = Utf8(self.name, self._read_bytes, encoding)
        try:
            self.size = os.fstat(self.raw.fileno()).st_size if path != STDIN else 0
            self._read1 = self._uncompressed()
        except BaseException:
            self.raw.close()
            raise

    def read(self, size: int) -> bytes:
        """Some bytes of UTF-8, as soon as there are any; none at the end.

        Raises:
            SourceError: it cannot be read further.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        return self._utf8.read(size)

    def beginning(self) -> bytes:
        """The first bytes, which `read` will give all the same."""
        self._first = self.read(PIECE)
        return self._first

    def wait(self, seconds: float | None) -> bool:
        """Wait until there is something to read, or so many seconds; for ever if None.

        May be broken off by an exception at any time: nothing is read meanwhile, unless it is a
        compressed pipe, of which only reading can tell.

        Returns whether there is, or the end.
        """
        if self._first or self._found:
            return True
        if not select.select([self.raw], [], [], seconds)[0]:
            return False
        if self.compressed:
            self._first = self.read(PIECE)
        return True

    def close(self) -> None:
        """Close it."""
        self.raw.close()

    def _open(self, path: str) -> io.FileIO:
        try:
            return io.FileIO(0, closefd=False) if path == STDIN else io.FileIO(path)
        except (OSError, ValueError) as error:
            raise Stop(f"cannot read {path}: {_why(error)}") from error

    def _uncompressed(self) -> Callable[[int], bytes | None]:
        """What reads the text's bytes."""
        first = self._tried(self.raw.read, PIECE)
        if not first.startswith((_GZIP, _ZSTD)):
            self._found = first
            return self.raw.read
        self.compressed = True
        arrived = _Arrived(self.raw, first)
        if first.startswith(_GZIP):
            unzipped = io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=arrived)), PIECE)
        else:
            zstd = _zstd(self.name)
            limit = {zstd.DecompressionParameter.window_log_max: _WINDOW}
            unzipped = io.BufferedReader(zstd.ZstdFile(arrived, options=limit), PIECE)
        return unzipped.read1

    def _read_bytes(self, size: int) -> bytes:
        if self._found:
            found, self._found = self._found, b""
            return found
        return self._tried(self._read1, size)

    def _tried(self, read: Callable[[int], bytes | None], size: int) -> bytes:
        try:
            return read(size) or b""
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"cannot read {self.name}: {_why(error)}") from error
        except Exception as error:
            if type(error).__name__ != "ZstdError":  # its module may not be there to name it
                raise
            raise SourceError(f"cannot read {self.name}: {_why(error)}") from error


class _Arrived(io.BufferedReader):
    """A reader that returns what has arrived instead of waiting for all that was asked for.

    Args:
        first: what was read before, and comes first.
    """

    def __init__(self, raw: io.FileIO, first: bytes) -> None:
        super().__init__(raw, PIECE)
        self._before = first

    def read(self, size: int | None = -1, /) -> bytes:
        size = PIECE if size is None or size < 0 else size
        if self._before:
            taken, self._before = self._before[:size], self._before[size:]
            return taken
        return self.read1(size)


def _zstd(name: str) -> Any:
    """Python's own module from 3.14 on, and the same one as a package before that."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise Stop(f"{name} is compressed with zstd: pip install 'rtrl-lstm[zstd]' reads it, or "
                   f"zstd -dc {name} | rtrl-lstm ... -") from error  # fmt: skip
    return zstd


def _why(error: BaseException) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else reason(error)
