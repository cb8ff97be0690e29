"""What a readout says, and what a label makes of it.

`respond` turns the readout a (before its activation) into y_hat. `credit` turns y_hat's label into
dL/da, output by output; losses sum over outputs. Both work on a handful of numbers, in float64.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.scaling import target_mean, target_spread
from rtrl_lstm.kernels.slots import (
    ABSOLUTE_ERROR,
    CLIP_CREDIT,
    CROSS_ENTROPY,
    EXP,
    H_CLIP_LIMIT,
    H_DELTA,
    H_HUBER_DELTA,
    HUBER,
    LOG_LOSS,
    POISSON,
    QUANTILE,
    SIGMOID,
    SOFTMAX,
    T_ACTIVATION,
    T_CLIP,
    T_CREDIT_OUT,
    T_LOSS,
    T_OUT,
    T_OUTPUTS,
    T_QUANTILES,
)


@inline
def sigmoid(a):
    if a >= 0.0:
        return 1.0 / (1.0 + math.exp(-a))
    e = math.exp(a)
    return e / (1.0 + e)


@inline
def _softmax_parts(body, at, outputs):
    """The greatest readout, and the sum of exp(a - greatest)."""
    greatest = body[at]
    for o in range(1, outputs):
        greatest = max(greatest, body[at + o])
    total = 0.0
    for o in range(outputs):
        total += math.exp(float(body[at + o]) - greatest)
    return float(greatest), total


@inline
def write_probabilities(head, body, table, to):
    """What the readout says of each class, head[to:]: a softmax, or 0 and 1 behind a sigmoid."""
    at, outputs = table[T_OUT], table[T_OUTPUTS]
    if table[T_LOSS] == LOG_LOSS:
        head[to] = sigmoid(-float(body[at]))
        head[to + 1] = sigmoid(float(body[at]))
        return
    greatest, total = _softmax_parts(body, at, outputs)
    for o in range(outputs):
        head[to + o] = math.exp(float(body[at + o]) - greatest) / total


@hot
def respond(head, body, table, y_hat, to):
    """y_hat[to:] from the readout: activation, then the target's scale."""
    at, outputs, activation = table[T_OUT], table[T_OUTPUTS], table[T_ACTIVATION]
    if activation == SOFTMAX:
        greatest, total = _softmax_parts(body, at, outputs)
        for o in range(outputs):
            y_hat[to + o] = math.exp(float(body[at + o]) - greatest) / total
        return
    for o in range(outputs):
        a = float(body[at + o])
        if activation == SIGMOID:
            a = sigmoid(a)
        elif activation == EXP:
            a = math.exp(a)
        y_hat[to + o] = target_mean(head, table, o) + target_spread(head, table, o) * a


@inline
def _slope(head, table, o, a, y):
    """dL/da of output o for the label y, both in units of the scaled target."""
    loss = table[T_LOSS]
    if loss == POISSON:
        return math.exp(a) - y
    if loss == LOG_LOSS:
        return sigmoid(a) - y
    y_hat, inner = a, 1.0
    if table[T_ACTIVATION] == SIGMOID:
        y_hat = sigmoid(a)
        inner = y_hat * (1.0 - y_hat)
    error = y_hat - y
    if loss == ABSOLUTE_ERROR:
        error = _sign(error)
    elif loss == HUBER:
        delta = head[H_HUBER_DELTA]
        error = min(max(error, -delta), delta)
    elif loss == QUANTILE:
        level = head[table[T_QUANTILES] + o]
        error = 1.0 - level if error > 0.0 else (-level if error < 0.0 else 0.0)
    return error * inner


@inline
def _sign(number):
    return 1.0 if number > 0.0 else (-1.0 if number < 0.0 else 0.0)


@hot
def credit(head, body, table, y, first, weight):
    """Write dL/da for the label y[first:]; whether any output had a label.

    y is in the target's own unit, and NaN in it masks an output. The statistics of the target
    already hold y.
    """
    head[H_DELTA] = 0.0
    at, to = table[T_OUT], table[T_CREDIT_OUT]
    loss, outputs = table[T_LOSS], table[T_OUTPUTS]
    if loss == CROSS_ENTROPY:
        if math.isnan(y[first]):
            return False
        greatest, total = _softmax_parts(body, at, outputs)
        for o in range(outputs):
            probability = math.exp(float(body[at + o]) - greatest) / total
            _write_credit(head, body, table, to + o, weight * (probability - (o == int(y[first]))))
        return True
    any_label = False
    for o in range(outputs):
        label = y[first] if loss == QUANTILE else y[first + o]
        slope = 0.0
        if not math.isnan(label):
            any_label = True
            label = (label - target_mean(head, table, o)) / target_spread(head, table, o)
            slope = _slope(head, table, o, float(body[at + o]), label)
        _write_credit(head, body, table, to + o, weight * slope)
    return any_label


@inline
def _write_credit(head, body, table, at, slope):
    if table[T_CLIP] == CLIP_CREDIT:
        limit = head[H_CLIP_LIMIT]
        slope = min(max(slope, -limit), limit)
    body[at] = slope
    head[H_DELTA] += abs(slope)
