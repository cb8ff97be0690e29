"""What a tensor of a foreign graph is, as far as the way in has to know.

A graph is walked through with sizes put in for its free dimensions, so that a tensor is either
known (a `Constant`: weights, shapes, axes) or carries the rows: a `Signal`, which is an affine
function, number by number of its last axis, of the graph's input or of a layer's output h.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.fields import Array

from ..errors import UnsupportedError

Atom = tuple[str, int]
"""An axis that means something, and its size: "time", "units" …; of size 1 there are none."""
TIME, UNITS = "time", "units"


class Constant(NamedTuple):
    """Numbers that are known. `fed` names the graph's input that they stand for: zeros."""

    value: NDArray[np.generic]
    fed: str = ""


class Signal(NamedTuple):
    """Rows on their way through the graph.

    Attributes:
        axes: for each axis what it is made of: nothing where its size is 1.
        source: what it comes from: 0 the graph's input, k the output h of layer k - 1.
        width: numbers in a row, whatever else has become of the last axis.
        factor: None, (width,) or (width, m), what the source's row is multiplied by; None for 1.
        offset: None or (width,), what is added.
        last: whether it is the row of the last step alone.
        activation: of the output, applied to it all.
    """

    axes: tuple[tuple[Atom, ...], ...]
    source: int
    width: int
    factor: Array | None = None
    offset: Array | None = None
    last: bool = False
    activation: str = "identity"

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return tuple(int(np.prod([size for _, size in axis], dtype=np.int64)) for axis in self.axes)

    @property
    def matrix(self) -> Array | None:
        """The factor as a matrix (width, m); None for 1."""
        if self.factor is None or self.factor.ndim == 2:
            return self.factor
        return np.diag(self.factor)

    def linear(self, weight: Array, what: str) -> "Signal":
        """``weight @ row``; weight (k, width)."""
        self._require_rows(what)
        if self.factor is None:
            factor = weight
        else:
            factor = weight * self.factor if self.factor.ndim == 1 else weight @ self.factor
        offset = None if self.offset is None else weight @ self.offset
        axes = (*self.axes[:-1], atoms(UNITS, len(weight)))
        return self._replace(axes=axes, width=len(weight), factor=factor, offset=offset)

    def times(self, by: NDArray[np.generic], what: str) -> "Signal":
        """Each number of a row times a number."""
        vector = self._vector(by, what)
        if self.factor is None:
            factor = vector
        else:
            factor = (vector if self.factor.ndim == 1 else vector[:, None]) * self.factor
        offset = None if self.offset is None else vector * self.offset
        return self._replace(factor=factor, offset=offset)

    def plus(self, more: NDArray[np.generic], what: str) -> "Signal":
        """Each number of a row plus a number."""
        vector = self._vector(more, what)
        return self._replace(offset=vector if self.offset is None else self.offset + vector)

    def squashed(self, activation: str, what: str) -> "Signal":
        """The whole through an activation."""
        if self.source == 0 or self.activation != "identity":
            raise UnsupportedError(f"{what} in front of the recurrent layers or behind another one")
        return self._replace(activation=activation)

    def _vector(self, value: NDArray[np.generic], what: str) -> Array:
        """A constant that is the same for all rows, (width,)."""
        self._require_rows(what)
        if value.size not in (1, self.width) or value.size != max(value.shape[-1:] or (1,)):
            raise UnsupportedError(f"{what} of a tensor of shape {value.shape}")
        return np.broadcast_to(value.astype(np.float64).reshape(-1), self.width)

    def _require_rows(self, what: str) -> None:
        if self.activation != "identity":
            raise UnsupportedError(f"{what} behind {self.activation}")
        if self.width > 1 and self.axes[-1] != ((UNITS, self.width),):
            raise UnsupportedError(f"{what} along an axis that is not the rows'")


def atoms(label: str, size: int) -> tuple[Atom, ...]:
    """An axis of that size."""
    return ((label, size),) if size > 1 else ()


def reshaped(signal: Signal, shape: list[int], what: str) -> Signal:
    """The signal with other axes: they may be put together, or taken apart again."""
    left = [atom for axis in signal.axes for atom in axis]
    total = int(np.prod([size for _, size in left], dtype=np.int64))
    known = int(np.prod([size for size in shape if size > 0], dtype=np.int64))
    axes = []
    for size in shape:
        wanted = total // max(known, 1) if size == -1 else size
        taken: list[Atom] = []
        while left and np.prod([s for _, s in taken], dtype=np.int64) < wanted:
            taken.append(left.pop(0))
        if np.prod([s for _, s in taken], dtype=np.int64) != wanted:
            raise UnsupportedError(f"{what} that cuts an axis in pieces")
        axes.append(tuple(taken))
    if left:
        raise UnsupportedError(f"{what} to another number of elements")
    return signal._replace(axes=tuple(axes))
