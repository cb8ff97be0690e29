"""Inputs that are forecasts of several targets: what each was a season before the row forecast.

The seasons are those of the first target: each that is found (see `season`) brings an input for
each target, one of the season before, and as in `lags` their changes.
"""

from __future__ import annotations

from typing import Any

from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.season import Seasons
from rtrl_lstm.table.stretches import Stretches


class TargetLags(Stretches):
    """The targets of seasons ago among the inputs, for every target.

    One that is missing is taken to be the last one that is known.

    Args:
        targets: the columns.
        horizon: rows ahead.
    """

    def __init__(self, targets: list[str], horizon: int) -> None:
        super().__init__(((target, "") for target in targets), Seasons(horizon))
        self._known = max(horizon, 1)  # the last target is so many rows before the one forecast
        self._others = [Seasons(horizon) for _ in targets[1:]]
        self._last: list[Value] = [None] * len(targets)

    def push(self, truths: list[Value], seconds: float | None) -> None:
        """Take the next row's targets and time stamp."""
        super().push(truths, seconds)
        for other, truth in zip(self._others, truths[1:], strict=True):
            other.keep(truth, self.seasons)
        pairs = zip(truths, self._last, strict=True)
        self._last = [last if truth is None else truth for truth, last in pairs]

    def _reach(self, lag: int, changes: bool) -> int:
        return lag if changes else lag - self._known

    def _then(self, lag: int) -> list[float]:
        return self._ago(lag - self._known)

    def _changed(self, lag: int) -> list[float]:
        pairs = zip(self._ago(0), self._ago(lag), strict=True)
        return [last - before for last, before in pairs]

    def _ago(self, rows: int) -> list[float]:
        """The targets so many rows before the last ones."""
        found = []
        for ring, last in zip((self.seasons, *self._others), self._last, strict=True):
            value = ring.ago(rows)
            known = value if isinstance(value, float) else last
            assert isinstance(known, float)  # a target is an input from the first one on
            found.append(known)
        return found

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        others = [ring.to_json() for ring in self._others]
        return {**super().to_json(), "others": others, "last": list(self._last)}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        super().restore(saved)
        for ring, one in zip(self._others, saved["others"], strict=True):
            ring.restore(one)
        self._last = list(saved["last"])
