"""What a report shows of a stream, gathered as its rows pass by, in bounded memory.

Drive a model as ever, and hand what it gives to a History instead of its score:

    score = Prequential(model.schema.horizon)
    history = History(score)
    history.extend(*model.follow(rows))

It hands the rows on to the score, and keeps: the sums of the score at up to `SNAPSHOTS` rows
at equal distances, which double when they would be more; the last `LAST_ROWS` rows with their
forecasts; the last `LAST_INPUTS` rows as the learner saw them; how often forecast probabilities
came true; and when there were new inputs, new labels and bad rows. All of it depends on the rows
alone, not on how they come in chunks.

Of several targets it keeps the first one's rows; of all the rows ahead the forecasts of the
farthest, the last row's whole, and no inputs, of which there are many.
"""

from __future__ import annotations

import base64
import bisect
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.models.intervals import Ranged, pack
from rtrl_lstm.score.packing import pack_column, unpack_column
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.several import SeveralScore
from rtrl_lstm.score.steps import StepsScore
from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.schema import BadRow, Forecast, Numbers, Reading

SNAPSHOTS = 400
LAST_ROWS = 2000
LAST_INPUTS = 512
LAST_EVENTS = 50
PROBABILITY_BINS = 10


class Snapshot(NamedTuple):
    """Sums up to a row: what was scored, the losses by source, bad rows, and of the forecasts'
    intervals how many there were and how many the truth lay in."""

    row: int
    scored: int
    losses: dict[str, float]
    bad_rows: int
    ranges: int
    covered: int


class Passed(NamedTuple):
    """A row of the last stretch. Of classes, the forecast is the likeliest label; of numbers it may
    have an interval."""

    row: int
    seconds: float | None
    truth: Value
    forecast: Value
    probability: float | None
    sequence: int
    lower: float | None
    upper: float | None


class Event(NamedTuple):
    """Something that happened at a row: "inputs" or "labels" grew to `size`, or a "bad row"."""

    row: int
    kind: str
    size: int
    why: str


class Bin(NamedTuple):
    """Forecasts of about the same probability: how many, the sum of it, and how many came true."""

    forecasts: int
    probability: float
    hits: int


