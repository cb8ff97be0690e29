"""The score of a model with several targets: one score for each of them, and their mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.tallies import RangeSums
from rtrl_lstm.table.schema import BadRow, Forecast, Reading


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
        for k, part in enumerate(self.parts.values()):
            own = [one[k] if isinstance(one, tuple) else one for one in said]
            part.extend(own, [None if one is None else self._of(k, one) for one in read])
        self.rows += len(read)
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

    def losses(self) -> dict[str, float]:
        """By source, the mean over the targets of their sums of absolute errors."""
        found = [self._completed(part, part.losses()) for part in self.parts.values()]
        return {name: sum(one[name] for one in found) / len(found) for name in _common(found)}

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
        score.extend([], [])
        score.rows = saved["rows"]
        return score


def _common(found: list[dict[str, Any]]) -> list[str]:
    """The names that all have, in order."""
    return [name for name in found[0] if all(name in one for one in found)] if found else []


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
