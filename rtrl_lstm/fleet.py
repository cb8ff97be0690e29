"""Fleet: many learners of one Spec, each with a stream of its own, as the rows of one matrix."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm import refused
from rtrl_lstm.blocks import initial_block
from rtrl_lstm.checks import whole
from rtrl_lstm.core import layout_of
from rtrl_lstm.fields import ALIGNMENT, Array
from rtrl_lstm.forecaster import Forecaster, kind_of
from rtrl_lstm.helpers import Helpers, words_of_team
from rtrl_lstm.kernels import entries, slots, team
from rtrl_lstm.layout import Layout
from rtrl_lstm.learner import Learner
from rtrl_lstm.prepared import ROW_DTYPE, as_numbers
from rtrl_lstm.spec import Spec
from rtrl_lstm.wording import counted

# Fewer steps than this are done sooner than a second thread is woken.
_STEPS_A_THREAD = 256


class Fleet:
    """n learners (or forecasters, where the Spec has a horizon), with weights of their own each.

    Learner number i is bit for bit what `Learner` with the seed `spec.seed + i` would be, alone and
    fed with the same rows, whatever the number of threads.

    Args:
        spec: what each of the learners is.
        n_learners: how many, n.
        same_start: whether all start from the weights of `spec.seed`.
        threads: at most so many work at a time; None: one for each core.

    Attributes:
        spec: what each learner is; its seed is the first one's.
        matrix: (n, stride) uint8, a learner's block in each row.

    Example:
        >>> fleet = Fleet(Spec(input_size=4, hidden_size=8), 1000)
        >>> fleet.step(np.zeros((1000, 4)), np.ones(1000)).shape
        (1000, 1)
        >>> fleet[17].step(np.zeros(4)).shape  # one of them, as a Learner
        (1,)
    """

    def __init__(
        self,
        spec: Spec,
        n_learners: int,
        same_start: bool = False,
        threads: int | None = None,
    ) -> None:
        if not isinstance(spec, Spec):
            raise TypeError(f"spec must be a Spec, not {spec!r}")
        self._bind(spec, _room(layout_of(spec), n_learners), threads)
        self._start(0, same_start)

    @classmethod
    def of(cls, spec: Spec, blocks: NDArray[np.uint8]) -> Self:
        """The fleet of `spec` with the blocks (n, nbytes), copied."""
        self = object.__new__(cls)
        self._bind(spec, _room(layout_of(spec), len(blocks)), None)
        self.matrix[:, : blocks.shape[1]] = blocks
        return self

    @classmethod
    def mapped(
        cls,
        path: str | Path,
        spec: Spec,
        n_learners: int | None = None,
        threads: int | None = None,
    ) -> Self:
        """A fleet whose numbers lie in a file of their own and not in memory.

        The file is the matrix and nothing else; what is learned goes there as the operating
        system sees fit, and all of it by `flush`. Such a file is no model file: it holds neither
        the Spec nor a checksum.

        Args:
            path: where the file is or will be.
            n_learners: for a new file, how many; None: the file is there.

        Raises:
            ValueError: the file's size does not fit the Spec.
            FileExistsError: n_learners is given, and the file is there.
        """
        self, stride = object.__new__(cls), _stride(layout_of(spec))
        if n_learners is None:
            size = os.path.getsize(path)
            if size % stride or not size:
                raise ValueError(
                    f"{path} has {counted(size, 'byte')}: no fleet of {stride} bytes a learner"
                )
            self._bind(spec, np.memmap(path, np.uint8, "r+").reshape(-1, stride), threads)
            return self
        size = whole("n_learners", n_learners, 1) * stride
        with open(path, "xb") as file:
            file.truncate(size)
        self._bind(spec, np.memmap(path, np.uint8, "r+").reshape(-1, stride), threads)
        self._start(0, False)
        return self

    def _bind(self, spec: Spec, matrix: NDArray[np.uint8], threads: int | None) -> None:
        self.spec, self.matrix = spec, matrix
        self.layout = layout_of(spec)
        cores = os.cpu_count() or 1
        self.threads = cores if threads is None else whole("threads", threads, 1)
        self._helpers = Helpers(self.threads - 1)
        self._dtype = np.dtype(spec.dtype)
        self._row_dtype = ROW_DTYPE  # of the last rows: a kernel is compiled for each

    def _start(self, first: int, same_start: bool) -> None:
        """Put new learners into the rows from `first` on."""
        block = initial_block(self.layout)
        for i in range(first, len(self)):
            if not same_start:
                block = initial_block(self.layout, self.spec.seed + i)
            self.matrix[i, : len(block)] = block
            if self.spec.dropout:  # the same start, but not the same draws
                self.layout.head(self.matrix[i])[slots.H_SEED] = (self.spec.seed + i) % 2**53

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, i: int) -> Learner | Forecaster:
        """Learner number i. It shares the fleet's numbers until the fleet is added to or dropped
        from; from then on it is a learner of its own."""
        i = operator.index(i)
        if not -len(self) <= i < len(self):
            raise IndexError(f"learners have numbers from 0 to {len(self) - 1}, not {i}")
        row = range(len(self))[i]
        one = kind_of(self.spec).on(self.spec, self.matrix[row, : self.layout.nbytes])
        one._row_dtype = self._row_dtype  # else a late label would have a kernel compiled for it
        return one

    def __repr__(self) -> str:
        return f"Fleet({self.spec}, n_learners={len(self)})"

    def __getstate__(self) -> tuple[Spec, NDArray[np.uint8]]:
        return self.spec, self.blocks()

    def __setstate__(self, state: tuple[Spec, NDArray[np.uint8]]) -> None:
        spec, blocks = state
        self.__dict__ = type(self).of(spec, blocks).__dict__

    # --- rows ------------------------------------------------------------------------------

    def step(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        active: ArrayLike | None = None,
        weight: ArrayLike | None = None,
    ) -> Array:
        """One row for each of k learners: predict, then learn.

        Args:
            X: (k, input_size), a row for each.
            Y: (k, target_size), or (k,) where that is 1; NaN: no label. None: no labels.
            active: whose rows they are: their numbers, none twice, or (n,) bool. None: all.
            weight: (k,) weights of the labels.

        Returns:
            (k, output_size): what `Learner.step` (or `Forecaster.step`) returns for each.

        Raises:
            ValueError: a shape does not fit, or a number cannot be taken; nothing has changed.
        """
        numbers = self._numbers(active)
        rows = _shaped(X, "X", len(numbers), self._inputs)
        labels = None if Y is None else self._labels(Y, len(numbers))[None]
        weights = None if weight is None else _shaped(weight, "weight", len(numbers))[None]
        said: Array = self._take(numbers, rows[None], labels, weights)[0]
        return said

    def run(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        active: ArrayLike | None = None,
        weight: ArrayLike | None = None,
    ) -> Array:
        """T rows for each of k learners, as T calls of `step` would take them.

        Args:
            X: (T, k, input_size).
            Y: (T, k, target_size), or (T, k) where that is 1.
            active: as for `step`, of all rows.
            weight: (T, k).

        Returns:
            (T, k, output_size).

        Raises:
            ValueError: as `step`.
        """
        numbers = self._numbers(active)
        return self._take(numbers, *self._several(numbers, X, Y, weight))

    def check(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        active: ArrayLike | None = None,
        weight: ArrayLike | None = None,
    ) -> None:
        """Raise ValueError where `run` would; nothing changes."""
        numbers = self._numbers(active)
        self._checked(numbers, *self._several(numbers, X, Y, weight))

    def predict(self, X: ArrayLike, active: ArrayLike | None = None) -> Array:
        """What `step(X, active=active)` would say if nothing were dropped, (k, output_size);
        changes nothing."""
        numbers = self._numbers(active)
        if not len(numbers):  # a fleet of none there is not
            return self.step(X, active=numbers)
        tried = self.of(self.spec, self.blocks()[numbers])
        tried.matrix[:, 8 * slots.H_DROPOUT : 8 * slots.H_DROPOUT + 8] = 0
        return tried.step(X)

    def learn(
        self, Y: ArrayLike, active: ArrayLike | None = None, weight: ArrayLike | None = None
    ) -> None:
        """The labels (k, target_size) of k learners' last steps, arriving late.

        Raises:
            RuntimeError: one of them has no step that waits for a label.
            ValueError: a label cannot be taken; nothing has changed.
        """
        numbers = self._numbers(active)
        waiting = self.matrix[numbers, 8 * slots.H_AWAITS : 8 * slots.H_AWAITS + 8]
        if self.spec.horizon or not np.all(waiting.view(np.float64)):
            raise RuntimeError("learn(Y) belongs after a step without labels of the same learners")
        labels = np.ascontiguousarray(self._labels(Y, len(numbers)), np.float64)
        weights = np.ones(len(numbers))
        if weight is not None:
            weights[:] = _shaped(weight, "weight", len(numbers))
        self._check(np.zeros((len(numbers), self._inputs)), labels, weights, numbers)
        self._do(entries.LEARN, numbers, labels, weights)

    def reset(self, active: ArrayLike | None = None) -> None:
        """A new sequence begins, for some or for all: see `Learner.reset`."""
        self._do(entries.RESET, self._numbers(active))

    @property
    def _inputs(self) -> int:
        return self.spec.input_size

    def _numbers(self, active: ArrayLike | None) -> NDArray[np.int64]:
        """Who is meant by `active`."""
        if active is None:
            return np.arange(len(self))
        given = np.asarray(active)
        if given.dtype == bool:
            if given.shape != (len(self),):
                raise ValueError(f"active has shape {given.shape}; it must be ({len(self)},)")
            return np.flatnonzero(given)
        if given.size and given.dtype.kind not in "iu":
            raise ValueError(f"active must be learners' numbers or ({len(self)},) bool: {active!r}")
        numbers = given.astype(np.int64).ravel()
        if np.any((numbers < 0) | (numbers >= len(self))):
            raise ValueError(f"learners have numbers from 0 to {len(self) - 1}, not {active!r}")
        if len(np.unique(numbers)) < len(numbers):
            raise ValueError("active names a learner twice: give it one row after the other")
        return numbers

    def _labels(self, Y: ArrayLike, *several: int) -> Array:
        """Labels as (*several, target_size) float64; (*several,) will do where that is 1."""
        targets = self.spec.target_size
        if targets == 1 and np.ndim(Y) == len(several):
            return _shaped(Y, "Y", *several)[..., np.newaxis]
        return _shaped(Y, "Y", *several, targets)

    def _several(
        self,
        numbers: NDArray[np.int64],
        X: ArrayLike,
        Y: ArrayLike | None,
        weight: ArrayLike | None,
    ) -> tuple[Array, Array | None, Array | None]:
        """T rows of k learners, their labels and weights, of the shapes that `run` takes."""
        rows = _shaped(X, "X", None, len(numbers), self._inputs)
        several = len(rows), len(numbers)
        labels = None if Y is None else self._labels(Y, *several)
        return rows, labels, None if weight is None else _shaped(weight, "weight", *several)

    def _take(
        self,
        numbers: NDArray[np.int64],
        X: Array,
        Y: Array | None,
        weight: Array | None,
    ) -> Array:
        """(T, k, I) rows of k learners, (T, k, target_size) and (T, k) -> (T, k, O)."""
        rows, labels, weights = self._checked(numbers, X, Y, weight)
        y_hat = np.empty((*rows.shape[:2], self.spec.output_size), self._dtype)
        self._row_dtype = rows.dtype
        self._do(entries.TAKE, numbers, labels, weights, rows, y_hat)
        return np.ascontiguousarray(y_hat.swapaxes(0, 1))

    def _checked(
        self, numbers: NDArray[np.int64], X: Array, Y: Array | None, weight: Array | None
    ) -> tuple[Array, Array, Array]:
        """The same of each learner in one piece: (k, T, I), (k, T, target_size) and (k, T)."""
        times, k = len(X), len(numbers)
        rows = np.ascontiguousarray(X.swapaxes(0, 1))
        labels = np.full((k, times, self.spec.target_size), np.nan)
        weights = np.ones((k, times))
        if Y is not None:
            labels[:] = Y.swapaxes(0, 1)
        if weight is not None:
            weights[:] = weight.T
        self._check(rows.reshape(-1, self._inputs), labels, weights, numbers)
        return rows, labels, weights

    def _check(self, rows: Array, labels: Array, weight: Array, numbers: NDArray[np.int64]) -> None:
        """Refuse rows that cannot be taken, before anything has changed."""
        x, y, weights = rows.ravel(), labels.ravel(), weight.ravel()
        table, targets = self.layout.table, self.spec.target_size
        row, _ = entries.find_bad_number(table, x, y, weights)
        if row:
            number = numbers[(row - 1) // (len(rows) // len(numbers))]
            k, one = row - 1, slice((row - 1) * targets, row * targets)
            its = (x[k * self._inputs : row * self._inputs], y[one], weights[k:row])
            raise ValueError(f"learner {number}: {refused.row(self.spec, table, *its)}")

    def _do(
        self,
        what: int,
        numbers: NDArray[np.int64],
        labels: Array | None = None,
        weights: Array | None = None,
        rows: Array | None = None,
        y_hat: Array | None = None,
    ) -> None:
        """Run the kernel for some learners, in as many threads as are worth it."""
        if rows is None or y_hat is None:
            nothing = (len(numbers), 0)
            rows, y_hat = np.empty(nothing, self._row_dtype), np.empty(nothing, self._dtype)
        each = rows.shape[1] if what == entries.TAKE else 1
        count = len(numbers) * each
        found = (
            np.zeros(count) if labels is None else labels,
            np.ones(count) if weights is None else weights,
            np.zeros(count, np.uint8),
        )
        places = self._places(numbers, each, found)
        places[entries.FORECASTS] = y_hat.ctypes.data
        x, like = rows.reshape(-1), self._dtype.type
        kernel = entries.bare_entry(self.spec.cell, self.layout.family, rows.dtype, self._dtype)

        def take_part(places: NDArray[np.int64]) -> None:
            kernel(entries.FLEET + what, len(numbers), places.ctypes.data, x, like, 0.0, 0.0)

        threads = min(self.threads, count // _STEPS_A_THREAD)
        if threads > 1:
            self._share(take_part, places, threads)
        else:
            take_part(places)

    def _places(
        self, numbers: NDArray[np.int64], each: int, found: tuple[Array, Array, Array]
    ) -> NDArray[np.int64]:
        """Where the kernel finds what it works on, `each` rows of each learner."""
        base, size = self.matrix.ctypes.data, 8 * self.layout.head_size
        arrays = (self.layout.table, *found)
        addresses = [base, base + size, *(array.ctypes.data for array in arrays)]
        places = np.zeros(entries.PLACES, np.int64)
        places[:9] = *addresses, self.matrix.shape[1], each, numbers.ctypes.data
        return places

    def _share(
        self,
        take_part: Callable[[NDArray[np.int64]], None],
        places: NDArray[np.int64],
        threads: int,
    ) -> None:
        """Take part, and let others: learners are claimed some at a time, see `kernels/team.py`."""
        words = words_of_team(threads, team.CHUNKS_EACH_OF_FLEET)

        def take_part_as(number: int) -> None:
            own = places.copy()
            own[entries.TEAM], own[entries.NUMBER] = words.ctypes.data, number
            take_part(own)

        try:
            words[team.W_OPEN] = 1
            self._helpers.wake(take_part_as, threads - 1)
            take_part_as(0)
        finally:
            words[team.W_OPEN] = 0
            self._helpers.rest()

    # --- more and fewer, copies and files --------------------------------------------------

    def add(self, count: int = 1, same_start: bool = False) -> range:
        """Take in `count` new learners at the end; returns their numbers."""
        first = len(self)
        matrix = _room(self.layout, first + whole("count", count, 1))
        matrix[:first] = self.matrix
        self.matrix = matrix
        self._start(first, same_start)
        return range(first, len(self))

    def drop(self, numbers: int | Sequence[int]) -> None:
        """Let learners go; those behind move up."""
        gone = self._numbers(np.atleast_1d(numbers))
        stay = np.delete(np.arange(len(self)), gone)
        if not len(stay):
            raise ValueError("a fleet has at least one learner: the last one cannot be dropped")
        matrix = _room(self.layout, len(stay))
        matrix[:] = self.matrix[stay]
        self.matrix = matrix

    def finish(self) -> None:
        """Bring all weights and traces up to date; changes nothing that follows."""
        self._do(entries.FINISH, self._numbers(None))

    def flush(self) -> None:
        """Of a `mapped` fleet: let everything reach the disk."""
        self.finish()
        whole = self.matrix.base
        if isinstance(self.matrix, np.memmap):
            self.matrix.flush()
        elif isinstance(whole, np.memmap):
            whole.flush()

    def blocks(self) -> NDArray[np.uint8]:
        """(n, nbytes): a copy of all blocks, brought up to date."""
        self.finish()
        return np.ascontiguousarray(self.matrix[:, : self.layout.nbytes])

    def save(self, path: str | Path) -> None:
        """Write a model file, whole or not at all; `rtrl_lstm.load` gives the fleet back."""
        from rtrl_lstm import modelfile

        modelfile.save(self, path)


def _shaped(values: ArrayLike, name: str, *shape: int | None) -> Array:
    """Numbers of a shape, of which the first size may be any, None. Raises ValueError."""
    found = as_numbers(values, name)
    fits = len(found.shape) == len(shape) and found.shape[1:] == shape[1:]
    if not fits or shape[0] not in (None, len(found)):
        wanted = str(shape).replace("None", "T")
        raise ValueError(f"{name} has shape {found.shape}; it must be {wanted}")
    return found


def _stride(layout: Layout) -> int:
    return layout.nbytes + -layout.nbytes % ALIGNMENT


def _room(layout: Layout, count: int) -> NDArray[np.uint8]:
    """A matrix of zeros for `count` learners, aligned to a cache line."""
    stride = _stride(layout)
    room = np.zeros(whole("n_learners", count, 1) * stride + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + count * stride].reshape(count, stride)
