"""Running sums that scores are made of, one forecast or target at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEAST_PROBABILITY = 1e-15
"""A probability below this is scored as this: no single row may cost more than 34.5 nats."""


class NumberSums:
    """Errors of one source of numeric forecasts.

    Attributes:
        absolute, squared: sums of |error| and of error^2.
    """

    def __init__(self, absolute: float = 0.0, squared: float = 0.0) -> None:
        self.absolute = absolute
        self.squared = squared

    def add(self, forecast: float, truth: float) -> None:
        """Score one forecast."""
        error = forecast - truth
        self.absolute += abs(error)
        self.squared += error * error


class RangeSums:
    """Intervals of numeric forecasts.

    Attributes:
        count: intervals that were scored.
        covered: those that the truth lay in.
        width: sum of their widths.
    """

    def __init__(self, count: int = 0, covered: int = 0, width: float = 0.0) -> None:
        self.count = count
        self.covered = covered
        self.width = width

    def add(self, lower: float, upper: float, truth: float) -> None:
        """Score one interval; NaN: there was none."""
        if lower == lower:
            self.count += 1
            self.covered += lower <= truth <= upper
            self.width += upper - lower


class LabelSums:
    """Hits of one source of forecast labels, and its log loss where it gives probabilities.

    Attributes:
        hits: forecasts whose likeliest label was right.
        log_loss: sum of -log of the probability given to the truth, in nats.
    """

    def __init__(self, hits: int = 0, log_loss: float = 0.0) -> None:
        self.hits = hits
        self.log_loss = log_loss

    def add(self, best: str, probability: float, truth: str) -> None:
        """Score one forecast: its likeliest label, and the probability it gave to the truth."""
        self.hits += best == truth
        self.log_loss -= math.log(max(probability, LEAST_PROBABILITY))


class Spread:
    """Mean and population variance of numbers, one at a time (Welford 1962)."""

    def __init__(self, count: int = 0, mean: float = 0.0, m2: float = 0.0) -> None:
        self.count = count
        self.mean = mean
        self.m2 = m2

    def add(self, value: float) -> None:
        """Take one number."""
        self.count += 1
        away = value - self.mean
        self.mean += away / self.count
        self.m2 += away * (value - self.mean)

    def add_many(self, values: NDArray[np.float64]) -> None:
        """Take some numbers, one after the other; NaN is none."""
        from rtrl_lstm.kernels.spread import add_to_spread  # with it comes Numba

        found = add_to_spread(values, self.count, self.mean, self.m2)
        self.count, self.mean, self.m2 = found

    @property
    def deviation(self) -> float:
        """The standard deviation; 0 before there are two numbers."""
        return math.sqrt(self.m2 / self.count) if self.count else 0.0


class Frequencies:
    """How often each label was seen.

    Attributes:
        mode: the most frequent one; of several, the first that got there.
    """

    def __init__(self, counts: dict[str, int] | None = None, mode: str = "") -> None:
        self.counts = counts or {}
        self.mode = mode
        self._total = sum(self.counts.values())

    def add(self, label: str) -> None:
        """Take one label."""
        count = self.counts[label] = self.counts.get(label, 0) + 1
        self._total += 1
        if count > self.counts.get(self.mode, 0):
            self.mode = label

    def probability(self, label: str) -> float:
        """The share of a label among those seen."""
        return self.counts.get(label, 0) / self._total if self._total else 0.0
