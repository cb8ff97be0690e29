"""Running mean and spread of a few numbers (Welford 1962), each with a count of its own."""

import numpy as np

from .cell import Array


class RunningScaler:
    """Attributes ``count``, ``mean`` and ``m2`` (sum of squared deviations), each of shape (k,).

    ``scaled`` (k,) says which of the numbers have statistics at all.
    """

    def __init__(self, scaled: Array) -> None:
        self.scaled = np.array(scaled, dtype=bool)
        self.count = np.zeros(self.scaled.size)
        self.mean = np.zeros(self.scaled.size)
        self.m2 = np.zeros(self.scaled.size)

    def bounded(self, x: Array) -> Array:
        """A row as it joins: once 100 numbers are known, none is farther from the mean than 30
        times the greatest of spread, size of the mean, and 1."""
        limit = 30 * np.maximum(np.maximum(self.spread(), np.abs(self.mean)), 1.0)
        limit[(self.count < 100) | ~self.scaled] = np.inf
        return np.clip(x, self.mean - limit, self.mean + limit)

    def update(self, x: Array) -> None:
        """Take in one row. NaN is no number and leaves its column as it was."""
        for k in np.flatnonzero(self.scaled & ~np.isnan(x)):
            self.count[k] += 1
            before = x[k] - self.mean[k]
            self.mean[k] += before / self.count[k]
            self.m2[k] += before * (x[k] - self.mean[k])

    def spread(self) -> Array:
        """The population standard deviation: 0 where there was no number, or only equal ones."""
        return np.sqrt(self.m2 / np.maximum(self.count, 1))
