"""Where forecasts go: a line for each row of the source."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.cli.errors import WriteError
from rtrl_lstm.cli.numerals import numerals
from rtrl_lstm.cli.outputs import STDOUT, Output
from rtrl_lstm.cli.text import JSON_LINES
from rtrl_lstm.models.intervals import Ranged

_BLOCK = 1 << 20


def forecast_line(forecast: Any) -> str:
    """A forecast as a line of CSV: a number, with the interval that it may have, or a label and
    its probability."""
    if type(forecast) is float:
        return repr(forecast)
    if forecast is None:
        return ""
    if isinstance(forecast, Ranged):
        ends = ("" if end != end else repr(end) for end in (forecast.lower, forecast.upper))
        return ",".join((repr(float(forecast)), *ends))
    if isinstance(forecast, tuple):
        return ",".join(map(forecast_line, forecast))
    if not isinstance(forecast, dict):
        return repr(float(forecast))
    label = max(forecast, key=forecast.__getitem__)
    return f"{_quoted(label)},{float(forecast[label])!r}"


def forecast_object(row: int, forecast: Any, names: Sequence[str] = ()) -> str:
    """A forecast as a line of JSON, with the number of its row; of several targets, by `names`."""
    if names:
        return json.dumps({"row": row, **_of_several(forecast, names)}, ensure_ascii=False)
    found: dict[str, Any] = {"row": row, "prediction": forecast}
    if isinstance(forecast, dict):
        found["prediction"] = max(forecast, key=forecast.__getitem__)
        found["probabilities"] = {label: float(share) for label, share in forecast.items()}
    elif forecast is not None:
        found["prediction"] = float(forecast)
    if isinstance(forecast, Ranged):
        found |= _ends(forecast)
    return json.dumps(found, ensure_ascii=False)


def _of_several(forecast: tuple[float, ...] | None, names: Sequence[str]) -> dict[str, Any]:
    """The numbers of a forecast by `names`, and their intervals' ends if they have any."""
    if forecast is None:
        return {"predictions": None}
    said = dict(zip(names, forecast, strict=True))
    ends = {name: _ends(number) for name, number in said.items() if isinstance(number, Ranged)}
    found = {end: {name: each[end] for name, each in ends.items()} for end in ("lower", "upper")}
    return {"predictions": said, **(found if ends else {})}


def _ends(forecast: Ranged) -> dict[str, float | None]:
    ends = {"lower": forecast.lower, "upper": forecast.upper}
    return {name: end if end == end else None for name, end in ends.items()}


def _quoted(label: str) -> str:
    """A label as a CSV field that stays on its line."""
    label = " ".join(label.splitlines())
    if "," in label or '"' in label:
        return '"' + label.replace('"', '""') + '"'
    return label


class Predictions:
    """One line per source row, in order: CSV with a header, or JSON lines.

    Where there is no forecast the CSV line is empty, and the JSON line's prediction null.

    Args:
        path: a file, or "-" for standard output.
        rows: rows of earlier runs whose lines are kept; 0 begins afresh. A file that has fewer
            lines is filled with those of no forecast, so that a row's line is always in its place.
        form: "csv" or "jsonl"; "auto" takes it from the file's name.
        goes_on: whether to go on, without these lines, where they cannot be written.
        ranged: whether forecasts come with intervals.
        names: the targets, where there are several.

    Attributes:
        lost: rows whose forecasts could not be written.
    """

    def __init__(
        self,
        path: str,
        rows: int = 0,
        form: str = "auto",
        goes_on: bool = False,
        ranged: bool = False,
        names: Sequence[str] = (),
    ) -> None:
        self.lost = 0
        self._names = names if len(names) > 1 else ()
        self._row = rows
        self._goes_on = goes_on
        self._ranged = ranged
        self._is_json = form == "jsonl" or (form == "auto" and path.lower().endswith(JSON_LINES))
        self._header_due = not self._is_json
        self._blank = 0  # rows without a forecast that wait for the header, or for the disk
        kept = 0
        if path != STDOUT and rows and os.path.isfile(path):
            lines, kept = _whole_lines(path, rows + self._header_due)
            self._blank = rows - max(lines - self._header_due, 0)
            self._header_due = self._header_due and lines == 0
        elif path != STDOUT:
            self._blank = rows
        self._output = Output(path, kept)

    def write(self, forecasts: list[Any], classes: bool | None) -> None:
        """Add lines and hand them to the reader at once.

        The header says whether these are classes; while nobody knows (None), it waits.

        Raises:
            BrokenPipeError: the reader has left.
            WriteError: they could not be written.
        """
        is_json, first = self._is_json, self._row + 1
        self._write(
            len(forecasts),
            classes,
            (forecast_object(row, f, self._names) for row, f in enumerate(forecasts, first))
            if is_json
            else map(forecast_line, forecasts),
        )

    def write_numbers(self, forecasts: NDArray[np.float64]) -> None:
        """`write` for forecasts that are numbers and nothing else; NaN where there is none."""
        none = np.isnan(forecasts)
        if self._is_json or none.any():
            found = zip(forecasts.tolist(), none.tolist(), strict=True)
            self.write([None if blank else y for y, blank in found], classes=False)
        else:
            self._write(len(forecasts), False, numerals(forecasts))

    def _write(self, count: int, classes: bool | None, found: Iterable[str]) -> None:
        before = self._row
        self._row += count
        if classes is None and self._header_due:
            self._blank += count
            return
        lines = self._due(bool(classes), before)
        lines += found
        if not lines:
            return
        try:
            self._output.write("\n".join([*lines, ""]))
        except WriteError:
            if not self._goes_on:
                raise
            self._blank += count
            self.lost += count
        else:
            self._header_due, self._blank = False, 0

    def sync(self) -> None:
        """Make what was written outlive a crash: a model about to be saved counts on it.

        Raises:
            WriteError: it could not be written.
        """
        self._output.sync()

    def finish(self) -> None:
        """Write what still waits: the run came to an end in good order.

        Raises:
            BrokenPipeError, WriteError: see `write`.
        """
        self.write([], classes=False)

    def close(self) -> None:
        """Close the file."""
        self._output.close()

    def _due(self, classes: bool, before: int) -> list[str]:
        """The lines of `before` rows that are still to be written."""
        if self._is_json:
            return [
                forecast_object(before - k, None, self._names) for k in reversed(range(self._blank))
            ]
        header = ["prediction,probability" if classes else "prediction"]
        if self._ranged and not classes:
            header = ["prediction,lower,upper"]
        if self._names:
            parts = ("prediction", "lower", "upper") if self._ranged else ("prediction",)
            columns = (_quoted(f"{part}_{name}") for name in self._names for part in parts)
            header = [",".join(columns)]
        return header * self._header_due + [""] * self._blank


def _whole_lines(path: str, most: int) -> tuple[int, int]:
    """How many of the first so many lines are there whole, and where the last of them ends."""
    lines = end = place = 0
    with open(path, "rb") as file:
        while lines < most and (block := file.read(_BLOCK)):
            here = block.count(b"\n")
            if lines + here < most:
                lines, end = lines + here, place + block.rfind(b"\n") + 1 if here else end
            else:
                at = _nth_newline(block, most - lines)
                return most, place + at + 1
            place += len(block)
    return lines, end


def _nth_newline(block: bytes, number: int) -> int:
    at = -1
    for _ in range(number):
        at = block.find(b"\n", at + 1)
    return at
