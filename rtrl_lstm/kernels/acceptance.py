"""Which rows can be taken: numbers whose square is finite, and labels that the loss knows.

Everything is looked at before anything changes. What is wrong is found row by row, and only if one
pass over each array (`all_good`) says that there is something.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.slots import (
    CROSS_ENTROPY,
    LIMIT_FLOAT32,
    LIMIT_FLOAT64,
    LOG_LOSS,
    POISSON,
    T_FLOAT32,
    T_INPUTS,
    T_LOSS,
    T_OUTPUTS,
    T_TARGETS,
)


@inline
def _limit(table):
    """The greatest number that a learner takes: its square is finite, too."""
    return LIMIT_FLOAT32 if table[T_FLOAT32] != 0 else LIMIT_FLOAT64


@hot
def bad_label(table, y, first, weight):
    """0 if a label can be taken; -k - 1 if y[first + k] cannot; I + 1 if its weight cannot.

    A NaN in y is a label that is missing, which is well.
    """
    low, high = _label_bounds(table)
    for k in range(table[T_TARGETS]):
        if _is_wrong(table, y[first + k], low, high):
            return -k - 1
    if not (0.0 <= weight < math.inf):
        return table[T_INPUTS] + 1
    return 0


@inline
def _label_bounds(table):
    """The least and the greatest label that can be taken."""
    loss, limit = table[T_LOSS], _limit(table)
    if loss == CROSS_ENTROPY:
        return 0.0, table[T_OUTPUTS] - 1.0
    if loss == LOG_LOSS:
        return 0.0, 1.0
    return 0.0 if loss == POISSON else -limit, limit


@inline
def _is_wrong(table, label, low, high):
    """Whether a number is no label: not a missing one, and beyond the bounds, or half a class."""
    if label != label:
        return False
    return not low <= label <= high or (table[T_LOSS] == CROSS_ENTROPY and label != int(label))


@inline
def all_good(table, x, y, weight):
    """Whether all of the rows can be taken, in one pass over each array."""
    limit, (low, high), bad = _limit(table), _label_bounds(table), 0
    for k in range(x.size):
        bad += not abs(x[k]) <= limit
    for k in range(y.size):
        bad += _is_wrong(table, y[k], low, high)
    for k in range(weight.size):
        bad += not 0.0 <= weight[k] < math.inf
    return bad == 0


@hot
def bad_number(table, rows, t, first, count):
    """As `bad_label` for row t; k + 1 if x[k] of its `count` inputs x[first:] cannot be taken."""
    x, y, weight = rows[:3]
    limit = _limit(table)
    for k in range(count):
        if not abs(x[first + k]) <= limit:
            return k + 1
    return bad_label(table, y, t * table[T_TARGETS], weight[t])


@inline
def first_bad_row(table, rows, count):
    """The first of `count` rows that cannot be taken, from 1; 0: all can."""
    starts, listed = rows[5], rows[7] != 0
    for t in range(count):
        first, inputs = t * table[T_INPUTS], table[T_INPUTS]
        if listed:
            first, inputs = starts[t], starts[t + 1] - starts[t]
        if bad_number(table, rows, t, first, inputs) != 0:
            return t + 1
    return 0
