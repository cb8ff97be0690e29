"""The network's forecast combined with others, by recursive least squares.

Some inputs are forecasts of the target by themselves: its last value, its value a season ago. The
combination is the linear one, over [1, the network's forecast, those inputs], that would have been
best for the labels so far, where a label's importance decays by `FORGETTING` with each one that
follows (Bates & Granger 1969 on combining; Haykin, Adaptive Filter Theory, on the recursion). So a
learner that has learned nothing yet is as good as the best simple forecast, and it stays so on a
stream where there is nothing to learn. All numbers but the 1 enter standardised by the target's
running mean and spread. Everything here is float64 and lies in the head.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.scaling import target_mean, target_spread
from rtrl_lstm.kernels.slots import (
    CLIP_CREDIT,
    FORGETTING,
    GREATEST_COVARIANCE,
    H_CLIP_LIMIT,
    T_CLIP,
    T_COMBINATION,
    T_COMBINED,
    T_COMBINED_INPUTS,
    T_COMBINED_RING,
    T_COVARIANCE,
    T_HORIZON,
    T_REACH,
    T_TARGET_COUNT,
)


@inline
def _slot(head, table, row):
    """Where the numbers combined at a row are kept."""
    return table[T_COMBINED_RING] + row % max(table[T_HORIZON], 1) * table[T_COMBINED]


@inline
def _standardised(head, table, value):
    return (value - target_mean(head, table, 0)) / target_spread(head, table, 0)


@inline
def combine(head, table, row, x, first, y_net):
    """The combined forecast of a row; what went into it is kept for its label.

    Before the first label there is no scale on which the network could say anything: NaN is kept.
    """
    term, inputs = _slot(head, table, row), table[T_COMBINED_INPUTS]
    weights = table[T_COMBINATION]
    head[term] = 1.0 if head[table[T_TARGET_COUNT]] > 0.0 else math.nan
    head[term + 1] = y_net
    for k in range(2, table[T_COMBINED]):
        head[term + k] = x[first + table[inputs + k - 2]]
    combined = head[weights]
    for k in range(1, table[T_COMBINED]):
        combined += head[weights + k] * _standardised(head, table, head[term + k])
    return target_mean(head, table, 0) + target_spread(head, table, 0) * combined


@inline
def learn_combination(head, table, row, label, weight):
    """The label of the row whose forecast was combined: one step of least squares.

    With u the row's terms: w += P u error / r, P = (P - P u (P u)' / r) / forgetting, where
    r = forgetting / weight + u' P u. The trace of P is bounded: terms that do not move teach
    nothing, and must not wind it up.
    """
    if table[T_COMBINED] == 0 or math.isnan(label) or weight == 0.0:
        return
    size, u, reach = table[T_COMBINED], _slot(head, table, row), table[T_REACH]
    weights, covariance = table[T_COMBINATION], table[T_COVARIANCE]
    if math.isnan(head[u]):  # too early, or combined nothing: the learner has grown since
        return
    for k in range(1, size):
        # A term that has come up since is 0 here, so that nothing is learned about it.
        term = _standardised(head, table, head[u + k])
        head[u + k] = 0.0 if math.isnan(term) else term
    error, uncertainty = _standardised(head, table, label), 0.0
    for i in range(size):
        head[reach + i] = 0.0
        for j in range(size):
            head[reach + i] += head[covariance + i * size + j] * head[u + j]
        error -= head[weights + i] * head[u + i]
        uncertainty += head[u + i] * head[reach + i]
    if table[T_CLIP] == CLIP_CREDIT:
        error = min(max(error, -head[H_CLIP_LIMIT]), head[H_CLIP_LIMIT])
    scale, trace = 1.0 / (FORGETTING / weight + uncertainty), 0.0
    for i in range(size):
        head[weights + i] += error * scale * head[reach + i]
        for j in range(size):
            at = covariance + i * size + j
            # In this order i and j may change places without changing a bit: P stays symmetric.
            # What is not symmetric in it would grow by 1 / forgetting with every label.
            outer = head[reach + i] * head[reach + j]
            head[at] = (head[at] - scale * outer) / FORGETTING
        trace += head[covariance + i * size + i]
    if trace > GREATEST_COVARIANCE:
        for k in range(size * size):
            head[covariance + k] *= GREATEST_COVARIANCE / trace
