"""Tasks that the paper has not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .batch import Batch, Rng
from .numbers import lengths


@dataclass(frozen=True)
class DelayedXor:
    """Are two marked bits, a tenth of the first and of the last part of T / 2 rows, different?

    A row is a bit, 1 or -1, and 1 where it is marked. "Strongly delayed XOR" is what the paper says
    its truncated gradient cannot learn: either bit alone says nothing.
    """

    T: int

    inputs, outputs = 2, 1

    def batch(self, rng: Rng, count: int) -> Batch:
        rows = lengths(rng, self.T, count)
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        X = np.zeros((rows.sum(), 2), np.float32)
        X[:, 0] = rng.choice([-1.0, 1.0], len(X))
        tenth, half = self.T // 10, self.T // 2
        one = starts + rng.integers(tenth, size=count)
        two = starts + rng.integers(half - tenth, half, size=count)
        X[one, 1] = X[two, 1] = 1.0
        different = X[one, :1] != X[two, :1]
        return Batch(starts, different.astype(float), X, late=True)
