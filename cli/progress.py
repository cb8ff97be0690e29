"""How far it is and how well it does, on stderr while it runs.

The table is VowpalWabbit's: a line at rows 1, 2, 4, 8 ... On a terminal it grows above a bar.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rtrl_lstm.cli.table import Table
from rtrl_lstm.wording import counted

if TYPE_CHECKING:
    from rtrl_lstm.score.prequential import Prequential

REFRESH = 0.25  # seconds between two drawings of the bar


class Progress:
    """The silent one: `--quiet`."""

    def rows_to_line(self) -> int:
        """How many rows it is to the next line of the table."""
        return sys.maxsize

    def show(self, rows: int, fraction: float | None) -> None:
        """So many more rows were taken; of a file, so much has been read."""

    def say(self, line: str) -> None:
        """Write a line."""

    def close(self) -> None:
        """The run is over; may be said twice."""


class Lines(Progress):
    """The table as plain lines, for logs and pipes."""

    def __init__(self, score: Prequential) -> None:
        self._table = Table(score)
        self._rows = 0
        self._line_at = 1
        self._at_last_line = 0

    def rows_to_line(self) -> int:
        return self._line_at - self._rows

    def show(self, rows: int, fraction: float | None) -> None:
        self._rows += rows
        if self._rows >= self._line_at:
            while self._rows >= self._line_at:
                self._line_at *= 2
            self._next_line()

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._rows > self._at_last_line:
            self._next_line()

    def _next_line(self) -> None:
        self._at_last_line = self._rows
        for line in self._table.lines():
            self.say(line)


class Bar(Lines):
    """The table above a bar that says how far and how fast it is, for a terminal."""

    def __init__(self, score: Prequential) -> None:
        from rich import progress
        from rich.console import Console

        super().__init__(score)
        self._bar = progress.Progress(
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TextColumn("{task.fields[rows]}, {task.fields[speed]:,.0f} a second"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True, highlight=False),
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, rows="0 rows", speed=0.0)
        self._began = self._drawn = time.monotonic()
        self._bar.start()

    def show(self, rows: int, fraction: float | None) -> None:
        super().show(rows, fraction)
        now = time.monotonic()
        if now - self._drawn >= REFRESH:
            self._drawn = now
            speed = self._rows / (now - self._began)
            total = None if fraction is None else 1.0
            rows_said = counted(self._rows, "row")
            self._bar.update(
                self._task, completed=fraction or 0.0, total=total, rows=rows_said, speed=speed
            )
            self._bar.refresh()

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False)

    def close(self) -> None:
        if self._bar.live.is_started:
            self._bar.stop()
        super().close()


def progress_for(kind: str, quiet: bool, score: Prequential) -> Progress:
    """The progress that was asked for: "auto" is a bar on a terminal and lines elsewhere."""
    if quiet:
        return Progress()
    if kind == "rich" or (kind == "auto" and sys.stderr.isatty()):
        return Bar(score)
    return Lines(score)