class History:
    """Rows on their way to a score, and what is kept of them.

    Args:
        score: where the rows go. It may have seen some before: what is kept begins behind them.

    Attributes:
        snapshots: in order of rows; the first is where this began.
        events: the last `LAST_EVENTS` things that happened, in order of rows.
        path: of all the rows ahead, what the last row said: value, lower and upper for each.
        calibration: for labels. With two, the bins are of the second one's probability; with
            more, of the likeliest one's.
    """

    def __init__(self, score: Prequential) -> None:
        self.score = score
        self.snapshots: list[Snapshot] = []
        # A forecast waits among the last rows for its truth.
        self._last: deque[tuple[Any, ...]] = deque(maxlen=max(LAST_ROWS, score.horizon + 1))
        self.events: list[Event] = []
        self.path: list[list[float | None]] = []
        self.calibration = [Bin(0, 0.0, 0)] * PROBABILITY_BINS
        self._read: deque[Reading] = deque(maxlen=LAST_INPUTS)
        self._numbers: deque[tuple[int, Numbers]] = deque()  # rows that came at once, after those
        self._width = 1
        self._sequence = 0
        self._inputs = 0
        self._labels = 0
        self._take_snapshot()

    def extend(
        self, forecasts: Iterable[Forecast | BadRow], readings: Iterable[Reading | None]
    ) -> None:
        """Take rows of the source in order, and hand them on: see `Prequential.extend`."""
        said, read = list(forecasts), list(readings)
        row = self.score.rows
        for stop in self.score.extend_to(said, read, self._stops(row, len(read))):
            self._snap(row + stop)
        self._keep(row, said, read)
        if isinstance(self.score, StepsScore):
            good = [place for place, reading in enumerate(read) if reading is not None]
            self.path = _path(said[good[-1]]) if good else self.path

    def takes(self, rows: int) -> int:
        """How many of so many rows of numbers can be taken at once."""
        return self.score.takes(rows)

    def extend_numbers(self, numbers: Numbers) -> None:
        """Take rows of numbers, and hand them on: see `Prequential.extend_numbers`."""
        score, row, count = self.score, self.score.rows, len(numbers.labels)
        for stop in score.extend_numbers(numbers, self._stops(row, count)):
            self._snap(row + stop)
        width = numbers.inputs.shape[1]
        if count and (width != self._inputs or self._labels):
            self._note_growth(row + 1, width, 0)
        self._numbers.append((row, numbers))
        while len(self._numbers) > 1 and row - self._numbers[1][0] >= self._last_rows:
            self._numbers.popleft()

    def _stops(self, row: int, count: int) -> Iterator[int]:
        """Where snapshots are to be taken, which changes as they are."""
        stop = 0
        while stop < count:
            stop = min(count, stop + self._width - (row + stop) % self._width)
            yield stop

    @property
    def _last_rows(self) -> int:
        assert self._last.maxlen is not None
        return max(self._last.maxlen, LAST_INPUTS)

    def _write_out(self) -> None:
        """Keep the rows that came at once as the others are kept."""
        pending, self._numbers = self._numbers, deque()
        for row, (inputs, labels, forecasts) in pending:
            begin = max(len(labels) - self._last_rows, 0)
            rows = range(row + 1 + begin, row + 1 + len(labels))
            truths = [None if y != y else y for y in labels[begin:].tolist()]
            said = forecasts[begin:].tolist()
            for number, truth, forecast in zip(rows, truths, said, strict=True):
                made = None if forecast != forecast else forecast
                passed = (number, None, truth, made, None, self._sequence, None, None)
                self._last.append(passed)
            begin = max(len(labels) - LAST_INPUTS, 0)
            for x, label in zip(inputs[begin:].tolist(), labels[begin:].tolist(), strict=True):
                known = None if label != label else label
                self._read.append(Reading(x, label, known, False, None, ()))

    @property
    def last(self) -> list[Passed]:
        """The last rows."""
        self._write_out()
        return [Passed(*row) for row in self._last]

    def note_bad_row(self, row: int, why: str) -> None:
        """Keep why a row could not be used."""
        self._note(Event(row, "bad row", 1, why[:200]))

    def now(self) -> Snapshot:
        """The sums as they stand."""
        score, ranges = self.score, self.score.ranges
        counts = (score.bad_rows, ranges.count, ranges.covered)
        return Snapshot(score.rows, score.scored, score.losses(), *counts)

    def stretch(self) -> tuple[Array, Array, Array]:
        """The last rows as the learner saw them.

        Returns:
            (T, I) inputs in float32, (T,) labels, and (T,) whether a sequence begins.
        """
        self._write_out()
        width = max((len(reading.inputs) for reading in self._read), default=0)
        inputs = np.zeros((len(self._read), width), np.float32)
        if all(len(reading.inputs) == width for reading in self._read):
            inputs[:] = [reading.inputs for reading in self._read] or 0.0
        else:
            for row, reading in zip(inputs, self._read, strict=True):
                row[: len(reading.inputs)] = reading.inputs
        labels = np.array([reading.label for reading in self._read], np.float64)
        return inputs, labels, np.array([reading.reset for reading in self._read], bool)

    def _keep(
        self, row: int, forecasts: list[Forecast | BadRow], readings: list[Reading | None]
    ) -> None:
        """Keep rows behind `row`. Plain tuples: this is done for each row of a stream."""
        self._write_out()
        for forecast, reading in zip(forecasts, readings, strict=True):
            row += 1
            if reading is None or isinstance(forecast, BadRow):
                continue
            inputs, _, truth, reset, seconds, classes, _, before = reading[:8]
            for filler in before:
                stamp = (row - 1, filler.seconds, None, None, None, self._sequence, None, None)
                self._last.append(stamp)
                self._keep_inputs(filler)
            said: Value
            probability: float | None
            self._sequence += reset
            if isinstance(self.score, SeveralScore) and isinstance(forecast, tuple):
                forecast = forecast[self.score.shown]
            if isinstance(forecast, dict):
                said, probability = _likeliest(forecast)
            else:
                said, probability = None if isinstance(forecast, tuple) else forecast, None
            ends: tuple[float, float] | tuple[None, None] = (None, None)
            if isinstance(forecast, Ranged) and forecast.lower == forecast.lower:
                ends = (forecast.lower, forecast.upper)
            self._last.append((row, seconds, truth, said, probability, self._sequence, *ends))
            self._keep_inputs(reading)
            if isinstance(truth, str):
                self._calibrate(truth, classes)
            if len(inputs) != self._inputs or len(classes) != self._labels:
                self._note_growth(row, len(inputs), len(classes))

    def _keep_inputs(self, reading: Reading) -> None:
        if not isinstance(self.score, StepsScore):
            self._read.append(reading)

    def _note_growth(self, row: int, inputs: int, labels: int) -> None:
        if inputs != self._inputs:
            self._inputs = inputs
            self._note(Event(row, "inputs", self._inputs, ""))
        if labels != self._labels:
            self._labels = labels
            self._note(Event(row, "labels", self._labels, ""))

    def _note(self, event: Event) -> None:
        """Put an event in its place: bad rows are told of before the other rows of their chunk."""
        bisect.insort(self.events, event, key=lambda known: known.row)
        del self.events[:-LAST_EVENTS]

    def _calibrate(self, truth: str, classes: tuple[str, ...]) -> None:
        """Count whether the forecast of the last row, made `horizon` rows ago, came true."""
        if len(self._last) <= self.score.horizon:
            return
        origin = Passed(*self._last[-1 - self.score.horizon])
        if origin.probability is None or origin.sequence != self._sequence:
            return
        expected = classes[1] if len(classes) == 2 else origin.forecast
        place = min(int(origin.probability * PROBABILITY_BINS), PROBABILITY_BINS - 1)
        count, total, hits = self.calibration[place]
        self.calibration[place] = Bin(
            count + 1, total + origin.probability, hits + (truth == expected)
        )

    def _snap(self, row: int) -> None:
        """Keep the sums, if so many rows are a multiple of the distance."""
        if row % self._width == 0:
            self._take_snapshot()

    def _take_snapshot(self) -> None:
        self.snapshots.append(self.now())
        if len(self.snapshots) > SNAPSHOTS:
            self._width *= 2
            first, *others = self.snapshots
            self.snapshots = [first, *(s for s in others if s.row % self._width == 0)]

    def to_json(self) -> dict[str, Any]:
        """All there is to it but the score, as plain JSON."""
        inputs, labels, resets = self.stretch()  # writes out
        return {
            "snapshots": [list(snapshot) for snapshot in self.snapshots],
            "last": [pack_column(column) for column in zip(*self._last, strict=True)],
            "events": [list(event) for event in self.events],
            "calibration": [list(one) for one in self.calibration],
            "inputs": [list(inputs.shape), base64.b64encode(inputs.tobytes()).decode()],
            "labels": pack_column([None if y != y else y for y in labels.tolist()]),
            "resets": np.flatnonzero(resets).tolist(),
            "path": self.path,
            "width": self._width,
            "sequence": self._sequence,
            "known": [self._inputs, self._labels],
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], score: Prequential) -> History:
        """The inverse of `to_json`, given the score as it was."""
        history = cls(score)
        history.snapshots = [Snapshot(*snapshot) for snapshot in saved["snapshots"]]
        history._last.extend(zip(*map(unpack_column, saved["last"]), strict=True))
        history.events.extend(Event(*event) for event in saved["events"])
        history.calibration = [Bin(*one) for one in saved["calibration"]]
        shape, text = saved["inputs"]
        inputs = np.frombuffer(base64.b64decode(text), np.float32).reshape(shape).tolist()
        resets = set(saved["resets"])
        for t, (row, label) in enumerate(zip(inputs, unpack_column(saved["labels"]), strict=True)):
            known = float("nan") if label is None else label
            history._read.append(Reading(row, known, None, t in resets, None, ()))
        history.path = saved["path"]
        history._width = saved["width"]
        history._sequence = saved["sequence"]
        history._inputs, history._labels = saved["known"]
        return history


def _path(forecast: Forecast | BadRow) -> list[list[float | None]]:
    """A forecast of all the rows ahead, each with its interval's ends if it has any."""
    numbers = forecast if isinstance(forecast, tuple) else (forecast,)
    return [
        pack(one if isinstance(one, Ranged) else Ranged(one))
        for one in numbers
        if isinstance(one, float)
    ]


def _likeliest(forecast: dict[str, float]) -> tuple[str, float | None]:
    """The likeliest label, and the probability that is calibrated: of two, the second one's.

    Of a single label there is none.
    """
    best = max(forecast, key=forecast.__getitem__)
    if len(forecast) == 2:
        return best, list(forecast.values())[1]
    return best, forecast[best] if len(forecast) > 2 else None
