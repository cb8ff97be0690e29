"""Feeding batches of sequences to a net: one of the engine's, or one of its competitors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rtrl_lstm import Learner, Spec
from rtrl_lstm.layout import Layout

from .loop import LoopNet
from .plain import Plain, PlainNet
from .tasks import Array, Batch, Task

Net = Learner | LoopNet | PlainNet


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
    X = np.zeros((len(batch.Y), count), np.float32)
    X[np.arange(len(X)), batch.symbols] = 1.0
    return X


def run(net: Net, batch: Batch) -> Array:
    """Learn a batch; returns what was said at each row, (R, O)."""
    if not isinstance(net, Learner):
        return net.run(batch)
    Y: Array = batch.Y
    if net.spec.loss == "cross_entropy":
        missing = np.isnan(Y[:, :1])
        Y = np.where(missing, np.nan, np.argmax(np.nan_to_num(Y), axis=1)[:, np.newaxis])
    return net.run(inputs(net, batch), Y, reset=batch.begins)


def answers(net: Net, batch: Batch) -> Array:
    """What a net says to a batch, learning nothing."""
    if not isinstance(net, Learner):
        return net.answers(batch)
    return net.frozen().run(inputs(net, batch), reset=batch.begins)


def errors(batch: Batch, said: Array, last: bool, over: Callable[..., Any] = np.max) -> Array:
    """(S,) the largest (or mean) absolute error of each sequence, over outputs and over rows with a
    target; last: of its last row only, from what the target was before any noise.

    What is no number is infinitely far off.
    """
    if last:
        ends = batch.ends
        wanted = batch.Y[ends] if batch.clean is None else batch.clean[:, np.newaxis]
        off = over(np.abs(said[ends] - wanted), axis=1)
        return np.asarray(np.where(np.isnan(off), np.inf, off))
    off = over(np.abs(said - batch.Y), axis=1)
    off[np.isnan(off)] = np.inf
    off[np.isnan(batch.Y[:, 0])] = 0.0
    return np.maximum.reduceat(off, batch.starts)


def first(batch: Batch, count: int) -> Batch:
    """The first sequences of a batch."""
    rows = int(batch.ends[count - 1]) + 1
    by_row = {
        name: None if (values := getattr(batch, name)) is None else values[:rows]
        for name in ("X", "symbols", "legal")
    }
    clean = None if batch.clean is None else batch.clean[:count]
    return Batch(batch.starts[:count], batch.Y[:rows], clean=clean, **by_row)


def start(net: dict[str, Any] | Plain, task: Task, seed: int, loop: bool = False) -> Net:
    """A new net for a task; with `loop` in the loop of its own."""
    if isinstance(net, Plain):
        return PlainNet(net, seed)
    learner = Learner(task.inputs, output_size=task.outputs, **{**net, "seed": seed})
    return LoopNet(learner) if loop else learner


def weights_of(net: dict[str, Any] | Plain, task: Task) -> int:
    """How many weights and biases a net has."""
    if isinstance(net, Plain):
        return net.weights
    options = {"hidden_size": 32, **net}
    spec = Spec(task.inputs, output_size=task.outputs, **options)
    fields = Layout(spec).fields
    return sum(math.prod(field.shape) for name, field in fields.items() if name.endswith(".weight"))
