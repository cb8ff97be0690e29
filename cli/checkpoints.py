"""When a running model is saved on the way, and the file it is saved in."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from types import TracebackType

from rtrl_lstm.cli.errors import WriteError
from rtrl_lstm.cli.lock import Lock
from rtrl_lstm.cli.sinks import refuse_unwritable
from rtrl_lstm.modelfile import remove_parts, write_whole


class Checkpoints:
    """Calls `save` every so many rows, or every so many seconds in which rows came.

    Args:
        every: (rows, 0.0), (0, seconds), or None for never.
        save: saves the model as it stands.
    """

    def __init__(self, every: tuple[int, float] | None, save: Callable[[], None]) -> None:
        self._every_rows, self._every_seconds = every or (0, 0.0)
        self._save = save
        self._rows = 0  # since the last save
        self._saved_at = time.monotonic()

    def rows_left(self) -> int:
        """How many rows may come before the next save."""
        return self._every_rows - self._rows if self._every_rows else sys.maxsize

    def seconds_left(self) -> float | None:
        """How long a wait for rows may be before the next save is due; None: for ever."""
        if not self._every_seconds or not self._rows:
            return None
        return self._saved_at + self._every_seconds - time.monotonic()

    def age(self) -> float:
        """Seconds since the last save, or since the beginning."""
        return time.monotonic() - self._saved_at

    def passed(self, rows: int) -> None:
        """So many rows have been taken: save if it is time to."""
        self._rows += rows
        left = self.seconds_left()
        if self.rows_left() <= 0 or (left is not None and left <= 0):
            self._save()
            self._rows, self._saved_at = 0, time.monotonic()


class Keep:
    """The file that one run saves a model in, from checkpoint to checkpoint.

    While the run goes on, the checkpoint before the last is kept as "FILE.previous": should the
    disk lose the last one, there is another to go on with. No other process saves there.

    Args:
        path: the model's file.
        afresh: whether what lies there is not to be kept: it is of another run, or damaged.

    Raises:
        Stop: the file cannot be written, or another process has it.
    """

    def __init__(self, path: str, *, afresh: bool) -> None:
        self.path = path
        self._is_ours = not afresh
        refuse_unwritable(path)
        self._lock = Lock(path)

    def __enter__(self) -> Keep:
        self._lock.__enter__()
        remove_parts(self.path)
        remove_parts(previous_of(self.path))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.__exit__(kind, error, trace)

    def save(self, content: bytes) -> None:
        """Write a checkpoint, whole or not at all.

        Raises:
            WriteError: it cannot be written, and the file is as it was.
        """
        try:
            write_whole(self.path, content, previous_of(self.path) if self._is_ours else None)
        except OSError as error:
            said = error.strerror or str(error)
            raise WriteError(f"cannot write {self.path}: {said}; it is as it was") from error
        if not self._is_ours:
            self.end()
        self._is_ours = True

    def end(self) -> None:
        """The run has come to an end in good order: one file is enough."""
        with contextlib.suppress(OSError):
            os.unlink(previous_of(self.path))


def previous_of(path: str) -> str:
    """Where the checkpoint before the last one lies."""
    return f"{path}.previous"
