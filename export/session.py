"""A graph in onnxruntime that keeps its state from row to row. Needs neither Numba nor engine."""

import itertools
import math
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm.schema import Schema

from .errors import GraphFileError, brief
from .graphfile import read_graph
from .loop import Loop
from .provenance import Provenance
from .runtime import start
from .sweep import Sweep

Array = NDArray[np.floating]


class Session:
    """A learner that no longer learns, anywhere onnxruntime runs.

    It starts at the state that the learner had at export; `reset` begins a new sequence.

    Parameters
    ----------
    path : str or Path
        A graph written by ``to_onnx``. A step graph is the faster one row by row, a sequence graph
        in `run`.
    provider : "auto", "cpu" or "cuda"
        Where to run; "auto" takes what is there.

    Attributes
    ----------
    provenance : Provenance
        The learner's spec, and what else the file says of itself.
    provider : str
        onnxruntime's name of the provider in use.

    Raises
    ------
    OSError
        The file cannot be read.
    GraphFileError
        The file is no graph that rtrl-lstm wrote.
    ProviderError
        The provider that was asked for by name is not there.

    >>> session = Session("m.onnx")                # doctest: +SKIP
    >>> y = session.step([0.2, 1.5, 0.1])          # doctest: +SKIP
    """

    def __init__(self, path: str | Path, provider: str = "auto") -> None:
        file = read_graph(path)
        self.provenance: Provenance = file.provenance
        self._begin: dict[str, Array] = file.state
        # Made by the first step of a sequence, which settles how many streams there are.
        self._loop: Loop | Sweep | None = None
        try:
            self._runtime = start(file.without_defaults(), provider)
            self._loop_of(1).advance()  # what loads may still not run
        except GraphFileError as error:
            raise GraphFileError(f"{path}: {brief(error)}") from error
        self.provider: str = self._runtime.get_providers()[0]

    @property
    def schema(self) -> Schema | None:
        """What reads the rows of a table, as it was at export; None unless it was of a Model."""
        model = self.provenance.model
        return None if model is None else Schema.from_json(model["schema"])

    @property
    def state(self) -> dict[str, Array]:
        """The recurrent state, a copy: name -> (1, n), or (B, n) where batches are fed."""
        if self._loop is not None:
            return self._loop.state
        return {name: value.copy() for name, value in self._begin.items()}

    def reset(self) -> None:
        """Begin a new sequence: the state becomes zero. Batches may change their size here."""
        self._begin = {name: np.zeros_like(value) for name, value in self._begin.items()}
        self._loop = None

    def step(self, x: ArrayLike) -> Array:
        """One row forward.

        Parameters
        ----------
        x : array of shape (I,) or (B, I)
            A raw row, or one row for each of B independent streams.

        Returns
        -------
        y : array of shape (O,) or (B, O)

        Raises
        ------
        ValueError
            x has another shape, another B than before, or a number that is not finite. Nothing
            has changed.
        """
        rows = np.asarray(x)
        loop = self._ready(rows.shape)
        loop.x[:] = rows
        # A sum of squares costs a quarter of a look at each number.
        if not math.isfinite(np.vdot(loop.x, loop.x)) and not np.isfinite(loop.x).all():
            raise ValueError(f"x is not finite in column {np.argwhere(~np.isfinite(loop.x))[0, 1]}")
        loop.advance()
        return loop.y.copy() if rows.ndim == 2 else loop.y[0].copy()

    def run(self, X: ArrayLike, reset: ArrayLike | None = None) -> Array:
        """Many rows forward: what that many calls of `step` say.

        Parameters
        ----------
        X : array of shape (T, I) or (T, B, I)
        reset : array of T booleans, optional
            True where a new sequence begins with that row.

        Returns
        -------
        Y : array of shape (T, O) or (T, B, O)

        Raises
        ------
        ValueError
            As `step`; a number that is not finite is named with its row. Nothing has changed.
        """
        rows = np.asarray(X)
        if rows.ndim not in (2, 3):
            raise ValueError(f"X has shape {rows.shape}, not (T, I) or (T, B, I)")
        streams = self._streams(rows.shape[1:])
        with np.errstate(over="ignore"):  # it is infinite then, and refused
            rows = np.ascontiguousarray(rows, self.provenance.precision)
        for t, *_, column in np.argwhere(~np.isfinite(rows))[:1]:
            raise ValueError(f"X is not finite in row {t}, column {column}")
        begins = np.zeros(len(rows), bool) if reset is None else np.asarray(reset, bool)
        if begins.shape != (len(rows),):
            raise ValueError(f"reset has shape {begins.shape} for {len(rows)} rows")
        Y: Array = np.empty((*rows.shape[:-1], self.provenance.spec.output_size), rows.dtype)
        cuts = [0, *np.flatnonzero(begins), len(rows)]
        for here, there in itertools.pairwise(cuts):
            if here < there:
                if begins[here]:
                    self.reset()
                loop = self._ready(rows.shape[1:])
                part = rows[here:there].reshape(there - here, streams, -1)
                Y[here:there] = loop.rows(part).reshape(Y[here:there].shape)
        return Y

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
        if len(self._loop.x) != streams:
            raise ValueError(f"x has {streams} streams, the state {len(self._loop.x)}: reset first")
        return self._loop

    def _loop_of(self, streams: int) -> Loop | Sweep:
        state = {name: np.repeat(value, streams, 0) for name, value in self._begin.items()}
        spec = self.provenance.spec
        kind = Loop if self.provenance.graph == "step" else Sweep
        return kind(self._runtime, state, spec.input_size, spec.output_size)
