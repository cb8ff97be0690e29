"""Fleet: many learners of one Spec, each with a stream of its own, as the rows of one matrix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm.blocks import initial_block
from rtrl_lstm.core import layout_of
from rtrl_lstm.fields import ALIGNMENT, Array
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.kernels import entries, slots
from rtrl_lstm.layout import Layout
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import Spec

# Fewer steps than this are done sooner than a second thread is woken.
_STEPS_A_THREAD = 256
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


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
                raise ValueError(f"{path} has {size} bytes: no fleet of {stride} bytes a learner")
            self._bind(spec, np.memmap(path, np.uint8, "r+").reshape(-1, stride), threads)
            return self
        with open(path, "xb") as file:
            file.truncate(_count(n_learners) * stride)
        self._bind(spec, np.memmap(path, np.uint8, "r+").reshape(-1, stride), threads)
        self._start(0, False)
        return self

    def _bind(self, spec: Spec, matrix: NDArray[np.uint8], threads: int | None) -> None:
        self.spec, self.matrix = spec, matrix
        self.layout = layout_of(spec)
        self.threads = threads or os.cpu_count() or 1
        self._pool: ThreadPoolExecutor | None = None
        self._dtype = np.dtype(spec.dtype)
        self._row_dtype = self._dtype  # of the last rows: a kernel is compiled for each

    def _start(self, first: int, same_start: bool) -> None:
        """Put new learners into the rows from `first` on."""
        block = initial_block(self.layout)
        for i in range(first, len(self)):
            if not same_start:
                block = initial_block(self.layout, self.spec.seed + i)
            self.matrix[i, : len(block)] = block

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, i: int) -> Learner | Forecaster:
        """Learner number i. It shares the fleet's numbers until the fleet is added to or dropped
        from; from then on it is a learner of its own."""
        kind = Forecaster if self.spec.horizon else Learner
        return kind.on(self.spec, self.matrix[range(len(self))[i], : self.layout.nbytes])

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
        rows = np.asarray(X)
        if rows.ndim != 2:
            raise ValueError(f"X has shape {rows.shape}; it must be {(len(numbers), self._inputs)}")
        labels = None if Y is None else np.asarray(Y, np.float64).reshape(len(numbers), -1)[None]
        weights = None if weight is None else np.asarray(weight, np.float64)[None]
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
        numbers, rows = self._numbers(active), np.asarray(X)
        if rows.ndim != 3:
            raise ValueError(
                f"X has shape {rows.shape}; it must be (T, {len(numbers)}, {self._inputs})"
            )
        labels = None
        if Y is not None:
            labels = np.asarray(Y, np.float64).reshape(len(rows), len(numbers), -1)
        return self._take(numbers, rows, labels, weight)

    def predict(self, X: ArrayLike, active: ArrayLike | None = None) -> Array:
        """What `step(X, active=active)` would say, (k, output_size); changes nothing."""
        return self.of(self.spec, self.blocks()[self._numbers(active)]).step(X)

    def learn(
        self, Y: ArrayLike, active: ArrayLike | None = None, weight: ArrayLike | None = None
    ) -> None:
        """The labels (k, target_size) of k learners' last steps, arriving late.

        Raises:
            RuntimeError: one of them has no step that waits for a label.
            ValueError: a label cannot be taken; nothing has changed.
        """
        numbers, targets = self._numbers(active), self.spec.target_size
        waiting = self.matrix[numbers, 8 * slots.H_AWAITS : 8 * slots.H_AWAITS + 8]
        if self.spec.horizon or not np.all(waiting.view(np.float64)):
            raise RuntimeError("learn(Y) belongs after a step without labels of the same learners")
        labels = np.asarray(Y, np.float64).reshape(-1, targets)
        self._check(np.zeros((len(numbers), self._inputs)), labels, weight, numbers)
        self._do(entries.LEARN, numbers, labels, _weights(weight, len(numbers)))

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
        numbers = given.astype(np.int64).ravel()
        if np.any((numbers < 0) | (numbers >= len(self))):
            raise ValueError(f"active must be numbers from 0 to {len(self) - 1}")
        if len(np.unique(numbers)) < len(numbers):
            raise ValueError("active names a learner twice: give it one row after the other")
        return numbers

    def _take(
        self,
        numbers: NDArray[np.int64],
        X: Array,
        Y: Array | None,
        weight: ArrayLike | None,
    ) -> Array:
        """(T, k, I) rows of k learners -> (T, k, O)."""
        times, k = len(X), len(numbers)
        rows = np.empty((k, times, self._inputs), X.dtype if X.dtype in _FLOATS else np.float64)
        labels = np.full((k, times, self.spec.target_size), np.nan)
        weights = np.ones((k, times))
        try:
            rows[:] = X.swapaxes(0, 1)
            if Y is not None:
                labels[:] = Y.swapaxes(0, 1)
            if weight is not None:
                weights[:] = np.asarray(weight, np.float64).reshape(times, k).T
        except ValueError:
            shapes = f"X {X.shape}, Y {None if Y is None else Y.shape}"
            raise ValueError(f"{shapes}: they do not fit {k} learners of {self.spec}") from None
        self._check(rows.reshape(-1, self._inputs), labels, weights, numbers)
        y_hat = np.empty((k, times, self.spec.output_size), self._dtype)
        self._row_dtype = rows.dtype
        self._do(entries.TAKE, numbers, labels, weights, rows, y_hat)
        return np.ascontiguousarray(y_hat.swapaxes(0, 1))

    def _check(
        self, rows: Array, labels: Array, weight: ArrayLike | None, numbers: NDArray[np.int64]
    ) -> None:
        """Refuse rows that cannot be taken, before anything has changed."""
        weights = _weights(weight, len(rows))
        x, y = np.ascontiguousarray(rows).ravel(), labels.ravel()
        if len(y) != len(rows) * self.spec.target_size:
            raise ValueError(f"Y has shape {labels.shape}; a label has {self.spec.target_size}")
        row, _ = entries.find_bad_number(self.layout.table, x, y, weights)
        if row:
            number = numbers[(row - 1) // (len(rows) // len(numbers))]
            alone = Learner.on(self.spec, self.matrix[0, : self.layout.nbytes])
            k, targets = row - 1, self.spec.target_size
            one = slice(k * targets, row * targets)
            reason = alone.explain(x[k * self._inputs : row * self._inputs], y[one], weights[k:row])
            raise ValueError(f"learner {number}: {reason}")

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
        spec = self.spec
        kernel = entries.bare_entry(
            spec.cell, spec.rule, spec.sparse_inputs, rows.dtype, self._dtype
        )
        work = len(numbers) * each
        parts = max(1, min(self.threads, work // _STEPS_A_THREAD))
        bounds = np.linspace(0, len(numbers), parts + 1).astype(int)

        def do_part(k: int) -> None:
            part = slice(bounds[k], bounds[k + 1])
            y = None if labels is None else labels[part]
            weight = None if weights is None else weights[part]
            self._call(kernel, what, each, numbers[part], y, weight, rows[part], y_hat[part])

        if parts == 1:
            do_part(0)
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.threads)
            list(self._pool.map(do_part, range(parts)))

    def _call(
        self,
        kernel: Any,
        what: int,
        each: int,
        numbers: NDArray[np.int64],
        labels: Array | None,
        weights: Array | None,
        rows: Array,
        y_hat: Array,
    ) -> None:
        numbers = np.ascontiguousarray(numbers)
        count = len(numbers) * each
        labels = np.zeros(count) if labels is None else labels
        weights = np.ones(count) if weights is None else weights
        begins = np.zeros(count, np.uint8)
        base = self.matrix.ctypes.data
        found = (self.layout.table, labels, weights, begins)
        places = np.array(
            [
                base,
                base + 8 * self.layout.head_size,
                *(array.ctypes.data for array in found),
                self.matrix.shape[1],
                each,
                numbers.ctypes.data,
                *(0, 0, 0),  # rows are whole
            ],
            np.int64,
        )
        x, out = rows.reshape(-1), y_hat.reshape(-1)
        kernel(entries.FLEET + what, len(numbers), places.ctypes.data, x, out, 0.0, 0.0)

    # --- more and fewer, copies and files --------------------------------------------------

    def add(self, count: int = 1, same_start: bool = False) -> range:
        """Take in `count` new learners at the end; returns their numbers."""
        first = len(self)
        matrix = _room(self.layout, first + _count(count))
        matrix[:first] = self.matrix
        self.matrix = matrix
        self._start(first, same_start)
        return range(first, len(self))

    def drop(self, numbers: int | Sequence[int]) -> None:
        """Let learners go; those behind move up."""
        gone = self._numbers(np.atleast_1d(numbers))
        stay = np.delete(np.arange(len(self)), gone)
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


def _weights(weight: ArrayLike | None, count: int) -> Array:
    if weight is None:
        return np.ones(count)
    weights = np.ascontiguousarray(weight, np.float64).ravel()
    if len(weights) != count:
        raise ValueError(f"weight has {len(weights)} numbers for {count} labels")
    return weights


def _count(number: int) -> int:
    if number < 1:
        raise ValueError(f"a fleet has at least one learner, not {number!r}")
    return number


def _stride(layout: Layout) -> int:
    return layout.nbytes + -layout.nbytes % ALIGNMENT


def _room(layout: Layout, count: int) -> NDArray[np.uint8]:
    """A matrix of zeros for `count` learners, aligned to a cache line."""
    stride = _stride(layout)
    room = np.zeros(_count(count) * stride + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + count * stride].reshape(count, stride)
