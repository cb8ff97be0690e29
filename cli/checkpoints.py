"""When a running model is saved on the way."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


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

    def passed(self, rows: int) -> None:
        """So many rows have been taken: save if it is time to."""
        self._rows += rows
        left = self.seconds_left()
        if self.rows_left() <= 0 or (left is not None and left <= 0):
            self._save()
            self._rows, self._saved_at = 0, time.monotonic()
