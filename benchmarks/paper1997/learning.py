"""Feeding batches of sequences to a net: one of the engine's, or one of its competitors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rtrl_lstm import Learner, Spec
from rtrl_lstm.layout import Layout

from .counted import CountedNet, countable
from .loop import LoopNet, learn
from .plain import Plain, PlainNet
from .tasks import Array, Batch, Task

Net = Learner | LoopNet | CountedNet | PlainNet


class _OneHot:
    """A compressed sparse row matrix with a 1 in each row."""

    def __init__(self, symbols: Any, count: int) -> None:
        self.shape = (len(symbols), count)
        self.indptr = np.arange(len(symbols) + 1)
        self.indices = symbols
        self.data = np.ones(len(symbols), np.float32)


def inputs(learner: Learner, batch: Batch) -> Any:
    """The inputs of a batch as a learner takes them."""
    if batch.X is not None:
        return batch.X
    count = learner.spec.input_size
    if learner.spec.sparse_inputs:
        return _OneHot(batch.symbols, count)
    X = np.zeros((batch.rows, count), np.float32)
    X[np.arange(len(X)), batch.symbols] = 1.0
    return X


def targets(learner: Learner, batch: Batch) -> Array:
    """The targets of a batch as a learner takes them, NaN where a row has none."""
    Y: Array = batch.Y
    if learner.spec.loss == "cross_entropy":
        Y = np.argmax(Y, axis=1)[:, np.newaxis].astype(float)
    elif learner.spec.loss == "log_loss":  # which takes no others; noise may have taken them out
        Y = np.clip(Y, 0.0, 1.0)
    if not batch.late:
        return Y
    late = np.full((batch.rows, Y.shape[1]), np.nan)
    late[batch.ends] = Y
    return late


def run(net: Net, batch: Batch) -> Array:
    """Learn a batch; returns what was said at each row with a target, of the shape of Y."""
    if not isinstance(net, Learner):
        return net.run(batch)
    said = net.run(inputs(net, batch), targets(net, batch), reset=batch.begins)
    return said[batch.ends] if batch.late else said


def run_together(nets: Sequence[Net], batches: Sequence[Batch]) -> list[Array]:
    """As `run`, nets of one setting; those of the loop side by side."""
    looped = [net for net in nets if isinstance(net, LoopNet)]
    if len(looped) == len(nets):
        return learn(looped, batches)
    return [run(net, batch) for net, batch in zip(nets, batches, strict=True)]


def answers(net: Net, batch: Batch) -> Array:
    """What a net says to a batch, learning nothing."""
    if not isinstance(net, Learner):
        return net.answers(batch)
    said = net.frozen().run(inputs(net, batch), reset=batch.begins)
    return said[batch.ends] if batch.late else said


def errors(batch: Batch, said: Array, last: bool, over: Callable[..., Any] = np.max) -> Array:
    """(S,) the largest (or mean) absolute error of each sequence, over outputs and over rows with a
    target; last: of its last row only, from what the target was before any noise.

    What is no number is infinitely far off.
    """
    Y = batch.Y
    if last and not batch.late:
        said, Y = said[batch.ends], Y[batch.ends]
    if last and batch.clean is not None:
        Y = batch.clean[:, np.newaxis]
    off = said - Y
    off = over(np.abs(off, out=off), axis=1)
    off[np.isnan(off)] = np.inf
    return off if last or batch.late else np.maximum.reduceat(off, batch.starts)


def first(batch: Batch, count: int) -> Batch:
    """The first sequences of a batch."""
    rows = int(batch.ends[count - 1]) + 1
    by_row = {
        name: None if (values := getattr(batch, name)) is None else values[:rows]
        for name in ("X", "symbols", "legal")
    }
    clean = None if batch.clean is None else batch.clean[:count]
    Y = batch.Y[: count if batch.late else rows]
    return Batch(batch.starts[:count], Y, clean=clean, late=batch.late, **by_row)


def start(net: dict[str, Any] | Plain, task: Task, seed: int, loop: bool = False) -> Net:
    """A new net for a task; with `loop` outside of the engine, counted where that is possible."""
    if isinstance(net, Plain):
        return PlainNet(net, seed)
    learner = Learner(task.inputs, output_size=task.outputs, **{**net, "seed": seed})
    if not loop:
        return learner
    return CountedNet(learner) if countable(learner.spec) else LoopNet(learner)


def weights_of(net: dict[str, Any] | Plain, task: Task) -> int:
    """How many weights and biases a net has."""
    if isinstance(net, Plain):
        return net.weights
    options = {"hidden_size": 32, **net}
    spec = Spec(task.inputs, output_size=task.outputs, **options)
    fields = Layout(spec).fields
    return sum(math.prod(field.shape) for name, field in fields.items() if name.endswith(".weight"))
