"""The score of forecasts of all the rows ahead: one score for each of them, and their mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.several import SeveralScore
from rtrl_lstm.table.schema import Reading


class StepsScore(SeveralScore):
    """Scores the forecast of each row ahead as if it were the only one.

    Args:
        horizon: the farthest row ahead.
        score_from: see `Prequential`.

    Attributes:
        parts: by the number of rows ahead, "1", "2", ...
        latest: of one row ahead.
    """

    kind = "steps"
    shown = -1

    def __init__(self, horizon: int, score_from: int = 1) -> None:
        super().__init__(horizon, score_from)
        steps = range(1, horizon + 1)
        self.parts = {str(step): Prequential(step, score_from) for step in steps}

    def compared_each(self) -> list[dict[str, tuple[float, int]]]:
        """One target: see `Prequential.compared_each`."""
        return [self.compared()]

    def _of(self, k: int, reading: Reading) -> Reading:
        return reading

    def _truths(self, read: list[Reading | None]) -> list[Array]:
        truths = [reading.truth for reading in read if reading is not None]
        return [np.array(truths, np.float64)] * self.horizon

    def _completed(self, part: Prequential, found: dict[str, Any]) -> dict[str, Any]:
        """A whole season ahead, what was a season ago is the last value, and no baseline of its
        own: it is one for the mean."""
        for name, season in self.parts["1"]._seasons.found.items():
            if season.lag == part.horizon and found:
                found = {**found, name: found["last_value"]}
        return found
