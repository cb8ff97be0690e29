"""PanelScore: how well the forecasts of many series are, all together."""

from __future__ import annotations

from typing import Any

from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.table.schema import Forecast, Reading


class PanelScore(Prequential):
    """A score of all series together: each forecast beside the truth and baselines of its key."""

    def __init__(self, horizon: int, score_from: int = 1) -> None:
        super().__init__(horizon, score_from)
        self._key = ""
        self._streams: dict[str, dict[str, Any]] = {}

    def _take(self, forecast: Forecast, reading: Reading) -> None:
        if reading.key != self._key:
            self._turn_to(reading.key)
        super()._take(forecast, reading)

    def _turn_to(self, key: str) -> None:
        if self._key:
            self._streams[self._key] = self.stream
        self._key = key
        if key in self._streams:
            self.stream = self._streams[key]
        else:
            self.stream = Prequential(self.horizon).stream

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        now, streams = self._key, []
        for key in sorted({*self._streams, now} - {""}):
            self._turn_to(key)
            streams.append([key, self.stream_to_json()])
        self._turn_to(now)
        return {**super().to_json(), "key": now, "streams": streams}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> PanelScore:
        """The inverse of `to_json`."""
        score = super().from_json(saved)
        assert isinstance(score, cls)
        for key, stream in saved["streams"]:
            score._turn_to(key)
            score.stream_from_json(stream)
        score._turn_to(saved["key"])
        return score
