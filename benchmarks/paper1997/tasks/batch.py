"""Many sequences at once, as `Learner.run` takes them."""

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
        Y: (R, O) targets of all rows; (S, O) if only the last row of a sequence has any.
        X: (R, I) float32 inputs, or None where a row is one symbol.
        symbols: (R,) the symbol of each row, if X is None.
        clean: (S,) for noisy targets what they were before the noise.
        late: whether only the last row of a sequence has a target.
        legal: (R, O) bool, which symbols may come next; in the Reber task only.
    """

    starts: NDArray[np.intp]
    Y: Array
    X: NDArray[np.float32] | None = None
    symbols: NDArray[np.intp] | None = None
    clean: Array | None = None
    late: bool = False
    legal: NDArray[np.bool_] | None = None

    @property
    def rows(self) -> int:
        """R."""
        rows = self.symbols if self.X is None else self.X
        assert rows is not None
        return len(rows)

    @property
    def begins(self) -> NDArray[np.bool_]:
        found = np.zeros(self.rows, bool)
        found[self.starts] = True
        return found

    @property
    def ends(self) -> NDArray[np.intp]:
        """The last row of each sequence."""
        return np.append(self.starts[1:], self.rows) - 1


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


def joined(sequences: list[NDArray[np.intp]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    lengths = [len(s) for s in sequences]
    return np.concatenate(sequences), np.concatenate([[0], np.cumsum(lengths)[:-1]])


def one_hot(symbols: NDArray[np.intp], count: int) -> Array:
    return np.eye(count)[symbols]
