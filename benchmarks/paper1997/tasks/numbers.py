"""Experiments 3 to 5: noise, sums and products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .batch import Batch, Rng


def lengths(rng: Rng, T: int, count: int) -> NDArray[np.intp]:
    """Drawn evenly between T and T + T / 10."""
    return rng.integers(T, T + T // 10 + 1, size=count)


@dataclass(frozen=True)
class TwoSequences:
    """Experiment 3: the class is the sign of the first N inputs; all others are noise.

    3b (`noisy`): noise on the first N as well. 3c (`noisy_targets`): targets .2 and .8 with noise,
    and the first N without.
    """

    T: int
    N: int
    noisy: bool = False
    noisy_targets: bool = False

    inputs = outputs = 1

    def batch(self, rng: Rng, count: int) -> Batch:
        rows = lengths(rng, self.T, count)
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        X = rng.normal(0.0, np.sqrt(0.2), rows.sum())
        label = rng.integers(2, size=count)
        sign = 2.0 * label - 1.0
        for k in range(self.N):
            X[starts + k] = sign + (X[starts + k] if self.noisy else 0.0)
        clean = 0.2 + 0.6 * label if self.noisy_targets else label.astype(float)
        noise = rng.normal(0.0, np.sqrt(0.1), count) if self.noisy_targets else 0.0
        targets = (clean + noise)[:, np.newaxis]
        inputs = X[:, np.newaxis].astype(np.float32)
        return Batch(starts, targets, inputs, clean=clean, late=True)


@dataclass(frozen=True)
class TwoMarked:
    """Experiments 4 and 5: two of the pairs (u, marker) are marked; their sum, or product.

    The first mark lies among the first 10 pairs, the second among the first T / 2 - 1 others. The
    markers of the first and last pair are -1, of marked pairs 1, of others 0. Where the first pair
    is marked its number counts as 0 (sum) or 1 (product).
    """

    T: int
    product: bool = False

    inputs, outputs = 2, 1

    def batch(self, rng: Rng, count: int) -> Batch:
        rows = lengths(rng, self.T, count)
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        low = 0.0 if self.product else -1.0
        u, X = rng.uniform(low, 1.0, rows.sum()), np.zeros((rows.sum(), 2), np.float32)
        X[:, 0], marker = u, X[:, 1]
        one = rng.integers(10, size=count)
        two = rng.integers(self.T // 2 - 1, size=count)
        two += two >= one  # among those that are not marked
        marker[starts] = marker[starts + rows - 1] = -1.0
        first = np.where(one == 0, float(self.product), u[starts + one])
        second = np.where(two == 0, float(self.product), u[starts + two])
        for place in (one, two):
            seen = place > 0  # the first pair keeps its -1
            marker[(starts + place)[seen]] = 1.0
        target = first * second if self.product else 0.5 + (first + second) / 4.0
        return Batch(starts, target[:, np.newaxis], X, late=True)
