"""A graph in onnxruntime that keeps its state from row to row. Needs neither Numba nor engine."""

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rtrl_lstm.checks import positive
from rtrl_lstm.fields import Array
from rtrl_lstm.prepared import as_numbers
from rtrl_lstm.table.schema import Schema
from rtrl_lstm.wording import counted

from .errors import GraphFileError, brief
from .graphfile import read_graph
from .labels import Labels, as_weights
from .loop import Loop
from .provenance import Provenance
from .runtime import start
from .sweep import Sweep

if TYPE_CHECKING:
    from rtrl_lstm.forecaster import Forecaster
    from rtrl_lstm.learner import Learner

FLUSHED = 256
"""Rows of a learner graph after which numbers too small to matter become 0, see `Loop.flush`."""


class Session:
    """A learner anywhere onnxruntime runs; one that goes on learning, if its graph says how.

    It starts at the state that the learner had at export; `reset` begins a new sequence.

    Args:
        path: a graph written by ``to_onnx``. A step graph is the faster one row by row, a sequence
            graph in `run`; a learner graph learns.
        provider: "auto", "cpu" or "cuda": where to run; "auto" takes what is there. On a GPU state
            and weights stay there.
        threads: of onnxruntime on the CPU. More than one is for learner graphs of large batches.

    Attributes:
        provenance: the learner's spec, and what else the file says of itself.
        provider: onnxruntime's name of the provider in use.

    Raises:
        OSError: the file cannot be read.
        GraphFileError: the file is no graph that rtrl-lstm wrote.
        ProviderError: the provider that was asked for by name is not there.
        ValueError: there is no such provider, or no such number of threads.

    >>> session = Session("m.onnx")                # doctest: +SKIP
    >>> y_hat = session.step([0.2, 1.5, 0.1])      # doctest: +SKIP
    >>> session = Session("learner.onnx")          # doctest: +SKIP
    >>> y_hat = session.step([0.2, 1.5, 0.1], 7)   # doctest: +SKIP
    """

    def __init__(self, path: str | Path, provider: str = "auto", threads: int = 1) -> None:
        file = read_graph(path)
        self.provenance: Provenance = file.provenance
        self._begin: dict[str, Array] = file.state
        self._rows = 0  # that a learner graph has seen
        self._resets = False  # whether the next row begins a sequence, in a learner graph
        # Made by the first step, which settles how many streams there are.
        self._loop: Loop | Sweep | None = None
        self._labels = Labels(self.provenance.spec)
        if self.learns:
            self._rate = float(file.settings["learning_rate"][0, 0])
        try:
            self._runtime = start(file.without_defaults(), provider, threads)
            self._loop_of(1).advance()  # what loads may still not run
        except GraphFileError as error:
            raise GraphFileError(f"{path}: {brief(error)}") from error
        self.provider: str = self._runtime.get_providers()[0]

    @property
    def learns(self) -> bool:
        """Whether the graph is one that learns."""
        return self.provenance.graph == "learner"

    @property
    def learning_rate(self) -> float:
        """Of a learner graph, from the next row on. AttributeError where the graph does not learn.

        To set it raises ValueError where it is no finite number above 0.
        """
        if not self.learns:
            raise AttributeError(str(self._no_learning()))
        return self._rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        if not self.learns:
            raise AttributeError(str(self._no_learning()))
        self._rate = positive("learning_rate", rate)

    @property
    def schema(self) -> Schema | None:
        """What reads the rows of a table, as it was at export; None unless it was of a Model."""
        model = self.provenance.model
        return None if model is None else Schema.from_json(model["schema"])

    @property
    def state(self) -> dict[str, Array]:
        """All that moves, a copy: name -> (1, ...), or (B, ...) where batches are fed.

        The recurrent state; of a learner graph weights, traces, moments and statistics as well.
        What was saved may be assigned, in this session or in another of the same file.
        """
        found = self._loop.state if self._loop is not None else self._begin
        found = {name: value.copy() for name, value in found.items()}
        if self._resets:
            found["reset_next"][:] = 1.0
        return found

    @state.setter
    def state(self, saved: Mapping[str, ArrayLike]) -> None:
        if saved.keys() != self._begin.keys():
            missing = ", ".join(sorted(self._begin.keys() ^ saved.keys()))
            raise ValueError(f"state: these names are not in both: {missing}")
        found: dict[str, Array] = {}
        for name, value in self._begin.items():
            given = np.array(saved[name], value.dtype)
            if given.ndim == 0 or given.shape[1:] != value.shape[1:] or not len(given):
                shape = ", ".join(map(str, ("B", *value.shape[1:])))
                raise ValueError(f"state: {name} has shape {given.shape}; it must be ({shape})")
            found[name] = given
        if len({len(value) for value in found.values()}) > 1:
            raise ValueError("state: not all of it is for the same number of streams")
        self._begin, self._loop, self._resets = found, None, False

    def reset(self) -> None:
        """Begin a new sequence.

        The recurrent state becomes zero, and batches may change their size here. In a learner
        graph traces become zero as well, with the next row; everything learned stays.
        """
        if self.learns:
            self._resets = True
            return
        self._begin = {name: np.zeros_like(value[:1]) for name, value in self._begin.items()}
        self._loop = None

    def step(self, x: ArrayLike, y: ArrayLike | None = None, weight: ArrayLike = 1.0) -> Array:
        """One row forward; in a learner graph, then learn.

        Args:
            x: (I,) or (B, I) a raw row, or one row for each of B independent streams.
            y: (K,) or (B, K) the label, as ``Learner.step`` takes it (a forecaster's:
                ``Forecaster.step``); NaN or None where there is none. For a learner graph.
            weight: a number or (B,), of the label.

        Returns:
            (O,) or (B, O), what was said before y was seen.

        Raises:
            ValueError: x has another shape, another B than before, or a number that is not finite;
                y is no label; the graph does not learn. Nothing has changed.
        """
        rows = as_numbers(x, "x")
        loop = self._ready(rows.shape)
        if rows.dtype == loop.x.dtype:
            loop.x[:] = rows
        else:
            with np.errstate(over="ignore"):  # it is infinite then, and refused
                loop.x[:] = rows
        # A sum of squares costs a quarter of a look at each number.
        if not math.isfinite(np.vdot(loop.x, loop.x)) and not np.isfinite(loop.x).all():
            raise ValueError(f"x is not finite in column {np.argwhere(~np.isfinite(loop.x))[0, 1]}")
        if self.learns:
            fed = loop.fed
            fed["y"][:] = self._labels.as_array(y, fed["y"].shape)
            fed["sample_weight"][:, 0] = as_weights(weight, (len(loop.x),))
            self._advance(loop)
        elif y is not None:
            raise self._no_learning()
        else:
            loop.advance()
        return loop.y.copy() if rows.ndim == 2 else loop.y[0].copy()

    def run(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        weight: ArrayLike = 1.0,
        reset: ArrayLike | None = None,
    ) -> Array:
        """Many rows: what that many calls of `step` say.

        Args:
            X: (T, I) or (T, B, I).
            Y: (T, K) or (T, B, K) their labels, for a learner graph.
            weight: a number, (T,) or (T, B).
            reset: (T,) booleans, True where a new sequence begins with that row.

        Returns:
            (T, O) or (T, B, O).

        Raises:
            ValueError: as `step`; a number that is not finite is named with its row. Nothing has
                changed.
        """
        rows = as_numbers(X, "X")
        if rows.ndim not in (2, 3):
            raise ValueError(f"X has shape {rows.shape}, not (T, I) or (T, B, I)")
        streams = self._streams(rows.shape[1:])
        with np.errstate(over="ignore"):  # it is infinite then, and refused
            rows = np.ascontiguousarray(rows, self.provenance.dtype)
        for t, *_, column in np.argwhere(~np.isfinite(rows))[:1]:
            raise ValueError(f"X is not finite in row {t}, column {column}")
        begins = np.zeros(len(rows)) if reset is None else as_numbers(reset, "reset")
        begins = begins != 0
        if begins.shape != (len(rows),):
            raise ValueError(f"reset has shape {begins.shape} for {counted(len(rows), 'row')}")
        if self.learns:
            return self._learn_rows(rows, streams, Y, weight, begins)
        if Y is not None:
            raise self._no_learning()
        said: Array = np.empty((*rows.shape[:-1], self.provenance.spec.output_size), rows.dtype)
        cuts = [0, *np.flatnonzero(begins), len(rows)]
        for here, there in itertools.pairwise(cuts):
            if here < there:
                if begins[here]:
                    self.reset()
                loop = self._ready(rows.shape[1:])
                part = rows[here:there].reshape(there - here, streams, -1)
                said[here:there] = loop.rows(part).reshape(said[here:there].shape)
        return said

    def to_learner(self, stream: int = 0) -> "Learner | Forecaster":
        """What was learned, back in the engine: a Learner, or with a horizon a Forecaster.

        Args:
            stream: which learner of a batch.

        Raises:
            ValueError: the graph is not one that learns, or holds no such stream.
        """
        from .carry import restored  # the engine, and with it Numba

        if not self.learns:
            raise ValueError(f"a {self.provenance.graph} graph holds no learner to go on with")
        state = self.state
        count = len(state["steps"])
        if not 0 <= stream < count:
            raise ValueError(f"of {counted(count, 'stream')} there is none with number {stream}")
        numbers = {name: value[stream] for name, value in state.items()}
        return restored(self.provenance.spec, numbers, self.learning_rate)

    def _learn_rows(
        self, rows: Array, streams: int, Y: ArrayLike | None, weight: ArrayLike, begins: Array
    ) -> Array:
        spec, shape = self.provenance.spec, (len(rows), streams)
        labels = np.empty((*shape, spec.target_size))
        labels[:] = self._labels.as_array(Y, labels.shape)
        weights = np.empty(shape)
        weights[:] = as_weights(weight, shape)
        loop = self._ready(rows.shape[1:])
        said: Array = np.empty((*shape, spec.output_size), rows.dtype)
        for t, row in enumerate(rows.reshape(*shape, spec.input_size)):
            self._resets = self._resets or bool(begins[t])
            loop.x[:], loop.fed["y"][:] = row, labels[t]
            loop.fed["sample_weight"][:, 0] = weights[t]
            self._advance(loop)
            said[t] = loop.y
        return said.reshape(*rows.shape[:-1], spec.output_size)

    def _advance(self, loop: Loop | Sweep) -> None:
        """A step of a learner graph whose row and label are in place."""
        loop.fed["learning_rate"].fill(self._rate)
        loop.fed["reset"].fill(self._resets)
        loop.advance()
        self._resets = False
        self._rows += 1
        if isinstance(loop, Loop) and self._rows % FLUSHED == 0:
            loop.flush()

    def _no_learning(self) -> ValueError:
        graph = self.provenance.graph
        return ValueError(f"a {graph} graph does not learn: export with graph='learner'")

    def _streams(self, shape: tuple[int, ...]) -> int:
        """How many streams a row of this shape is for."""
        size = self.provenance.spec.input_size
        if len(shape) not in (1, 2) or shape[-1] != size or shape[0] == 0:
            raise ValueError(f"x has shape {shape}, this graph takes ({size},) or (B, {size})")
        return 1 if len(shape) == 1 else shape[0]

    def _ready(self, shape: tuple[int, ...]) -> Loop | Sweep:
        """The loop for rows of this shape."""
        streams = self._streams(shape)
        if self._loop is None:
            self._loop = self._loop_of(streams)
        count = len(self._loop.x)
        if count != streams:
            cure = "one for each learner" if self.learns else "reset first"
            raise ValueError(f"x has {counted(streams, 'stream')}, the state {count}: {cure}")
        return self._loop

    def _loop_of(self, streams: int) -> Loop | Sweep:
        found, spec = self.provenance, self.provenance.spec
        state = self._begin
        if len(next(iter(state.values()))) == 1:
            state = {name: np.repeat(value, streams, 0) for name, value in state.items()}
        count = len(next(iter(state.values())))
        fed = {name: np.zeros((count, width), found.dtype) for name, width in found.fed().items()}
        if self.learns:
            self._rows = int(state["steps"][0, 0])
        kind = Sweep if found.graph == "sequence" else Loop
        return kind(self._runtime, state, fed, (found.ends[1], spec.output_size))
