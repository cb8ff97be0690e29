"""The tasks of the 1997 paper: seeded generators of sequences, many at a time.

Every task makes a `Batch`: sequences one after the other, as `Learner.run` takes them. Targets are
NaN where there is no error in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class Batch:
    """Sequences, one after the other.

    Attributes:
        starts: (S,) the first row of each sequence.
        Y: (R, O) targets; NaN where there is none.
        X: (R, I) float32 inputs, or None where a row is one symbol.
        symbols: (R,) the symbol of each row, if X is None.
        clean: (S,) for noisy targets what they were before the noise.
        legal: (R, O) bool, which symbols may come next; in the Reber task only.
    """

    starts: NDArray[np.intp]
    Y: Array
    X: NDArray[np.float32] | None = None
    symbols: NDArray[np.intp] | None = None
    clean: Array | None = None
    legal: NDArray[np.bool_] | None = None

    @property
    def begins(self) -> NDArray[np.bool_]:
        found = np.zeros(len(self.Y), bool)
        found[self.starts] = True
        return found

    @property
    def ends(self) -> NDArray[np.intp]:
        """The last row of each sequence."""
        return np.append(self.starts[1:], len(self.Y)) - 1


class Task(Protocol):
    """Anything that makes sequences.

    Attributes:
        inputs: numbers in a row.
        outputs: numbers in a target.
    """

    @property
    def inputs(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    def batch(self, rng: Rng, count: int) -> Batch:
        """`count` sequences."""


def _joined(sequences: list[NDArray[np.intp]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    lengths = [len(s) for s in sequences]
    return np.concatenate(sequences), np.concatenate([[0], np.cumsum(lengths)[:-1]])


def _one_hot(symbols: NDArray[np.intp], count: int) -> Array:
    return np.eye(count)[symbols]


# --- experiment 1 ------------------------------------------------------------------------------

REBER = "BTSXPVE"
# State -> what may come next and where it leads.
_GRAMMAR = (
    (("T", 1), ("P", 2)),
    (("S", 1), ("X", 3)),
    (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)),
)


def reber_string(rng: Rng) -> tuple[str, list[str]]:
    """A string of the Reber grammar and, for each of its symbols but the last, what may follow."""
    text, legal, state = "B", [], 0
    while state < len(_GRAMMAR):
        edges = _GRAMMAR[state]
        legal.append("".join(symbol for symbol, _ in edges))
        symbol, state = edges[int(rng.integers(len(edges)))]
        text += symbol
    return text + "E", [*legal, "E"]


@dataclass(frozen=True)
class EmbeddedReber:
    """Experiment 1: B, T or P, a Reber string, the same T or P, E; the next symbol is the target.

    The strings of a batch are drawn from a set of their own if `size` is given: the first `size`
    different ones that `set_seed` brings; `other` takes the `size` after those.
    """

    size: int = 0
    set_seed: int = 0
    other: bool = False

    inputs = outputs = len(REBER)

    def strings(self, rng: Rng, count: int) -> list[tuple[str, list[str]]]:
        if not self.size:
            return [self._draw(rng) for _ in range(count)]
        known = self.all_strings()
        return [known[k] for k in rng.integers(self.size, size=count)]

    def all_strings(self) -> list[tuple[str, list[str]]]:
        """The set, in the order in which its strings were drawn."""
        rng, found = np.random.default_rng(self.set_seed), dict[str, list[str]]()
        while len(found) < 2 * self.size:
            text, legal = self._draw(rng)
            found.setdefault(text, legal)
        listed = list(found.items())
        return listed[self.size :] if self.other else listed[: self.size]

    def _draw(self, rng: Rng) -> tuple[str, list[str]]:
        inner, legal = reber_string(rng)
        outer = "TP"[int(rng.integers(2))]
        return f"B{outer}{inner}{outer}E", ["TP", "B", *legal, outer, "E"]

    def batch(self, rng: Rng, count: int) -> Batch:
        return self.as_batch(self.strings(rng, count))

    def as_batch(self, strings: list[tuple[str, list[str]]]) -> Batch:
        codes = [np.array([REBER.index(c) for c in text]) for text, _ in strings]
        symbols, starts = _joined([code[:-1] for code in codes])
        following, _ = _joined([code[1:] for code in codes])
        legal = np.array([[c in follow for c in REBER] for _, all_ in strings for follow in all_])
        return Batch(starts, _one_hot(following, 7), symbols=symbols, legal=legal)


# --- experiment 2 ------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoiseFree:
    """Experiment 2a: (y, a1 ... a_p-1, y) or (x, a1 ... a_p-1, x); the next symbol is the target.

    With `local=False` it is 2b: the symbols between are drawn independently.
    """

    p: int = 100
    local: bool = True

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
        targets = _one_hot(whole[:, 1:].ravel(), p + 1)
        return Batch(starts, targets, symbols=whole[:, :-1].ravel())


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
        targets = np.full((len(symbols), 2), np.nan)
        targets[ends] = _one_hot(which, 2)
        return Batch(starts, targets, symbols=symbols)


# --- experiments 3 to 5 ------------------------------------------------------------------------


def _lengths(rng: Rng, T: int, count: int) -> NDArray[np.intp]:
    """Drawn evenly between T and T + T / 10."""
    return rng.integers(T, T + T // 10 + 1, size=count)


@dataclass(frozen=True)
class TwoSequences:
    """Experiment 3: the class is the sign of the first N inputs; all others are noise.

    3b (`noisy`): noise on the first N as well. 3c (`noisy_targets`): targets .2 and .8 with noise.
    """

    T: int
    N: int
    noisy: bool = False
    noisy_targets: bool = False

    inputs = outputs = 1

    def batch(self, rng: Rng, count: int) -> Batch:
        rows = _lengths(rng, self.T, count)
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        X = rng.normal(0.0, np.sqrt(0.2), rows.sum())
        label = rng.integers(2, size=count)
        sign = 2.0 * label - 1.0
        for k in range(self.N):
            X[starts + k] = sign + (X[starts + k] if self.noisy or self.noisy_targets else 0.0)
        clean = 0.2 + 0.6 * label if self.noisy_targets else label.astype(float)
        noise = rng.normal(0.0, np.sqrt(0.1), count) if self.noisy_targets else 0.0
        targets = np.full((len(X), 1), np.nan)
        targets[starts + rows - 1, 0] = clean + noise
        return Batch(starts, targets, X[:, np.newaxis].astype(np.float32), clean=clean)


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
        rows = _lengths(rng, self.T, count)
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        low = 0.0 if self.product else -1.0
        u, marker = rng.uniform(low, 1.0, rows.sum()), np.zeros(rows.sum())
        one = rng.integers(10, size=count)
        two = rng.integers(self.T // 2 - 1, size=count)
        two += two >= one  # among those that are not marked
        marker[starts] = marker[starts + rows - 1] = -1.0
        first = np.where(one == 0, float(self.product), u[starts + one])
        second = np.where(two == 0, float(self.product), u[starts + two])
        for place in (one, two):
            seen = place > 0  # the first pair keeps its -1
            marker[(starts + place)[seen]] = 1.0
        targets = np.full((len(u), 1), np.nan)
        target = first * second if self.product else 0.5 + (first + second) / 4.0
        targets[starts + rows - 1, 0] = target
        return Batch(starts, targets, np.column_stack([u, marker]).astype(np.float32))


# --- experiment 6 ------------------------------------------------------------------------------


@dataclass(frozen=True)
class TemporalOrder:
    """Experiment 6: E, symbols a to d with an X or Y at two (6b: three) places, B; their order.

    Symbols are a, b, c, d, X, Y, E, B; the class is told at B, as the outputs' one-hot code.
    """

    places: int = 2

    inputs = 8

    @property
    def outputs(self) -> int:
        return 2**self.places

    def batch(self, rng: Rng, count: int) -> Batch:
        rows = rng.integers(100, 111, size=count)
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        symbols = rng.integers(4, size=rows.sum())
        label = np.zeros(count, np.intp)
        for first in ((10, 50), (10, 33, 66))[self.places - 2]:
            place, which = rng.integers(first, first + 11, size=count), rng.integers(2, size=count)
            symbols[starts + place] = 4 + which
            label = 2 * label + which
        ends = starts + rows - 1
        symbols[starts], symbols[ends] = 6, 7
        targets = np.full((len(symbols), self.outputs), np.nan)
        targets[ends] = _one_hot(label, self.outputs)
        return Batch(starts, targets, symbols=symbols)


# --- farther than the paper --------------------------------------------------------------------


@dataclass(frozen=True)
class DelayedXor:
    """Are two marked bits, a tenth of the first and of the last part of T / 2 rows, different?

    A row is a bit, 1 or -1, and 1 where it is marked. "Strongly delayed XOR" is what the paper says
    its truncated gradient cannot learn: either bit alone says nothing.
    """

    T: int

    inputs, outputs = 2, 1

    def batch(self, rng: Rng, count: int) -> Batch:
        rows = _lengths(rng, self.T, count)
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
        X = np.zeros((rows.sum(), 2), np.float32)
        X[:, 0] = rng.choice([-1.0, 1.0], len(X))
        tenth, half = self.T // 10, self.T // 2
        one = starts + rng.integers(tenth, size=count)
        two = starts + rng.integers(half - tenth, half, size=count)
        X[one, 1] = X[two, 1] = 1.0
        targets = np.full((len(X), 1), np.nan)
        targets[starts + rows - 1, 0] = X[one, 0] != X[two, 0]
        return Batch(starts, targets, X)
