"""Forecasting H rows ahead in constant time: a state that learns H rows behind, and one that leads.

Written with the whole past in lists, which makes it plain which row meets which label.
"""

import numpy as np

from .cell import Array
from .learner import ReferenceLearner


class ReferenceForecaster:
    """The naive twin of ``rtrl_lstm.Forecaster``; ``learner.state`` is the trailing state."""

    def __init__(self, horizon: int, learner: ReferenceLearner, every_step: bool = False) -> None:
        """every_step: a label is the targets of the last H rows, and the last one scales all."""
        self.horizon = horizon
        self.every_step = every_step
        self.learner = learner
        self.leading = learner.zero_state()
        self.scaled: list[Array] = []  # every input so far, scaled as it was when it came
        self.sequence: list[int] = []  # the number of the sequence each of them belongs to
        self.resets = 0

    def step(self, x: Array, y_now: Array | None = None, weight: float = 1.0) -> Array:
        """Learn this row's label at the row H before it; forecast (O,) the row H after it."""
        learner, t = self.learner, len(self.scaled)
        if y_now is not None:
            learner.observe(np.full_like(y_now, y_now[-1]) if self.every_step else y_now)
        z_t = learner.scale(x)
        self.scaled.append(z_t)
        self.sequence.append(self.resets)

        origin = t - self.horizon
        if origin >= 0:
            if origin > 0 and self.sequence[origin] != self.sequence[origin - 1]:
                learner.reset()
            learner.advance_influence(self.scaled[origin], origin + 1)
            learner.state, row = learner.forward(learner.state, self.scaled[origin], origin + 1)
            same_sequence = self.sequence[origin] == self.sequence[t]
            if y_now is not None and same_sequence:
                learner.learn(learner.state, row, y_now, weight)

        self.leading, row = learner.forward(self.leading, z_t)
        return learner.forecast(row.a)

    def reset(self) -> None:
        """A new sequence begins with the next row; the trailing state gets there H rows later."""
        self.resets += 1
        self.leading = self.learner.zero_state()

    def run(self, X: Array, Y: Array, reset: Array) -> Array:
        forecasts = []
        for x, y, begins in zip(X, Y, reset, strict=True):
            if begins:
                self.reset()
            forecasts.append(self.step(x, y))
        return np.array(forecasts)
