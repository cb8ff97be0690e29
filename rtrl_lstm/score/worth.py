"""What each column is worth to a model: how much worse its forecasts get without it.

Permutation importance (Breiman 2001), over the rows that a `History` keeps: the model as it now
stands forecasts them again, once as they were and once for each column with that column's inputs
exchanged between rows, learning nothing. It begins with the state it has; the first quarter of
the rows brings that up to them and is not scored. The model has learned from these very rows, so
that this says what it relies on, not what a column would be worth to a model without it.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.score.history import History
from rtrl_lstm.score.tallies import LEAST_PROBABILITY

if TYPE_CHECKING:
    from rtrl_lstm.models.model import Model

LEAST_ROWS = 64


class Worth(NamedTuple):
    """A column, and the mean loss with it and without it.

    The loss is the absolute error of a number, the log loss of a label.
    """

    column: str
    loss: float
    without: float


def worth_of_columns(model: Model, history: History) -> list[Worth]:
    """What each column is worth, the most important first; empty where there are too few rows."""
    learner = model.learner
    inputs, labels, resets = history.stretch()
    if learner is None or len(inputs) < LEAST_ROWS + model.schema.horizon:
        return []
    frozen = learner.frozen()
    # In float64, as a Model hands rows on: for float32 the kernel would have to be compiled anew.
    X = np.zeros((len(inputs), learner.spec.input_size))
    X[:, : inputs.shape[1]] = inputs
    order = np.random.default_rng(0).permutation(len(X))
    columns = model.schema.input_columns

    def loss(rows: Array) -> float:
        outputs = copy.copy(frozen).run(rows, reset=resets)
        return _mean_loss(outputs, labels, resets, model)

    whole = loss(X)
    found = []
    for column in dict.fromkeys(columns):
        places = [k for k, name in enumerate(columns) if name == column]
        mixed = X.copy()
        mixed[:, places] = X[order][:, places]
        found.append(Worth(column, whole, loss(mixed)))
    return sorted(found, key=lambda worth: -worth.without) if np.isfinite(whole) else []


def _mean_loss(outputs: Array, labels: Array, resets: Array, model: Model) -> float:
    """Of the forecasts whose label is known and in the same sequence; NaN if there is none."""
    horizon, sequence = model.schema.horizon, np.cumsum(resets)
    origins = np.arange(len(labels) // 4, len(labels) - horizon)
    truths = origins + horizon
    counts = ~np.isnan(labels[truths]) & (sequence[truths] == sequence[origins])
    if not counts.any():
        return float("nan")
    said, true = outputs[origins[counts]].astype(np.float64), labels[truths[counts]]
    task = model.schema.task
    if task == "regression":
        return float(np.mean(np.abs(said[:, 0] - true)))
    if task == "binary":
        given = np.where(true > 0.5, said[:, 0], 1.0 - said[:, 0])
    else:
        given = said[np.arange(len(said)), true.astype(np.intp)]
    return float(np.mean(-np.log(np.maximum(given, LEAST_PROBABILITY))))
