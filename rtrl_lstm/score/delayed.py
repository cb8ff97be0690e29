"""The score of a stream whose labels come late: a forecast is scored when its row is settled."""

from __future__ import annotations

from collections import deque
from typing import Any

from rtrl_lstm.score.prequential import Prequential, Waiting
from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.readings import Settled
from rtrl_lstm.table.schema import Forecast, Reading
from rtrl_lstm.table.season import Season


class DelayedScore(Prequential):
    """`Prequential` for a `Delayed`: baselines say what was known when the row came.

    Rows are scored in their order. A record that is no row counts among `rows`, too.
    """

    def __init__(self, horizon: int = 0, score_from: int = 1) -> None:
        super().__init__(horizon, score_from)
        self._numbers_waiting: deque[int] = deque()  # of the rows that wait
        self._ago: dict[str, Value] = {}  # what the target was a season before the one scored

    def _take(self, forecast: Forecast, reading: Reading) -> None:
        if not reading.late:
            self._numbers_waiting.append(self.rows)
        for settled in reading.settled:
            self._settle(settled, self._numbers_waiting.popleft())

    def _settle(self, settled: Settled, row: int) -> None:
        truth = settled.truth
        if isinstance(truth, float):
            self._targets.add(truth)
        for name, lag, _ in settled.seasons:
            self._seasons.found[name] = Season(lag, 0)
        self._ago = {name: value for name, _, value in settled.seasons}
        self._last = settled.last
        self._compare(Waiting(settled.forecast, truth, row, self._sequence), truth)
        self._note(truth)

    def _said_by(self, name: str) -> Value:
        return self._ago.get(name)

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {**super().to_json(), "origins": list(self._numbers_waiting)}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> DelayedScore:
        """The inverse of `to_json`."""
        score = super().from_json(saved)
        assert isinstance(score, cls)
        score._numbers_waiting = deque(saved["origins"])
        return score
