"""When a running model is saved on the way, and the file it is saved in."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from rtrl_lstm.cli.errors import WriteError
from rtrl_lstm.cli.lock import Lock
from rtrl_lstm.cli.outputs import refuse_unwritable
from rtrl_lstm.modelfile import remove_parts, write_whole

AS_IT_WAS = "it is as it was"


def _nothing() -> None:
    pass


class Checkpoints:
    """Calls `save` every so many rows, or every so many seconds in which rows came.

    Args:
        every: (rows, 0.0), (0, seconds), or None for never.
        save: saves the model as it stands.
        look: asks what became of the last save.
    """

    def __init__(
        self,
        every: tuple[int, float] | None,
        save: Callable[[], None] = _nothing,
        look: Callable[[], None] = _nothing,
    ) -> None:
        self._every_rows, self._every_seconds = every or (0, 0.0)
        self._save, self._look = save, look
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
        """So many rows have been taken: save if it is time to.

        Raises:
            WriteError: it could not be saved.
        """
        self._look()
        self._rows += rows
        left = self.seconds_left()
        if self.rows_left() <= 0 or (left is not None and left <= 0):
            self._save()
            self._rows, self._saved_at = 0, time.monotonic()


class Aside:
    """Writes in a thread, one thing after the other: rows need not wait for the disk."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def is_over(self) -> bool:
        """Whether what was begun last has come to its end, which nobody has asked for yet."""
        return self._thread is not None and not self._thread.is_alive()

    def begin(self, write: Callable[[], None]) -> None:
        """Let it write this; what was begun before must be finished."""
        assert self._thread is None
        self._thread = threading.Thread(target=self._run, args=(write,))
        self._thread.start()

    def finish(self) -> bool:
        """Wait until what was begun is written. Returns whether there was anything.

        Raises:
            WriteError: it could not be; or whatever else went wrong.
        """
        if self._thread is None:
            return False
        self._thread.join()
        self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error
        return True

    def close(self) -> None:
        """Wait until what was begun is written, or not."""
        with contextlib.suppress(WriteError):
            self.finish()

    def _run(self, write: Callable[[], None]) -> None:
        try:
            write()
        except BaseException as error:  # whatever it is, the thread that learns raises it
            self._error = error


class Keep:
    """The file that one run saves a model in, from checkpoint to checkpoint.

    While the run goes on, the checkpoint before the last is kept as "FILE.previous": should the
    disk lose the last one, there is another to go on with. No other process saves there.

    Args:
        path: the model's file.

    Attributes:
        is_ours: whether what lies there is to be kept, and not of another run, or damaged.

    Raises:
        Stop: the file cannot be written, or another process has it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_ours = False
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
            write_whole(self.path, content, previous_of(self.path) if self.is_ours else None)
        except OSError as error:
            said = error.strerror or str(error)
            raise WriteError(f"cannot write {self.path}: {said}; {AS_IT_WAS}") from error
        if not self.is_ours:
            self.end()
        self.is_ours = True

    def end(self) -> None:
        """The run has come to an end in good order: one file is enough."""
        with contextlib.suppress(OSError):
            os.unlink(previous_of(self.path))


def previous_of(path: str) -> str:
    """Where the checkpoint before the last one lies."""
    return f"{path}.previous"
