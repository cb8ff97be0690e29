"""Experiments 2 and 6: what a symbol long ago was, or in which order symbols came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .batch import Batch, Rng, one_hot


@dataclass(frozen=True)
class NoiseFree:
    """Experiment 2a: (y, a1 ... a_p-1, y) or (x, a1 ... a_p-1, x); the next symbol is the target.

    With `local=False` it is 2b: the symbols between are drawn independently. With `end=True` only
    the last of them has a target.
    """

    p: int = 100
    local: bool = True
    end: bool = False

    @property
    def inputs(self) -> int:
        return self.p + 1

    outputs = inputs

    def batch(self, rng: Rng, count: int) -> Batch:
        p, first = self.p, rng.integers(2, size=count)
        between = np.tile(np.arange(p - 1), (count, 1))
        if not self.local:
            between = rng.integers(p - 1, size=(count, p - 1))
        ends = (p - 1 + first)[:, np.newaxis]
        whole = np.hstack([ends, between, ends])
        starts = np.arange(count) * p
        following = whole[:, -1] if self.end else whole[:, 1:].ravel()
        targets = one_hot(following, p + 1)
        return Batch(starts, targets, symbols=whole[:, :-1].ravel(), late=self.end)


@dataclass(frozen=True)
class Distractors:
    """Experiment 2c: b, x or y, at least q of p distractors, e, and then the x or y again.

    After q distractors another one follows with probability 9/10 each time. Symbols are the p
    distractors, b, e, x, y; the target at e is x or y.
    """

    q: int
    p: int

    @property
    def inputs(self) -> int:
        return self.p + 4

    outputs = 2

    def batch(self, rng: Rng, count: int) -> Batch:
        lengths = self.q + rng.geometric(0.1, size=count) - 1
        which, rows = rng.integers(2, size=count), lengths + 3
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        symbols = rng.integers(self.p, size=rows.sum())
        ends = starts + rows - 1
        symbols[starts], symbols[starts + 1], symbols[ends] = self.p, self.p + 2 + which, self.p + 1
        return Batch(starts, one_hot(which, 2), symbols=symbols, late=True)


@dataclass(frozen=True)
class TemporalOrder:
    """Experiment 6: E, symbols a to d with an X or Y at two (6b: three) places, B; their order.

    Symbols are a, b, c, d, X, Y, E, B; the class is told at B, as the outputs' one-hot code.
    Lengths are even between T and T + T / 10, and places scale with T.
    """

    places: int = 2
    T: int = 100

    inputs = 8

    @property
    def outputs(self) -> int:
        return 2**self.places

    def batch(self, rng: Rng, count: int) -> Batch:
        tenth = self.T // 10
        rows = rng.integers(self.T, self.T + tenth + 1, size=count)
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        symbols = rng.integers(4, size=rows.sum())
        label = np.zeros(count, np.intp)
        for first in ((10, 50), (10, 33, 66))[self.places - 2]:
            begin = first * self.T // 100
            place = rng.integers(begin, begin + tenth + 1, size=count)
            which = rng.integers(2, size=count)
            symbols[starts + place] = 4 + which
            label = 2 * label + which
        ends = starts + rows - 1
        symbols[starts], symbols[ends] = 6, 7
        return Batch(starts, one_hot(label, self.outputs), symbols=symbols, late=True)
