"""Recursive least squares over [1, the network's forecast, other forecasts], with matrices; mixed
with these; and that with two simple ones, the first of them and the mean, by how sure it is that
the mixture is better.

Written from the equations (Haykin, Adaptive Filter Theory: the exponentially weighted RLS):
P u / (forgetting / weight + u' P u) is the gain; the terms enter standardised by the target's mean
and spread of the moment. It may leave the range of terms and mean by half of that.
"""

import numpy as np

FORGETTING = 0.999
GREATEST_TRACE = 1e5
FADING = np.array([0.95, 0.999])


class Advantage:
    """How sure it is that one forecast, `ahead` rows ahead, is better than another.

    From all differences of their absolute errors, bounded to 3 times their mean size: t = S /
    sqrt(V), where S is their sum and V the sum of its autocovariances, that of lag k weighted by
    (1 - 1 / ahead) ** k. Differences fade by 1 / (1000 * ahead) a label.
    """

    def __init__(self, ahead: int) -> None:
        self.ahead = max(ahead, 1)
        self.size, self.differences = 0.0, []

    def learn(self, y, mixture, simple) -> None:
        difference = abs(y - simple) - abs(y - mixture)
        if np.isclose(mixture, simple, rtol=2e-13, atol=0):  # but for rounding
            difference = 0.0
        rate = max(0.001 / self.ahead, 1 / (len(self.differences) + 1))
        self.size += rate * (abs(difference) - self.size)
        self.differences.append(np.clip(difference, -3 * self.size, 3 * self.size))

    def odds(self) -> float:
        """What the other one counts for, in parts of what it counts for at first."""
        if not self.differences:
            return 0.0
        d = np.array(self.differences)
        ago = np.arange(len(d))[::-1]
        faded = (1 - 0.001 / self.ahead) ** ago
        lags = np.abs(ago[:, None] - ago)
        together = (1.0 - 1.0 / self.ahead) ** lags * np.maximum.outer(faded, faded)
        total, variance = d @ faded, d @ together @ d
        t = total / np.sqrt(variance) if variance > 0 else 0.0
        return np.exp(-np.clip(2.0 * t**2 if t > 0 else -(t**2) / 2, -50, 50))


class Combination:
    """The weights w (K,) and covariance P (K, K) of K = 2 + (number of other forecasts) terms."""

    def __init__(
        self, others: int, limit: float | None = None, inner: int | None = None, ahead: int = 1
    ) -> None:
        """`inner` is the number of the other forecast that has no share of its own."""
        self.shares = np.array([1.0, 2.0] + [1.0] * others)
        if inner is not None:
            self.shares[1 + inner] = 0.0
        self.w = np.eye(2 + others)[2]
        self.P = np.diag([0.001, 0.1] + [1.0] * others)
        self.limit = limit
        self.labels = self.bounded = 0
        self.losses = None  # of least squares, each other forecast alone, the mean, (K, 2)
        self.over_first, self.over_mean = Advantage(ahead), Advantage(ahead)  # of the mixture

    def forecast(self, y_net: float, others, mean: float, spread: float):
        """The forecast, and what least squares, the mean and the mixture of all say alone."""
        u = self.terms(y_net, others, mean, spread)
        alone = np.array([self.w @ u, *u[2:], 0.0])
        known = np.array([mean, y_net, *others])
        half = np.ptp(known) / 2
        freely = mean + spread * alone[0]
        squares = np.clip(freely, known.min() - half, known.max() + half)
        self.bounded += squares != freely
        alone[0] = (squares - mean) / spread
        if self.losses is None:
            return squares, (squares, mean, squares)
        losses = np.where(self.shares > 0, self.losses.prod(axis=1), np.inf)
        shares = self.shares * (losses / losses.min()) ** -4.0
        mixture = mean + spread * (shares @ alone / shares.sum())
        if self.shares[1] == 0:
            return mixture, (squares, mean, mixture)
        first, centre = 1.5 * self.over_first.odds(), 0.25 * self.over_mean.odds()
        said = (mixture + first * others[0] + centre * mean) / (1 + first + centre)
        return said, (squares, mean, mixture)

    def learn(self, y, alone, y_net, others, mean, spread, weight=1.0) -> None:
        """`alone` is what was said alone when the forecast was made."""
        u = self.terms(y_net, others, mean, spread)
        error = (y - mean) / spread - self.w @ u
        found = np.abs(y - np.array([alone[0], *others, alone[1]]))[:, None] * np.ones(2)
        self.labels += 1
        self.over_first.learn(y, alone[2], others[0])
        self.over_mean.learn(y, alone[2], alone[1])
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
