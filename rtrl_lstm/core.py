"""What a Learner and a Forecaster share: a block of numbers, its names, and many rows at once."""

from __future__ import annotations

import copy
import dataclasses
import math
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy import ndarray
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm import blocks, parameters, refused, sparse_rows
from rtrl_lstm.checks import positive, require, whole
from rtrl_lstm.fields import Array
from rtrl_lstm.helpers import LayerHelpers, is_worth_help
from rtrl_lstm.kernels import entries, slots
from rtrl_lstm.kernels.finite import are_finite
from rtrl_lstm.layout import Layout
from rtrl_lstm.named import Named
from rtrl_lstm.prepared import ROW_DTYPE, Prepared, as_column, as_numbers, as_rows
from rtrl_lstm.spec import Spec

# Rows in one call of a kernel, and bytes of the learner's numbers that they go through: Ctrl-C is
# heard between calls.
_ROWS_A_CALL = 8192
_BYTES_A_CALL = 1 << 31
# Forecasts of `step` that room is made for at a time: for one it takes three times as long.
_ANSWERS = 256
_STEP, _NOT_TAKEN, _NO_LABEL = entries.STEP, entries.NOT_TAKEN, math.nan

layout_of = lru_cache(maxsize=256)(Layout)


class Core(Named):
    """A learner's block of numbers and everything that does not depend on when labels come.

    Attributes:
        spec: what the learner is.
        layout: where its numbers lie.
        block: (nbytes,) uint8, all of its numbers.
    """

    def __init__(self, spec: Spec) -> None:
        self._bind(spec, blocks.initial_block(layout_of(spec)))

    @classmethod
    def new(cls, spec: Spec) -> Self:
        """A new one of `spec`."""
        return cls.of(spec, blocks.initial_block(layout_of(spec)))

    @classmethod
    def of(cls, spec: Spec, block: NDArray[np.uint8]) -> Self:
        """What `spec` describes, with the numbers of `block` (copied)."""
        self = object.__new__(cls)
        self._bind(spec, block)
        return self

    @classmethod
    def on(cls, spec: Spec, block: NDArray[np.uint8]) -> Self:
        """What `spec` describes, with its numbers in `block` itself: what it learns is there.

        block must be (nbytes,) uint8, in one piece, and begin at a multiple of 64 bytes.
        """
        self = object.__new__(cls)
        self._attach(spec, block)
        return self

    def _bind(self, spec: Spec, block: NDArray[np.uint8]) -> None:
        own = layout_of(spec).allocate()
        own[:] = block
        self._attach(spec, own)

    def _attach(self, spec: Spec, block: NDArray[np.uint8]) -> None:
        self.spec = spec
        self.layout = layout_of(spec)
        self.block = block
        self._head = self.layout.head(self.block)
        self._body = self.layout.body(self.block)
        self._table = self.layout.table
        self._kernels: dict[Any, Any] = {}  # by the dtype of rows
        self._row_dtype = ROW_DTYPE
        self._answers: list[Array] = []  # the kernel's room for them, one by one
        self._number = self._body.dtype.type
        # What the kernel reads besides rows, by address: numbers it need not be handed each time.
        self._label = np.full(spec.target_size, np.nan)
        self._weight = np.ones(1)
        self._begins = np.zeros(1, np.uint8)
        self._places = np.zeros(entries.PLACES, np.int64)
        self._at = self._places.ctypes.data
        own = (self._head, self._body, self._table)
        self._places[:3] = [array.ctypes.data for array in own]
        self._place(self._label, self._weight, self._begins)
        self._one_row = self._places[: entries.TEAM].copy()
        self._helpers: LayerHelpers | None = None
        self._threads = 1
        self._dtype: Any = None  # of rows that have a way of their own, where a label is a number
        self._step_kernel: Any = None
        self._scratch: Self | None = None

    def _place(self, labels: Array, weights: Array, begins: Array) -> None:
        """Tell the kernel where to find them; they must live until the next time."""
        found = (array.__array_interface__["data"][0] for array in (labels, weights, begins))
        self._places[3:6] = tuple(found)

    def __getstate__(self) -> tuple[Spec, bytes]:
        return self.spec, self.block.tobytes()

    def __setstate__(self, state: tuple[Spec, bytes]) -> None:
        spec, block = state
        self._bind(spec, np.frombuffer(block, np.uint8))

    def __repr__(self) -> str:
        changed = ", ".join(
            f"{f.name}={getattr(self.spec, f.name)!r}"
            for f in dataclasses.fields(Spec)
            if f.default != getattr(self.spec, f.name) and f.name != "optimizer"
        )
        return f"{type(self).__name__}({changed}, optimizer={self.spec.optimizer})"

    def _repr_html_(self) -> str:
        """A card for notebooks; changes nothing."""
        from rtrl_lstm.notebook import card_of_learner

        return card_of_learner(copy.copy(self))

    # --- rows ------------------------------------------------------------------------------

    # Told as Learner's, and here: a call less is a tenth of what a step costs beside its kernel.
    def step(self, x: ArrayLike, y: Any = None, weight: float = 1.0) -> Array:
        """Predict, then learn.

        Args:
            x: (input_size,) inputs of the row.
            y: (output_size,) label, a scalar where that is 1; a class index for cross_entropy.
                None or NaN: there is none, or none yet; state and traces move on.
            weight: weight of this label's loss.

        Returns:
            (output_size,) what the learner said before it saw y.

        Raises:
            ValueError: a shape does not fit or a number cannot be taken; nothing has changed.
        """
        # A row like the one before, which takes no more looking at. NumPy has each dtype once.
        if type(x) is ndarray and x.dtype is self._dtype and x.ndim == 1:
            label = _NO_LABEL if y is None else y
            if type(label) is ndarray and label.size == 1:
                label = label.item()
            if type(label) is float or type(label) is int:
                like = self._number
                try:
                    said: int = self._step_kernel(_STEP, 1, self._at, x, like, label, +weight)
                except (TypeError, OverflowError):  # no number (+: text is none): words are below
                    said = _NOT_TAKEN
                if said >= 0:
                    return self._answers[said]
        return self._take_any(x, y, weight)

    def _take_any(self, x: ArrayLike, y: Any, weight: float) -> Array:
        """One row of whatever form."""
        row = as_numbers(x, "x")
        if row.shape != (self.spec.input_size,):
            raise ValueError(f"x has shape {row.shape}; this learner takes {self._row_shape}")
        row = np.ascontiguousarray(row)
        self._set_label(y)
        self._set_weight(weight)
        kernel = self._kernel(row.dtype)
        if self.spec.target_size == 1:
            if row.dtype is self._dtype and self._places[entries.SAID] == len(self._answers):
                self._make_room()
            self._dtype, self._step_kernel = row.dtype, kernel
        y_hat = np.empty(self.spec.output_size, self._body.dtype)
        self._places[entries.FORECASTS] = y_hat.ctypes.data
        if kernel(entries.TAKE, 1, self._at, row, self._number, 0.0, 0.0):
            raise ValueError(refused.row(self.spec, self._table, row, self._label, self._weight))
        return y_hat

    def _make_room(self) -> None:
        """Room for what `step` will say, of which the kernel keeps count."""
        room = np.empty((_ANSWERS, self.spec.output_size), self._body.dtype)
        self._answers = list(room)
        self._places[[entries.ROOM, entries.FITS, entries.SAID]] = room.ctypes.data, _ANSWERS, 0

    @property
    def _row_shape(self) -> tuple[int]:
        return (self.spec.input_size,)

    def _kernel(self, dtype: Any) -> Any:
        """The kernel for rows of a dtype."""
        kernel = self._kernels.get(dtype)
        if kernel is None:
            kernel = entries.bare_entry(self.spec.cell, self.layout.family, dtype, self._body.dtype)
            if self._helpers is not None:
                kernel = self._helpers.with_help(kernel)
            self._kernels[dtype], self._row_dtype = kernel, dtype
        return kernel

    def _do(self, what: int) -> int:
        """Run the kernel on what needs no row."""
        row = np.empty(0, self._row_dtype)
        code: int = self._kernel(self._row_dtype)(what, 0, self._at, row, self._number, 0.0, 0.0)
        return code

    def _set_label(self, y: Any) -> None:
        label = self._label
        if y is None:
            label.fill(np.nan)
        elif isinstance(y, float) and label.size == 1:
            label[0] = y
        else:
            values = as_numbers(y, "y")
            if values.size != label.size:
                raise ValueError(f"y has shape {values.shape}; labels here have {label.shape}")
            label[:] = values.reshape(-1)

    def _set_weight(self, weight: float) -> None:
        try:
            self._weight[0] = math.fsum((weight,))  # reads no text, as `float` would
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"weight is {weight!r}: it must be a number") from None

    def run(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        reset: ArrayLike | None = None,
    ) -> Array:
        """Take many rows: bit for bit what as many calls of `step` give, in one compiled loop.

        Args:
            X: (T, input_size); where the Spec has `sparse_inputs`, it may also be a compressed
                sparse row matrix, of SciPy or any with its attributes shape, indptr, indices, data.
            Y: (T, target_size), or (T,) where that is 1; NaN where there is no label. None: none.
            weight: (T,) weights of the rows' labels; None: all 1.
            reset: (T,) bool; True where a new sequence begins with the row. None: nowhere.

        Returns:
            (T, output_size): for each row what `step` would have returned.

        Raises:
            ValueError: a shape does not fit, or a number cannot be taken; nothing has changed.
        """
        rows = self.prepare(X, Y, weight, reset)
        several = max(1, min(_ROWS_A_CALL, _BYTES_A_CALL // self.layout.nbytes))
        for start in range(0, rows.count, several):
            self.take_rows(rows, start, min(start + several, rows.count))
        return rows.y_hat

    def prepare(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        reset: ArrayLike | None = None,
    ) -> Prepared:
        """The rows that `run` would take, for `take_rows`. Raises ValueError as `run` does."""
        spec, listed = self.spec, None
        if spec.sparse_inputs and hasattr(X, "indptr"):
            listed = sparse_rows.read(X, spec.input_size, refused.limit(spec))
            values, count = listed.values, listed.count
        else:
            values = as_rows(X, "X", spec.input_size)
            count = len(values)
        labels = np.full((count, spec.target_size), np.nan)
        if Y is not None:
            labels[:] = as_rows(Y, "Y", spec.target_size, count)
        weights = np.ones(count) if weight is None else as_column(weight, "weight", count)
        begins = np.zeros(count, np.uint8)
        if reset is not None:
            begins[:] = as_column(reset, "reset", count) != 0
        checked = values.ravel() if listed is None else np.empty(0)
        if entries.find_bad_number(self._table, checked, labels.ravel(), weights)[0]:
            raise ValueError(refused.row(spec, self._table, checked, labels.ravel(), weights))
        y_hat = np.empty((count, spec.output_size), self._body.dtype)
        return Prepared(values, labels, weights, begins, y_hat, listed)

    def take_rows(self, rows: Prepared, start: int, stop: int) -> Array:
        """Take the rows from `start` to `stop`: what `run` would say at them, in the same bits.

        Rows are taken in order, each once, but the learner may be changed between two calls in any
        way but growth.
        """
        part = slice(start, stop)
        y_hat, listed = rows.y_hat[part], rows.listed
        self._place(rows.labels[part], rows.weights[part], rows.begins[part])
        if listed is not None:
            self._places[entries.LISTS] = listed.places(start)
        x = rows.values[part].ravel() if listed is None else rows.values
        try:
            kernel = self._kernel(rows.values.dtype)
            self._places[entries.FORECASTS] = y_hat.ctypes.data
            kernel(entries.TAKE_CHECKED, len(y_hat), self._at, x, self._number, 0.0, 0.0)
        finally:
            self._places[: entries.TEAM] = self._one_row
        return y_hat

    def reset(self) -> None:
        """A new sequence begins with the next row: state and traces go to zero.

        With `update="sequence"` the gradients gathered since the last reset are applied first.
        """
        self._do(entries.RESET)

    # --- threads ---------------------------------------------------------------------------

    @property
    def threads(self) -> int:
        """At most so many threads work at a row: 1, if nothing else is asked for.

        They share the sweeps over layers of some 200 units or more, and change no bit. They sleep
        between calls, and are part of no file and no pickle; a copy asks for as many.

        Raises:
            ValueError: it is no number of at least 1, or above 1 where there is nothing to share:
                by the rule "full" and with `sparse_inputs`.
        """
        return self._threads

    @threads.setter
    def threads(self, threads: int) -> None:
        found = whole("threads", threads, 1)
        alone = self.layout.family in ("full", "sparse")
        require(
            found == 1 or not alone,
            "rule 'full' and sparse_inputs work in one thread: threads must be 1",
        )
        self._threads, self._helpers = found, None
        if found > 1 and is_worth_help(self.layout.family, self._table):
            self._helpers = LayerHelpers(found, self._places[:3], self._body.dtype)
        self._places[entries.TEAM] = 0 if self._helpers is None else self._helpers.at
        self._kernels.clear()
        self._dtype = None

    # --- numbers by name -------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """The step size from the next label on."""
        return float(self._head[slots.H_RATE])

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._head[slots.H_RATE] = positive("learning_rate", rate)

    @property
    def steps(self) -> int:
        """Rows seen."""
        return int(self._head[slots.H_STEPS])

    @property
    def labels(self) -> int:
        """Labels learned from."""
        return int(self._head[slots.H_LABELS])

    def is_finite(self) -> bool:
        """Whether weights, traces, states and statistics are finite numbers, as they stand."""
        # A NaN in the head may be a forecast that there is none of yet.
        return bool(are_finite(self._body, self._head))

    def become(self, other: Self) -> None:
        """Take the numbers of another learner of the same Spec, all of them."""
        self.block[:] = other.block

    def begin_afresh(self) -> None:
        """Be what a new learner of the Spec is."""
        self.block[:] = blocks.initial_block(self.layout)

    def finish(self) -> None:
        """Bring weights and traces up to date with the last row; changes nothing that follows."""
        pending = self._head[slots.H_PENDING] != slots.NOTHING
        if pending or self._head[slots.H_DEFERRED]:  # else a kernel might be compiled for nothing
            self._do(entries.FINISH)

    def array(self, name: str) -> Array:
        """A copy of one named array of the block; `layout.fields` lists the names and axes.

        Raises KeyError where there is none of that name.
        """
        self.finish()
        return self.layout.read(self.block, name)

    def set_array(self, name: str, values: ArrayLike) -> None:
        """Overwrite one named array of the block.

        Raises:
            KeyError: there is none of that name.
            ValueError: the values are of another shape, or no numbers; nothing has changed.
        """
        found, wanted = as_numbers(values, name), self.layout.fields[name].shape
        if found.shape != wanted:
            raise ValueError(f"{name} has shape {found.shape}; it must be {wanted}")
        self.finish()
        self.layout.write(self.block, name, found)
        blocks.list_all_inputs(self.layout, self.block)

    def load_state_dict(self, given: dict[str, Any]) -> None:
        """Take parameters as `state_dict` gives them; where a learner has one bias, two are summed.

        Raises:
            TypeError: it is no dict; nothing has changed.
            ValueError: a name or a shape does not fit, a number is not finite, or one is not 0
                where the learner has no weights; nothing has changed.
        """
        arrays = parameters.checked(given, self.state_dict(), self.layout)
        for name, values in parameters.rows_of_weights(arrays, self.layout, self.array):
            self.set_array(name, values)

    # --- copies and files ------------------------------------------------------------------

    def frozen(self) -> Self:
        """A copy that neither learns nor moves its scaling: what an ONNX export computes."""
        other = copy.copy(self)
        other.finish()
        other._head[slots.H_FROZEN] = 1.0
        other._head[slots.H_DROPOUT] = 0.0
        other._head[slots.H_AWAITS] = 0.0
        return other

    def __copy__(self) -> Self:
        other = self.of(self.spec, self.block)
        other.threads = self.threads
        other._row_dtype = self._row_dtype
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def _peeking(self) -> Self:
        """A copy to try things on, kept for the next time."""
        if self._scratch is None:
            self._scratch = copy.copy(self)
        self._scratch.block[:] = self.block
        self._scratch._head[slots.H_DROPOUT] = 0.0
        return self._scratch

    def grow(self, spec: Spec) -> None:
        """Become what `spec` says, every number moved by name (see `blocks.migrate`)."""
        self.finish()
        threads, row_dtype = self.threads, self._row_dtype
        self._bind(spec, blocks.migrate(self.layout, layout_of(spec), self.block))
        self.threads, self._row_dtype = threads, row_dtype

    def save(self, path: str | Path) -> None:
        """Write a model file, whole or not at all; `rtrl_lstm.load` gives the learner back."""
        from rtrl_lstm import modelfile

        modelfile.save(self, path)
