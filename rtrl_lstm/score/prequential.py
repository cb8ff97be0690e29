"""Prequential scores: each forecast is made first and compared later, when its truth arrives.

The learner and the baselines are scored on the same rows. A forecast of row t counts if it was
made at a row of the source from `score_from` on, if row t has a truth, if no reset lies between,
and if some target was known before, so that every baseline has something to say. All sums are
taken row by row in float64: the result does not depend on how rows come in chunks.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from rtrl_lstm.models.intervals import Ranged, ends_of, pack, unpack
from rtrl_lstm.score.compared import Compared, ComparedRanges, Origins, origins_of
from rtrl_lstm.score.tallies import Frequencies, LabelSums, NumberSums, RangeSums, Spread
from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.schema import BadRow, Forecast, Numbers, Reading
from rtrl_lstm.table.season import Seasons
from rtrl_lstm.table.values import OTHER

_STREAM = ("_sequence", "_last", "_waiting", "_frequencies", "_seasons")


class Waiting(NamedTuple):
    """A row whose forecast waits for its truth, and the target that was known when it was made."""

    forecast: Forecast
    truth: Value
    row: int
    sequence: int


class Prequential:
    """Scores a stream of forecasts beside the baselines, and counts its rows.

    The baselines are `last_value`; for labels also `class_frequency`, the shares of the labels so
    far; and the same time a season ago where there is a season (see `season`) and a row has come
    that is a season behind another. Where a seasonal baseline has nothing to say, it says what the
    last value says.

    Args:
        horizon: rows from a forecast's origin to its truth.
        score_from: first row of the source (from 1) whose forecast is scored.

    Attributes:
        rows, bad_rows: rows of the source so far, and those of them that could not be read.
        scored: forecasts that were compared with a truth.
        latest: the last scored pair (forecast, truth), or None.
        ranges: how the forecasts' intervals did, where they have any.
    """

    def __init__(self, horizon: int, score_from: int = 1) -> None:
        self.horizon = horizon
        self.score_from = score_from
        self.rows = 0
        self.bad_rows = 0
        self.scored = 0
        self.latest: tuple[Forecast, Value] | None = None
        self._sequence = 0
        self._last: Value = None  # the last target known at the row whose forecast is scored
        self._waiting: deque[Waiting] = deque()
        self._targets = Spread()
        self._truth_size = 0.0  # sum of |truth| over scored rows
        self._numbers: dict[str, NumberSums] = {}
        self._labels: dict[str, LabelSums] = {}
        self.ranges = RangeSums()
        self._frequencies = Frequencies()
        self._seasons = Seasons(horizon)

    def extend(
        self, forecasts: Iterable[Forecast | BadRow], readings: Iterable[Reading | None]
    ) -> None:
        """Take rows of the source in order: what `Model.follow` gives. None is a bad row."""
        for forecast, reading in zip(forecasts, readings, strict=True):
            self.rows += 1
            if reading is None or isinstance(forecast, BadRow):
                self.bad_rows += 1
            else:
                self._take(forecast, reading)

    def extend_to(
        self,
        forecasts: list[Forecast | BadRow],
        readings: list[Reading | None],
        stops: Iterable[int],
    ) -> Iterator[int]:
        """`extend`, and a stop at some of the rows; it has taken them when it ends.

        Args:
            stops: numbers of rows, in order, the last one that of all. It yields each of them
                when all there is to it is that of so many of the rows.
        """
        begin = 0
        for stop in stops:
            self.extend(forecasts[begin:stop], readings[begin:stop])
            yield stop
            begin = stop

    def takes(self, rows: int) -> int:
        """How many of so many rows of numbers can be taken at once."""
        if not isinstance(self._last, float) or not self._numbers:
            return 0
        # A season becomes a baseline at the row about which it says something first.
        found = self._seasons.found.items()
        until = [
            season.lag - self._seasons.rows for name, season in found if name not in self._numbers
        ]
        room = min([rows, *until])
        return self._seasons.takes(room) if room > 0 else 0

    def extend_numbers(self, numbers: Numbers, stops: Iterable[int] | None = None) -> Iterator[int]:
        """`extend_to` for rows of numbers, as many as it `takes`.

        At a stop only `rows`, `scored`, `loss` and `losses` are those of so many of the rows.
        """
        rows = AtOnce(self, numbers)
        for stop in (len(numbers.labels),) if stops is None else stops:
            rows.take(stop)
            yield stop

    def _origins(self, numbers: Numbers, given: Sequence[Forecast]) -> Origins:
        """The forecasts that the rows hold the truth of; their own wait, as they were given."""
        waiting, labels, said = self._waiting, numbers.labels, numbers.forecasts
        rows = np.arange(self.rows + 1, self.rows + len(labels) + 1)
        own = (rows >= self.score_from) & ~np.isnan(said)
        before = [
            w.forecast is not None and w.row >= self.score_from and w.sequence == self._sequence
            for w in waiting
        ]
        assert isinstance(self._last, float)
        origins = origins_of(
            np.array([w.forecast for w in waiting], np.float64),
            np.concatenate((np.array(before, bool), own)),
            np.array([w.truth for w in waiting], np.float64),
            self._last,
            labels,
            said,
        )
        if self.horizon:
            last = slice(-min(self.horizon, len(labels)), None)
            found = zip(given[last], labels[last].tolist(), rows[last].tolist(), strict=True)
            for forecast, truth, row in found:
                known = None if truth != truth else truth
                waiting.append(Waiting(forecast, known, row, self._sequence))
                waiting.popleft()
        return origins

    @property
    def loss(self) -> float:
        """Sum of the scored forecasts' absolute errors, or of their log losses."""
        if "learner" in self._numbers:
            return self._numbers["learner"].absolute
        return self._labels["learner"].log_loss if "learner" in self._labels else 0.0

    def compared(self) -> dict[str, tuple[float, int]]:
        """By source as in `losses`, that sum and of how many forecasts it is."""
        return {name: (loss, self.scored) for name, loss in self.losses().items()}

    def compared_each(self) -> list[dict[str, tuple[float, int]]]:
        """`compared` of each target, whose errors may be in units of their own."""
        return [self.compared()]

    def losses(self) -> dict[str, float]:
        """The learner's and each baseline's summed absolute errors, or wrong labels, so far."""
        found = {name: sums.absolute for name, sums in self._numbers.items()}
        return found or {name: float(self.scored - s.hits) for name, s in self._labels.items()}

    def summary(self, counts: dict[str, int]) -> dict[str, Any]:
        """Counters, metrics and baselines, plain JSON.

        Args:
            counts: those of the good rows: `Model.counts`.

        A figure that does not exist (nothing scored, a target that never varies) is None.
        """
        baselines = self._metrics()
        return {
            "rows": counts["rows"] + self.bad_rows,
            "learned": counts["learned"],
            "unlabelled": counts["unlabelled"],
            "pending": counts["pending"],
            "bad_rows": self.bad_rows,
            "scored": self.scored,
            "metrics": baselines.pop("learner", {}),
            "baselines": baselines,
        }

    # --- rows ------------------------------------------------------------------------------

    def _take(self, forecast: Forecast, reading: Reading) -> None:
        for filler in reading.before:
            self._take(None, filler)
        truth = reading.truth
        self._sequence += reading.reset
        self._seasons.push(truth, reading.seconds)
        if isinstance(truth, float):
            self._targets.add(truth)
        now = Waiting(forecast, truth, self.rows, self._sequence)
        if self.horizon == 0:
            self._compare(now, truth)
            self._note(truth)
            return
        self._waiting.append(now)
        if len(self._waiting) > self.horizon:
            origin = self._waiting.popleft()
            self._note(origin.truth)
            self._compare(origin, truth)

    def _note(self, truth: Value) -> None:
        """A target becomes known to the baselines."""
        if truth is None:
            return
        self._last = truth
        if isinstance(truth, str):
            self._frequencies.add(truth)

    def _compare(self, origin: Waiting, truth: Value) -> None:
        forecast, last = origin.forecast, self._last
        if (
            truth is None
            or forecast is None
            or last is None
            or origin.row < self.score_from
            or origin.sequence != self._sequence
        ):
            return
        if isinstance(forecast, dict):
            self._score_labels(forecast, str(truth), str(last))
        elif isinstance(truth, float) and isinstance(last, float) and isinstance(forecast, float):
            self._score_numbers(forecast, truth, last)
        self.scored += 1
        self.latest = (forecast, truth)

    def _score_numbers(self, forecast: float, truth: float, last: float) -> None:
        sums = self._numbers
        if not sums:
            sums.update(learner=NumberSums(), last_value=NumberSums())
        self._begin_seasons(sums)
        self._truth_size += abs(truth)
        sums["learner"].add(forecast, truth)
        if isinstance(forecast, Ranged):
            self.ranges.add(forecast.lower, forecast.upper, truth)
        sums["last_value"].add(last, truth)
        for name in sums.keys() - {"learner", "last_value"}:
            value = self._said_by(name)
            sums[name].add(value if isinstance(value, float) else last, truth)

    def _score_labels(self, forecast: dict[str, float], truth: str, last: str) -> None:
        sums = self._labels
        if not sums:
            for name in ("learner", "last_value", "class_frequency"):
                sums[name] = LabelSums()
        self._begin_seasons(sums)
        best = max(forecast, key=forecast.__getitem__)
        sums["learner"].add(best, forecast.get(truth, forecast.get(OTHER, 0.0)), truth)
        sums["last_value"].add(last, 1.0, truth)
        mode, share = self._frequencies.mode, self._frequencies.probability(truth)
        sums["class_frequency"].add(mode, share, truth)
        for name in sums.keys() - {"learner", "last_value", "class_frequency"}:
            value = self._said_by(name)
            sums[name].add(value if isinstance(value, str) else last, 1.0, truth)

    def _begin_seasons(self, sums: dict[str, Any]) -> None:
        """Score what a season says from the first row on that it says something about; until then
        it would have said what the last value says."""
        for name in self._seasons.found:
            if name not in sums and self._said_by(name) is not None:
                sums[name] = copy.copy(sums["last_value"])

    def _said_by(self, name: str) -> Value:
        """What a seasonal baseline says; None where there is no such season, or not yet."""
        season = self._seasons.found.get(name)
        return None if season is None else self._season_ago(season.lag, season.since)

    def _season_ago(self, lag: int, since: int) -> Value:
        """What a season says about the row just taken, None where it could not say it yet."""
        origin = self._seasons.rows - 1 - self.horizon
        # At horizon 0 a row's own target must not have found the season that forecasts it.
        known = origin >= since if self.horizon == 0 else origin >= since - 1
        return self._seasons.ago(lag) if known else None

    # --- figures ---------------------------------------------------------------------------

    def _metrics(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, numbers in self._numbers.items():
            rmse = math.sqrt(numbers.squared / self.scored)
            found[name] = {
                "mae": _figure(numbers.absolute, self.scored),
                "rmse": _figure(rmse, 1.0),
                "nrmse": _figure(rmse, self._targets.deviation),
                "mape": _figure(numbers.absolute, self._truth_size),
            }
        if self.ranges.count:
            found["learner"]["coverage"] = _figure(self.ranges.covered, self.ranges.count)
            found["learner"]["width"] = _figure(self.ranges.width, self.ranges.count)
        for name, labels in self._labels.items():
            found[name] = {"accuracy": _figure(labels.hits, self.scored)}
            if name in ("learner", "class_frequency"):
                found[name]["log_loss"] = _figure(labels.log_loss, self.scored)
        for name, season in self._seasons.found.items():
            if name in found:
                found[name]["lag"] = season.lag
        return found

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        latest = self.latest
        return {
            "horizon": self.horizon,
            "score_from": self.score_from,
            "rows": self.rows,
            "bad_rows": self.bad_rows,
            "scored": self.scored,
            "latest": None if latest is None else list(latest),
            "targets": dict(vars(self._targets)),
            "truth_size": self._truth_size,
            "numbers": {name: dict(vars(sums)) for name, sums in self._numbers.items()},
            "labels": {name: dict(vars(sums)) for name, sums in self._labels.items()},
            "ranges": dict(vars(self.ranges)),
            "stream": self.stream_to_json(),
        }

    def stream_to_json(self) -> dict[str, Any]:
        """What it remembers of the stream, as plain JSON."""
        return {
            "sequence": self._sequence,
            "last": self._last,
            "waiting": [[_packed(forecast), *rest] for forecast, *rest in self._waiting],
            "counts": dict(self._frequencies.counts),
            "mode": self._frequencies.mode,
            "seasons": self._seasons.to_json(),
        }

    def stream_from_json(self, saved: dict[str, Any]) -> None:
        """Go back to what `stream_to_json` gave."""
        self._sequence = saved["sequence"]
        self._last = saved["last"]
        self._waiting = deque(
            Waiting(_unpacked(packed), *rest) for packed, *rest in saved["waiting"]
        )
        self._frequencies = Frequencies(dict(saved["counts"]), saved["mode"])
        self._seasons = Seasons(self.horizon)
        self._seasons.restore(saved["seasons"])

    @property
    def stream(self) -> dict[str, Any]:
        """What it remembers of the stream: all but counts and sums."""
        return {name: getattr(self, name) for name in _STREAM}

    @stream.setter
    def stream(self, found: dict[str, Any]) -> None:
        vars(self).update(found)

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Prequential:
        """The inverse of `to_json`."""
        score = cls(saved["horizon"], saved["score_from"])
        score.rows = saved["rows"]
        score.bad_rows = saved["bad_rows"]
        score.scored = saved["scored"]
        score.latest = None if saved["latest"] is None else (saved["latest"][0], saved["latest"][1])
        score._targets = Spread(**saved["targets"])
        score._truth_size = saved["truth_size"]
        score._numbers = {name: NumberSums(**sums) for name, sums in saved["numbers"].items()}
        score._labels = {name: LabelSums(**sums) for name, sums in saved["labels"].items()}
        score.ranges = RangeSums(**saved["ranges"])
        score.stream_from_json(saved["stream"])
        return score


class AtOnce:
    """Rows of numbers on their way into a score: compared all at once, and counted by and by.

    Args:
        score: it has to be able to take them, see `Prequential.takes`.
        numbers: the rows; their inputs do not matter.
        given: their forecasts as they were given, if these have intervals.
    """

    def __init__(
        self, score: Prequential, numbers: Numbers, given: Sequence[Forecast] | None = None
    ) -> None:
        self._score, self._labels, self._taken = score, numbers.labels, 0
        self._scored_before = score.scored
        waiting = [one.forecast for one in score._waiting]
        if given is None:
            said = numbers.forecasts.tolist()
            self._origins = score._origins(numbers, [None if y != y else y for y in said])
        else:
            self._origins = score._origins(numbers, given)
        sums = (score._numbers, score._truth_size, score.scored, score._seasons)
        self._compared = Compared(self._origins, self._labels, *sums)
        self._ranges: ComparedRanges | None = None
        if given is not None:
            ends = [ends_of(one) for one in (*waiting, *given)]
            self._ranges = ComparedRanges(ends, self._labels, self._compared.counts, score.ranges)

    def take(self, stop: int) -> None:
        """Count the rows up to number `stop`; with the last one the score has them whole."""
        score, compared = self._score, self._compared
        score._targets.add_many(self._labels[self._taken : stop])
        score.rows += stop - self._taken
        score.scored = int(compared.scored[stop])
        score._truth_size = float(compared.truth_size[stop])
        compared.settle(stop)
        if self._ranges is not None:
            self._ranges.settle(stop)
        self._taken = stop
        if stop == len(self._labels):
            self._end()

    def _end(self) -> None:
        score, origins = self._score, self._origins
        score._last = float(origins.lasts[-1])
        if score.scored > self._scored_before:
            t = int(np.flatnonzero(self._compared.counts)[-1])
            score.latest = (float(origins.forecasts[t]), float(self._labels[t]))
        score._seasons.push_many(self._labels)


def _figure(value: float, per: float) -> float | None:
    """value / per, or None where that is no number."""
    if not (math.isfinite(value) and per > 0):
        return None
    return value / per


def _packed(forecast: Forecast) -> Any:
    """As plain JSON, with its interval if it has one."""
    return pack(forecast) if isinstance(forecast, Ranged) else forecast


def _unpacked(packed: Any) -> Forecast:
    return unpack(packed) if isinstance(packed, list) else packed
