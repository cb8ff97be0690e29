"""Where rows go that cannot be used."""

from __future__ import annotations

import json
import os
from typing import IO, Any

from rtrl_lstm.cli.dialect import advice_on_encoding
from rtrl_lstm.cli.errors import Stop, WriteError
from rtrl_lstm.cli.outputs import Output
from rtrl_lstm.wording import counted

MOSTLY = 1000
"""Where more than half of so many rows are bad, the source is not what the user thinks it is."""


class BadRows:
    """Rows that could not be used, counted; and written as JSON lines where a file is asked for.

    Args:
        path: None to count only.
        rows: rows of earlier runs whose lines are kept; 0 begins afresh.
        goes_on: whether to go on, without these lines, where they cannot be written.
        unbounded: whether they may be as many as they like.

    Attributes:
        count: how many there were in this run.
        first: the first of them, in words; "" while there was none.
        lost: how many could not be written.
        too_many: why the run has to end; "" while it need not.
        file: the name of the file the next ones come from, where there are several.
    """

    def __init__(
        self, path: str | None, rows: int = 0, *, goes_on: bool = False, unbounded: bool = False
    ) -> None:
        self.count = 0
        self.first = ""
        self.lost = 0
        self.too_many = ""
        self.file: str | None = None
        self._goes_on = goes_on
        self._unbounded = unbounded
        self._block = self._in_block = 0  # a thousand rows, and how many of them were bad
        self._waiting: list[str] = []
        self._output: Output | None = None
        if path is not None:
            kept = _lines_up_to(path, rows) if rows and os.path.isfile(path) else 0
            self._output = Output(path, kept)

    def add(self, row: int, line: int, why: str, raw: str) -> None:
        """Note one: its number among the rows, its line in the source, the reason and its text."""
        self.count += 1
        self.first = self.first or f"row {row} (line {line}): {why}"
        self._watch(row, line, why)
        if self._output is not None:
            document: dict[str, Any] = {"row": row, "line": line, "why": why, "raw": raw}
            if self.file is not None:
                document["file"] = self.file
            self._waiting.append(json.dumps(document, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Hand what was noted to whoever reads the file.

        Raises:
            WriteError: it could not be written.
        """
        if self._output is None or not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        try:
            self._output.write("".join(waiting))
        except WriteError:
            if not self._goes_on:
                raise
            self.lost += len(waiting)

    def sync(self) -> None:
        """Make what was written outlive a crash.

        Raises:
            WriteError: it could not be written.
        """
        if self._output is not None:
            self._output.sync()

    def close(self) -> None:
        """Close the file."""
        if self._output is not None:
            self._output.close()

    def notes(self) -> list[str]:
        """A line for the user about them, if there were any."""
        if not self.count:
            return []
        number = counted(self.count, "row")
        hint = "" if self._output is not None else "; --bad-rows FILE writes them all"
        advice = advice_on_encoding(self.first)
        return [f"{number} could not be used; the first: {self.first}{advice}{hint}"]

    def _watch(self, row: int, line: int, why: str) -> None:
        """Count the bad ones among rows 1 to 1,000, 1,001 to 2,000, and so on."""
        block = (row - 1) // MOSTLY
        if block != self._block:
            self._block, self._in_block = block, 0
        self._in_block += 1
        if 2 * self._in_block > MOSTLY and not self._unbounded and not self.too_many:
            begin = block * MOSTLY + 1
            self.too_many = (
                f"most rows are bad: {self._in_block} of rows {begin:,} to {row:,}, the last for: "
                f"{why} (line {line}); is the source what you think it is? (--on-bad-row skip-all "
                "goes on past any number of them)"
            )


def _lines_up_to(path: str, rows: int) -> int:
    """Where the lines of the first so many rows end, in a file of bad rows."""
    end = 0
    try:
        with open(path, "rb") as file:
            for line in _whole(file):
                if json.loads(line)["row"] > rows:
                    break
                end += len(line)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Stop(f"{path} is not a file of bad rows that --resume could go on with") from error
    return end


def _whole(file: IO[bytes]) -> Any:
    return (line for line in file if line.endswith(b"\n"))
