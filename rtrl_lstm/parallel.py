"""Parallel: one learner that many streams feed at once, as vectorised environments do.

Each stream is a learner of a fleet that gathers gradients and never applies them. After each row
their mean goes to one more learner, the *optimiser*, which takes no rows; it applies it, and all
get its weights.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm import blocks
from rtrl_lstm.checks import require, whole
from rtrl_lstm.core import layout_of
from rtrl_lstm.fields import Array
from rtrl_lstm.fleet import Fleet
from rtrl_lstm.forecaster import Forecaster, kind_of
from rtrl_lstm.kernels import slots
from rtrl_lstm.layout import Layout
from rtrl_lstm.learner import Learner
from rtrl_lstm.optimizers import ObGD
from rtrl_lstm.spec import Spec

STATISTICS = ("count", "mean", "m2")
OPTIMISER_SLOTS = [
    slots.H_UPDATES,
    slots.H_POWER1,
    slots.H_POWER2,
    slots.H_RATE,
    slots.H_LABELS,
    slots.H_SCHEDULE_START,
]


class Parallel:
    """One set of weights; a state and traces for each of B streams.

    A row of each stream is taken in a call. The gradients of those that came with a label are
    averaged, and the optimiser takes one step. With one stream this is a Learner whose `update`
    is "step". What the inputs and the target are scaled by is shared as well: each row sees the
    statistics of all rows before it and its own. With a horizon, what the labels of a row teach
    is in the forecasts from the next row on.

    Args:
        spec: what learns; its `update` is "step". Not for `combine_with`, `contexts`,
            `sparse_inputs`, the optimiser "obgd", whose bound is for one label, and schedules
            that restart.
        n_streams: how many, B.
        threads: at most so many work at a time; None: one for each core.

    Attributes:
        spec: what learns.

    Example:
        >>> learner = Parallel(Spec(input_size=4, hidden_size=8), 16)
        >>> learner.step(np.zeros((16, 4)), np.ones(16)).shape
        (16, 1)
        >>> learner.reset([3])  # stream 3 begins a new sequence
        >>> learner.to_learner().predict(np.zeros(4)).shape
        (1,)
    """

    def __init__(self, spec: Spec, n_streams: int, threads: int | None = None) -> None:
        _check(spec)
        streams = whole("n_streams", n_streams, 1)
        summing = dataclasses.replace(spec, update="sequence")
        self._bind(spec, Fleet(summing, streams, same_start=True, threads=threads))
        self._put_weights()

    @classmethod
    def of(cls, spec: Spec, found: NDArray[np.uint8]) -> Self:
        """The one of `spec` with the numbers that `blocks` gave."""
        _check(spec)
        self = object.__new__(cls)
        self._bind(spec, Fleet.of(dataclasses.replace(spec, update="sequence"), found[1:]))
        block = self._optimiser.block
        block[:] = found[0, : len(block)]
        return self

    def _bind(self, spec: Spec, fleet: Fleet) -> None:
        self.spec, self._fleet = spec, fleet
        # Without a horizon: a Forecaster's reset waits for rows.
        self._optimiser = Learner.new(dataclasses.replace(fleet.spec, horizon=0))
        self._weights = _shared(fleet.layout, self._optimiser.layout, ".weight")
        self._sums = _shared(fleet.layout, self._optimiser.layout, ".sum")

    def __len__(self) -> int:
        """How many streams, B."""
        return len(self._fleet)

    def __repr__(self) -> str:
        return f"Parallel({self.spec}, n_streams={len(self)})"

    def __getstate__(self) -> tuple[Spec, NDArray[np.uint8]]:
        return self.spec, self.blocks()

    def __setstate__(self, state: tuple[Spec, NDArray[np.uint8]]) -> None:
        self.__dict__ = type(self).of(*state).__dict__

    # --- rows ------------------------------------------------------------------------------

    def step(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        active: ArrayLike | None = None,
        weight: ArrayLike | None = None,
    ) -> Array:
        """One row of each stream: predict, then learn from all labels at once.

        Args:
            X: (k, input_size), a row of each.
            Y: (k, target_size), or (k,) where that is 1; NaN: no label. None: no labels.
            active: whose rows they are: their numbers, none twice, or (B,) bool. None: all.
            weight: (k,) weights of the labels.

        Returns:
            (k, output_size): what was said of each before any of the labels was seen.

        Raises:
            ValueError: a shape does not fit, or a number cannot be taken; nothing has changed.
        """
        y_hat = self._fleet.step(X, Y, active, weight)
        self._share(X, Y)
        return y_hat

    def run(self, X: ArrayLike, Y: ArrayLike | None = None) -> Array:
        """T rows of each stream, as T calls of `step`: (T, B, I), (T, B, K) -> (T, B, O).

        Raises ValueError as `step` does, of any of the rows; nothing has changed.
        """
        self._fleet.check(X, Y)
        rows = np.asarray(X)
        labels = [None] * len(rows) if Y is None else np.asarray(Y)
        said = [self.step(x, y) for x, y in zip(rows, labels, strict=True)]
        shape = (len(rows), len(self), self.spec.output_size)
        return np.array(said, self.spec.dtype).reshape(shape)

    def learn(
        self, Y: ArrayLike, active: ArrayLike | None = None, weight: ArrayLike | None = None
    ) -> None:
        """The labels of the streams' last rows, arriving late: see `Fleet.learn`."""
        self._fleet.learn(Y, active, weight)
        self._share(None, Y)

    def predict(self, X: ArrayLike, active: ArrayLike | None = None) -> Array:
        """What `step(X, active=active)` would say, (k, output_size); changes nothing."""
        return self._fleet.predict(X, active)

    def reset(self, active: ArrayLike | None = None) -> None:
        """A new sequence begins, in some streams or in all."""
        self._fleet.reset(active)

    @property
    def learning_rate(self) -> float:
        """The step size from the next labels on."""
        return self._optimiser.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._optimiser.learning_rate = rate

    @property
    def steps(self) -> int:
        """Rows seen, of all streams."""
        return int(self._heads_and_bodies()[0][:, slots.H_STEPS].sum())

    @property
    def labels(self) -> int:
        """Labels learned from, of all streams."""
        return self._optimiser.labels

    # --- what the streams share -----------------------------------------------------------

    def _share(self, X: ArrayLike | None, Y: ArrayLike | None) -> None:
        """One step of the optimiser with the mean of all gradients; everyone gets its weights."""
        self._fleet.finish()
        heads, bodies = self._heads_and_bodies()
        labels = heads[:, slots.H_SUMMED].sum()
        if labels:
            head, body = self._own()
            for here, there in self._sums:
                body[there] = bodies[:, here].sum(axis=0, dtype=np.float64) / labels
                bodies[:, here] = 0.0
            heads[:, slots.H_SUMMED] = 0.0
            head[slots.H_SUMMED] = 1.0
            head[slots.H_LABELS] += labels
            self._optimiser.reset()
            self._put_weights()
        if any(self.spec.scaled_inputs):
            self._share_statistics("input", X, np.array(self.spec.scaled_inputs))
        if self.spec.scale_target:
            self._share_statistics("target", Y, np.ones(self.spec.target_size, bool))

    def _share_statistics(self, of: str, values: ArrayLike | None, which: Array) -> None:
        """Let the rows `values` join the running statistics (Chan et al. 1979); NaN is none."""
        if values is None:
            return
        rows = np.asarray(values, np.float64).reshape(-1, len(which))
        layout, block = self._optimiser.layout, self._optimiser.block
        count, mean, m2 = (layout.read(block, f"{of}.{name}") for name in STATISTICS)
        more = np.where(which, np.sum(~np.isnan(rows), axis=0), 0)
        total = np.maximum(count + more, 1.0)
        theirs = np.nansum(rows, axis=0) / np.maximum(more, 1)
        off = np.where(more, theirs - mean, 0.0)
        spread = np.where(more, np.nansum((rows - theirs) ** 2, axis=0), 0.0)
        m2 += spread + off**2 * count * more / total
        mean += off * more / total
        for name, found in zip(STATISTICS, (count + more, mean, m2), strict=True):
            layout.write(block, f"{of}.{name}", found)
            here = self._fleet.layout.stretch(f"{of}.{name}")
            self._heads_and_bodies()[0][:, here] = found

    def _put_weights(self) -> None:
        bodies, body = self._heads_and_bodies()[1], self._own()[1]
        for here, there in self._weights:
            bodies[:, here] = body[there]

    def _own(self) -> tuple[Array, Array]:
        """Head and body of the optimiser."""
        layout, block = self._optimiser.layout, self._optimiser.block
        return layout.head(block), layout.body(block)

    def _heads_and_bodies(self) -> tuple[Array, Array]:
        """Those of all streams, as the rows of two matrices."""
        layout = self._fleet.layout
        matrix, head = self._fleet.matrix[:, : layout.nbytes], 8 * layout.head_size
        return matrix[:, :head].view(np.float64), matrix[:, head:].view(layout.dtype)

    # --- copies and files -----------------------------------------------------------------

    def to_learner(self, stream: int = 0) -> Learner | Forecaster:
        """What has been learned, behind the last row of one of the streams, to go on alone."""
        layout = layout_of(self.spec)
        one = self._fleet[stream]
        one.finish()
        block = blocks.migrate(self._fleet.layout, layout, one.block)
        for name in layout.fields:
            if name.endswith((".moment1", ".moment2")):
                moment = self._optimiser.layout.read(self._optimiser.block, name)
                layout.write(block, name, moment)
        layout.head(block)[OPTIMISER_SLOTS] = self._own()[0][OPTIMISER_SLOTS]
        return kind_of(self.spec).of(self.spec, block)

    def blocks(self) -> NDArray[np.uint8]:
        """(1 + B, nbytes): a copy of all numbers, the optimiser's first."""
        streams, own = self._fleet.blocks(), self._optimiser.block
        first = np.zeros((1, streams.shape[1]), np.uint8)
        first[0, : len(own)] = own
        return np.concatenate([first, streams])

    def save(self, path: str | Path) -> None:
        """Write a model file, whole or not at all; `rtrl_lstm.load` gives all of it back."""
        from rtrl_lstm import modelfile

        modelfile.save(self, path)


def _check(spec: Spec) -> None:
    if not isinstance(spec, Spec):
        raise TypeError(f"spec must be a Spec, not {spec!r}")
    restarts = spec.schedule is not None and spec.schedule.restart
    for refused, what in (
        (spec.update != "step", f"update {spec.update!r}"),
        (bool(spec.combine_with), "combine_with"),
        (spec.contexts, "contexts"),
        (spec.sparse_inputs, "sparse_inputs"),
        (isinstance(spec.optimizer, ObGD), "optimizer 'obgd'"),
        (restarts, "a schedule that restarts"),
    ):
        require(not refused, f"streams in parallel do not go with {what}")


def _shared(fleet: Layout, own: Layout, kind: str) -> list[tuple[slice, slice]]:
    """Where the arrays whose names end in `kind` lie in the bodies of the one and the other."""
    return [(fleet.stretch(name), own.stretch(name)) for name in own.fields if name.endswith(kind)]
