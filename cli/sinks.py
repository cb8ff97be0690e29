"""Where forecasts and unreadable rows go."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import IO, Any

from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.intervals import Ranged

STDOUT = "-"


def forecast_line(forecast: Any) -> str:
    """A forecast as a line of the predictions: a number, with the interval that it may have, or a
    label and its probability."""
    if forecast is None:
        return ""
    if isinstance(forecast, Ranged):
        ends = ("" if end != end else repr(end) for end in (forecast.lower, forecast.upper))
        return ",".join((repr(float(forecast)), *ends))
    if not isinstance(forecast, dict):
        return repr(float(forecast))
    label = max(forecast, key=forecast.__getitem__)
    return f"{_quoted(label)},{float(forecast[label])!r}"


def _quoted(label: str) -> str:
    """A label as a CSV field that stays on its line."""
    label = " ".join(label.splitlines())
    if "," in label or '"' in label:
        return '"' + label.replace('"', '""') + '"'
    return label


class Predictions:
    """A header, then one line per source row, in order; empty where there is no forecast.

    Args:
        path: a file, or "-" for standard output.
        rows: rows of earlier runs whose lines are kept; 0 begins afresh. A file that has fewer
            lines is filled with empty ones, so that a row's line is always in its place.
        ranged: whether forecasts come with intervals.
    """

    def __init__(self, path: str, rows: int = 0, ranged: bool = False) -> None:
        self._ranged = ranged
        self._header_due = True
        self._blank = 0  # rows without a forecast that wait for the header
        self._file: IO[str] = sys.stdout
        self._is_regular = False
        if path != STDOUT:
            self._file = _opened(path, "a" if rows else "w")
            self._is_regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
            if rows and self._is_regular:
                self._header_due, self._blank = _keep(path, rows)

    def write(self, forecasts: list[Any], classes: bool | None) -> None:
        """Add lines and hand them to the reader at once.

        The header says whether these are classes; while nobody knows (None), it waits.

        Raises:
            BrokenPipeError: the reader of standard output has left.
        """
        if classes is None:
            self._blank += len(forecasts)
            return
        lines = [*self._due(classes), *map(forecast_line, forecasts), ""]
        try:
            self._file.write("\n".join(lines))
            self._file.flush()
        except BrokenPipeError:
            # What is left in the buffer must go somewhere when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
            raise

    def sync(self) -> None:
        """Make what was written outlive a crash: a model about to be saved counts on it."""
        if self._is_regular:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what still waits, and close the file."""
        self.write([], classes=False)
        if self._file is not sys.stdout:
            self._file.close()

    def _due(self, classes: bool) -> list[str]:
        header = ["prediction,probability" if classes else "prediction"]
        if self._ranged and not classes:
            header = ["prediction,lower,upper"]
        due = header * self._header_due + [""] * self._blank
        self._header_due, self._blank = False, 0
        return due


def refuse_to_overwrite(source: str, *outputs: str | None) -> None:
    """Keep a command from writing over what it reads.

    Raises:
        Stop: an output is the same file as the source.
    """
    for path in outputs:
        are_files = path and os.path.isfile(path) and os.path.isfile(source)
        if path and are_files and os.path.samefile(path, source):
            raise Stop(f"{path} would be read and written at once: name another output")


def refuse_unwritable(path: str) -> None:
    """Keep a command from working for hours and then finding no place for what came of it.

    Raises:
        Stop: there is no folder to write the file in.
    """
    folder = Path(path).absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Stop(f"cannot write {path}: there is no folder {folder} that can be written to")


def _opened(path: str, mode: str) -> IO[str]:
    try:
        return open(path, mode, encoding="utf-8", newline="\n")
    except OSError as error:
        raise Stop(f"cannot write {path}: {error.strerror}") from error


def _keep(path: str, rows: int) -> tuple[bool, int]:
    """Cut a file of predictions behind so many rows.

    Returns whether the header is due and how many rows' lines are missing.
    """
    lines, end = 0, 0
    with open(path, "rb") as file:
        for line in file:
            if lines > rows or not line.endswith(b"\n"):
                break
            lines, end = lines + 1, end + len(line)
    os.truncate(path, end)
    return lines == 0, rows - max(lines - 1, 0)


class BadRows:
    """Rows that could not be used, counted; and written as JSON lines where a file is asked for.

    Args:
        path: None to count only.
        rows: rows of earlier runs whose lines are kept; 0 begins afresh.

    Attributes:
        count: how many there were in this run.
        first: the first of them, in words; "" while there was none.
    """

    def __init__(self, path: str | None, rows: int = 0) -> None:
        self.count = 0
        self.first = ""
        self._file: IO[str] | None = None
        if path is not None:
            kept = _lines_up_to(path, rows) if rows else []
            self._file = _opened(path, "w")
            self._file.writelines(kept)

    def add(self, row: int, line: int, why: str, raw: str) -> None:
        """Note one: its number among the rows, its line in the source, the reason and its text."""
        self.count += 1
        self.first = self.first or f"row {row} (line {line}): {why}"
        if self._file is not None:
            document = {"row": row, "line": line, "why": why, "raw": raw}
            self._file.write(json.dumps(document, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Hand what was written to whoever reads the file."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def notes(self) -> list[str]:
        """A line for the user about them, if there were any."""
        if not self.count:
            return []
        number = "one row" if self.count == 1 else f"{self.count:,} rows"
        hint = "" if self._file is not None else "; --bad-rows FILE writes them all"
        return [f"{number} could not be used; the first: {self.first}{hint}"]


def _lines_up_to(path: str, rows: int) -> list[str]:
    """The lines of a file of bad rows that are of the first so many rows."""
    try:
        with open(path, encoding="utf-8") as file:
            whole = [line for line in file if line.endswith("\n")]
        return [line for line in whole if json.loads(line)["row"] <= rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Stop(f"{path} is not a file of bad rows that --resume could go on with") from error
