"""Feeding batches of sequences to a learner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rtrl_lstm import Learner

from .tasks import Array, Batch


class _OneHot:
    """A compressed sparse row matrix with a 1 in each row."""

    def __init__(self, symbols: Any, count: int) -> None:
        self.shape = (len(symbols), count)
        self.indptr = np.arange(len(symbols) + 1)
        self.indices = symbols
        self.data = np.ones(len(symbols), np.float32)


def _rows(learner: Learner, batch: Batch) -> Any:
    if batch.X is not None:
        return batch.X
    count = learner.spec.input_size
    if learner.spec.sparse_inputs:
        return _OneHot(batch.symbols, count)
    X = np.zeros((len(batch.Y), count), np.float32)
    X[np.arange(len(X)), batch.symbols] = 1.0
    return X


def run(learner: Learner, batch: Batch) -> Array:
    """Learn a batch; returns what was said at each row, (R, O)."""
    Y: Array = batch.Y
    if learner.spec.loss == "cross_entropy":
        missing = np.isnan(Y[:, :1])
        Y = np.where(missing, np.nan, np.argmax(np.nan_to_num(Y), axis=1)[:, np.newaxis])
    return learner.run(_rows(learner, batch), Y, reset=batch.begins)


def answers(learner: Learner, batch: Batch) -> Array:
    """What a learner says to a batch, learning nothing."""
    return learner.frozen().run(_rows(learner, batch), reset=batch.begins)


def errors(batch: Batch, said: Array, last: bool, over: Callable[..., Any] = np.max) -> Array:
    """(S,) the largest (or mean) absolute error of each sequence, over outputs and over rows with a
    target; last: of its last row only. What is no number is infinitely far off."""
    off = np.abs(said - batch.Y)
    off[np.isnan(off) & ~np.isnan(batch.Y)] = np.inf
    if last:
        return np.asarray(over(off[batch.ends], axis=1))
    return np.maximum.reduceat(np.nan_to_num(over(off, axis=1), posinf=np.inf), batch.starts)


def first(batch: Batch, count: int) -> Batch:
    """The first sequences of a batch."""
    rows = int(batch.ends[count - 1]) + 1
    by_row = {
        name: None if (values := getattr(batch, name)) is None else values[:rows]
        for name in ("X", "symbols", "legal")
    }
    clean = None if batch.clean is None else batch.clean[:count]
    return Batch(batch.starts[:count], batch.Y[:rows], clean=clean, **by_row)
