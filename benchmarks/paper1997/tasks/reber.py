"""Experiment 1: the embedded Reber grammar."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .batch import Batch, Rng, joined, one_hot

REBER = "BTSXPVE"
# State -> what may come next and where it leads.
_GRAMMAR = (
    (("T", 1), ("P", 2)),
    (("S", 1), ("X", 3)),
    (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)),
)


String = tuple[str, tuple[str, ...]]  # a string and, for each symbol but the last, what may follow


def reber_string(rng: Rng) -> String:
    """A string of the Reber grammar."""
    text, legal, state = "B", list[str](), 0
    while state < len(_GRAMMAR):
        edges = _GRAMMAR[state]
        legal.append("".join(symbol for symbol, _ in edges))
        symbol, state = edges[int(rng.integers(len(edges)))]
        text += symbol
    return text + "E", (*legal, "E")


def embedded_string(rng: Rng) -> String:
    """B, T or P, a string of the Reber grammar, the same T or P, and E."""
    inner, legal = reber_string(rng)
    outer = "TP"[int(rng.integers(2))]
    return f"B{outer}{inner}{outer}E", ("TP", "B", *legal, outer, "E")


@lru_cache
def _sets(size: int, seed: int) -> list[String]:
    """`size` strings to learn, then `size` that are none of these; short ones come many times.

    Were all to differ, half would have 18 symbols or more, which few have that are drawn.
    """
    rng = np.random.default_rng(seed)
    known = [embedded_string(rng) for _ in range(size)]
    seen, others = set(known), list[String]()
    while len(others) < size:
        if (string := embedded_string(rng)) not in seen:
            others.append(string)
    return [*known, *others]


@lru_cache(4096)
def _coded(string: String) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(L,) symbols, and (L - 1, 7) which may follow each but the last."""
    text, legal = string
    codes = np.array([REBER.index(symbol) for symbol in text])
    return codes, np.array([[symbol in follow for symbol in REBER] for follow in legal])


@dataclass(frozen=True)
class EmbeddedReber:
    """Experiment 1: B, T or P, a Reber string, the same T or P, E; the next symbol is the target.

    The strings of a batch are drawn from a set of their own if `size` is given: the first `size`
    that `set_seed` brings; `other` takes the next `size` that are none of those.
    """

    size: int = 0
    set_seed: int = 0
    other: bool = False

    inputs = outputs = len(REBER)

    def all_strings(self) -> list[String]:
        """The set, in the order in which its strings were drawn."""
        both = _sets(self.size, self.set_seed)
        return both[self.size :] if self.other else both[: self.size]

    def batch(self, rng: Rng, count: int) -> Batch:
        if not self.size:
            return self.as_batch([embedded_string(rng) for _ in range(count)])
        known = self.all_strings()
        return self.as_batch([known[k] for k in rng.integers(self.size, size=count)])

    def as_batch(self, strings: list[String]) -> Batch:
        coded = [_coded(string) for string in strings]
        symbols, starts = joined([codes[:-1] for codes, _ in coded])
        following, _ = joined([codes[1:] for codes, _ in coded])
        legal = np.concatenate([legal for _, legal in coded])
        return Batch(starts, one_hot(following, 7), symbols=symbols, legal=legal)


class ReberStream:
    """Embedded strings one after the other, without end; the target is all that may come next.

    A draw of one of two symbols cannot be foretold to within .49; both are the target.
    """

    def __init__(self, rng: Rng) -> None:
        coded = [_coded(embedded_string(rng)) for _ in range(4096)]
        first = np.eye(len(REBER), dtype=bool)[:1]  # after the last symbol B
        self._pool = [(codes, np.concatenate([legal, first])) for codes, legal in coded]
        self._rng = rng
        self.begin()

    def begin(self) -> None:
        """Go on with a new string."""
        self._symbols, self._legal = np.empty(0, np.intp), np.empty((0, len(REBER)), bool)

    def take(self, rows: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """(rows, 7) one-hot inputs and (rows, 7) targets."""
        if len(self._symbols) < rows:
            chosen = self._rng.integers(len(self._pool), size=rows // 9 + 1)
            parts = [self._pool[k] for k in chosen]
            self._symbols = np.concatenate([self._symbols, *(codes for codes, _ in parts)])
            self._legal = np.concatenate([self._legal, *(legal for _, legal in parts)])
        symbols, self._symbols = self._symbols[:rows], self._symbols[rows:]
        legal, self._legal = self._legal[:rows], self._legal[rows:]
        return one_hot(symbols, len(REBER)).astype(np.float32), legal.astype(np.float64)
