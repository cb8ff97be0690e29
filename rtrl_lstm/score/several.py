"""The score of a model with several targets: one score for each of them, and their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.models.intervals import Ranged
from rtrl_lstm.score.prequential import AtOnce, Prequential
from rtrl_lstm.score.tallies import RangeSums
from rtrl_lstm.table.schema import BadRow, Forecast, Numbers, Reading

_LEAST_AT_ONCE = 8
"""So few rows take less time one by one."""

Said = list[Forecast | BadRow]
Read = list[Reading | None]


class SeveralScore(Prequential):
    """Scores each target as if it were the only one.

    Args:
        horizon, score_from: see `Prequential`.
        names: the targets, in the order of the forecasts' numbers.

    Attributes:
        kind: what the parts are called in the summary.
        parts: a score for each target.
        scored: the forecasts of the target that had most of them scored.
        latest: of the first target.
    """

    kind = "targets"
    shown = 0
    """Which number of a forecast a report draws."""

    def __init__(self, horizon: int, score_from: int = 1, names: Iterable[str] = ()) -> None:
        super().__init__(horizon, score_from)
        self.parts = {name: Prequential(horizon, score_from) for name in names}

    def extend(
        self, forecasts: Iterable[Forecast | BadRow], readings: Iterable[Reading | None]
    ) -> None:
        """See `Prequential.extend`."""
        said, read = list(forecasts), list(readings)
        for _ in self.extend_to(said, read, (len(read),)):
            pass

    def extend_to(self, forecasts: Said, readings: Read, stops: Iterable[int]) -> Iterator[int]:
        """See `Prequential.extend_to`; where it can, each part takes many rows at once."""
        begin = end = 0
        for stop in stops:
            self.rows += stop - begin
            while begin < stop:
                if begin == end:
                    end, take = self._stretch(forecasts, readings, begin)
                reached = min(stop, end)
                take(begin, reached)
                begin = reached
            self._gather()
            yield stop

    def _stretch(
        self, said: Said, read: Read, begin: int
    ) -> tuple[int, Callable[[int, int], None]]:
        """Rows from `begin` on that all parts take in one way: where they end, and how to do it."""
        most = min(part.takes(len(read) - begin) for part in self.parts.values())
        end = begin
        while end < begin + most and _is_plain(said[end], read[end]):
            end += 1
        if end - begin < _LEAST_AT_ONCE:
            end = min(begin + _LEAST_AT_ONCE, len(read))
            return end, lambda begin, stop: self._take_each(said[begin:stop], read[begin:stop])
        first, rows = begin, self._at_once(said[begin:end], read[begin:end])

        def take(_: int, stop: int) -> None:
            for part in rows:
                part.take(stop - first)

        return end, take

    def _at_once(self, said: Said, read: Read) -> list[AtOnce]:
        """Rows that are plain, as each part takes them."""
        none, nothing = (None,) * len(self.parts), (np.nan,) * len(self.parts)
        forecasts = np.array([nothing if one is None else one for one in said], np.float64)
        given: list[list[Forecast] | None] = [None] * len(self.parts)
        if any(isinstance(one, tuple) and isinstance(one[0], Ranged) for one in said):
            columns = zip(*(one if isinstance(one, tuple) else none for one in said), strict=True)
            given = [list(column) for column in columns]
        parts = zip(self.parts.values(), self._truths(read), forecasts.T, given, strict=True)
        x = forecasts[:, :0]
        return [AtOnce(part, Numbers(x, y, own), ranged) for part, y, own, ranged in parts]

    def _truths(self, read: Read) -> list[Array]:
        """For each part the truths of rows of numbers, NaN where they are missing."""
        rows = [reading for reading in read if reading is not None]
        parts = range(len(self.parts))
        return [np.array([self._of(k, row).truth for row in rows], np.float64) for k in parts]

    def _take_each(self, said: Said, read: Read) -> None:
        """Rows of any kind."""
        for k, part in enumerate(self.parts.values()):
            own = [one[k] if isinstance(one, tuple) else one for one in said]
            part.extend(own, [None if one is None else self._of(k, one) for one in read])

    def _gather(self) -> None:
        """What there is to say of all parts together."""
        parts = list(self.parts.values())
        self.bad_rows, self.latest = parts[0].bad_rows, parts[0].latest
        self.scored = max(part.scored for part in parts)
        names = ("count", "covered", "width")
        self.ranges = RangeSums(*(sum(getattr(p.ranges, name) for p in parts) for name in names))

    def _of(self, k: int, reading: Reading) -> Reading:
        """A reading as if a further target were the only one."""
        if k == 0:
            return reading
        number = reading.also[k - 1]
        before = tuple(self._of(k, one) for one in reading.before)
        return reading._replace(truth=None if number != number else number, before=before)

    def _completed(self, part: Prequential, found: dict[str, Any]) -> dict[str, Any]:
        """What a part knows of each source of forecasts."""
        return found

    @property
    def loss(self) -> float:
        """Sum of the absolute errors of all targets."""
        return sum(part.loss for part in self.parts.values())

    def compared(self) -> dict[str, tuple[float, int]]:
        """See `Prequential.compared`; of the targets that were scored together."""
        parts = [part for part in self.parts.values() if part.scored]
        found = [self._completed(part, part.compared()) for part in parts]
        return {
            name: (sum(one[name][0] for one in found), sum(one[name][1] for one in found))
            for name in _common(found)
        }

    def compared_each(self) -> list[dict[str, tuple[float, int]]]:
        """See `Prequential.compared_each`."""
        return [part.compared() for part in self.parts.values()]

    def losses(self) -> dict[str, float]:
        """By source, the mean over the targets of their sums of absolute errors."""
        return {name: loss / len(self.parts) for name, (loss, _) in self.compared().items()}

    def _metrics(self) -> dict[str, dict[str, Any]]:
        """The mean over the targets, for each source that has something to say about all."""
        parts = [part for part in self.parts.values() if part.scored]
        found = [self._completed(part, part._metrics()) for part in parts]
        return {
            source: {
                metric: _mean([one[source][metric] for one in found])
                for metric in _common([one[source] for one in found])
                if metric != "lag"
            }
            for source in _common(found)
        }

    def summary(self, counts: dict[str, int]) -> dict[str, Any]:
        """See `Prequential.summary`; `kind` has metrics and baselines of each."""
        targets = {}
        for name, part in self.parts.items():
            found = part.summary(counts)
            targets[name] = {one: found[one] for one in ("scored", "metrics", "baselines")}
        return {**super().summary(counts), self.kind: targets}

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "horizon": self.horizon,
            "score_from": self.score_from,
            "rows": self.rows,
            "parts": [[name, part.to_json()] for name, part in self.parts.items()],
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> SeveralScore:
        """The inverse of `to_json`."""
        score = cls(saved["horizon"], saved["score_from"])
        score.parts = {name: Prequential.from_json(part) for name, part in saved["parts"]}
        score.rows = saved["rows"]
        score._gather()
        return score


def _is_plain(forecast: Forecast | BadRow, reading: Reading | None) -> bool:
    """Whether a row is one of the sequence, and of numbers."""
    if reading is None or reading.before or reading.reset:
        return False
    said = forecast[0] if isinstance(forecast, tuple) else forecast
    return (said is None or isinstance(said, float)) and not isinstance(reading.truth, str)


def _common(found: list[dict[str, Any]]) -> list[str]:
    """The names that all have, in order."""
    return [name for name in found[0] if all(name in one for one in found)] if found else []


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
