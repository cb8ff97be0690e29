"""Recursive least squares over [1, the network's forecast, other forecasts], with matrices.

Written from the equations (Haykin, Adaptive Filter Theory: the exponentially weighted RLS):
P u / (forgetting / weight + u' P u) is the gain; the terms enter standardised by the target's mean
and spread of the moment at which they are used.
"""

import numpy as np

FORGETTING = 0.999
GREATEST_TRACE = 1e5
FADING = np.array([0.95, 0.999])


class Combination:
    """The weights w (K,) and covariance P (K, K) of K = 2 + (number of other forecasts) terms."""

    def __init__(self, others: int, limit: float | None = None, inner: int | None = None) -> None:
        """`inner` is the number of the other forecast that has no share of its own."""
        self.shares = np.array([1.0, 2.0] + [1.0] * others)
        if inner is not None:
            self.shares[1 + inner] = 0.0
        self.w = np.eye(2 + others)[2]
        self.P = np.diag([0.001, 0.1] + [1.0] * others)
        self.limit = limit
        self.labels = 0
        self.losses = None  # of least squares, each other forecast alone, the mean, (K, 2)

    def forecast(self, y_net: float, others, mean: float, spread: float):
        """The forecast, and what least squares alone and the mean alone say."""
        u = self.terms(y_net, others, mean, spread)
        alone = np.array([self.w @ u, *u[2:], 0.0])
        squares = mean + spread * alone[0]
        if self.losses is None:
            return squares, (squares, mean)
        losses = np.where(self.shares > 0, self.losses.prod(axis=1), np.inf)
        shares = self.shares * (losses / losses.min()) ** -4.0
        return mean + spread * (shares @ alone / shares.sum()), (squares, mean)

    def learn(self, y, alone, y_net, others, mean, spread, weight=1.0) -> None:
        """`alone` is what least squares and the mean said when the forecast was made."""
        u = self.terms(y_net, others, mean, spread)
        error = (y - mean) / spread - self.w @ u
        found = np.abs(y - np.array([alone[0], *others, alone[1]]))[:, None] * np.ones(2)
        self.labels += 1
        rates = np.maximum(1 - FADING, 1 / self.labels)
        self.losses = found if self.losses is None else self.losses + rates * (found - self.losses)
        if self.limit is not None:
            error = np.clip(error, -self.limit, self.limit)
        gain = self.P @ u / (FORGETTING / weight + u @ self.P @ u)
        self.w = self.w + gain * error
        self.P = (self.P - np.outer(gain, u @ self.P)) / FORGETTING
        if np.trace(self.P) > GREATEST_TRACE:
            self.P = self.P * GREATEST_TRACE / np.trace(self.P)

    @staticmethod
    def terms(y_net, others, mean, spread):
        return np.array([1.0, *((np.array([y_net, *others]) - mean) / spread)])
