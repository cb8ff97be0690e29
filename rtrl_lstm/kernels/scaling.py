"""Running mean and spread of inputs and targets, in float64 (Welford 1962).

A number joins the statistics before it is scaled by them: after n numbers a scaled one is at most
sqrt(n - 1), so that the first rows of a stream, whatever their unit, cannot throw a learner off.
The spread is the population standard deviation; a constant input is scaled to 0, and a target of
no spread by 1.

An input that no sensor ever measured must not spoil the scale for ever. Once `SETTLED` numbers have
set it, one farther from the mean than

    limit = FARTHEST * max(spread, |mean|, 1)

joins as the number at that distance, and that is what the network sees. A single one so multiplies
the variance by no more than 1 + FARTHEST^2 / n beside what mean and 1 allow; where a stream has
really moved, the limit grows with each row, by such a factor, and the scale follows: over 10 times
the limit within n / 200 rows. Of numbers that keep to a distribution, at most one in FARTHEST^2 is
that far away (Chebyshev), whatever it is.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.slots import (
    AS_IS,
    H_FROZEN,
    QUANTILE,
    T_EVERY_STEP,
    T_INPUT_COUNT,
    T_INPUT_M2,
    T_INPUT_MEAN,
    T_INPUTS,
    T_LOSS,
    T_SCALE_TARGET,
    T_SCALED,
    T_TARGET_COUNT,
    T_TARGET_M2,
    T_TARGET_MEAN,
    T_TARGETS,
    UNSEEN,
)
from rtrl_lstm.kernels.words import FARTHEST, SETTLED


@inline
def _bounded(value, count, mean, m2):
    """A number as it joins `count` others, at most at the limit's distance."""
    away = abs(value - mean)
    far = FARTHEST * max(abs(mean), 1.0)
    if count < SETTLED or away <= far or away * away * count <= FARTHEST * FARTHEST * m2:
        return value
    limit = max(FARTHEST * math.sqrt(m2 / count), far)
    return min(max(value, mean - limit), mean + limit)


@hot
def scale_inputs(head, body, table, x, first, at):
    """Put of the row x[first:] what the network sees, as it is to see it, at `at` in the body."""
    count_at, mean_at, m2_at = table[T_INPUT_COUNT], table[T_INPUT_MEAN], table[T_INPUT_M2]
    scaled, frozen = table[T_SCALED], head[H_FROZEN] != 0.0
    for k in range(table[T_INPUTS]):
        if table[scaled + k] == UNSEEN:
            continue
        if table[scaled + k] == AS_IS:
            body[at] = x[first + k]
        else:
            value = float(x[first + k])
            if not frozen:
                value = _bounded(value, head[count_at + k], head[mean_at + k], head[m2_at + k])
                head[count_at + k] += 1.0
                step = value - head[mean_at + k]
                head[mean_at + k] += step / head[count_at + k]
                head[m2_at + k] += step * (value - head[mean_at + k])
            m2 = head[m2_at + k]
            centred = value - head[mean_at + k]
            body[at] = centred / math.sqrt(m2 / head[count_at + k]) if m2 > 0.0 else 0.0
        at += 1


@hot
def observe_target(head, table, y, first):
    """Let the label y[first:] join the target's statistics; NaN leaves them as they are.

    Where it is the targets of several rows, all outputs are scaled by that of the last one.
    """
    if table[T_SCALE_TARGET] == 0:
        return
    count, mean, m2 = table[T_TARGET_COUNT], table[T_TARGET_MEAN], table[T_TARGET_M2]
    for o in range(table[T_TARGETS]):
        value = y[first + (table[T_TARGETS] - 1 if table[T_EVERY_STEP] != 0 else o)]
        if not math.isnan(value):
            head[count + o] += 1.0
            step = value - head[mean + o]
            head[mean + o] += step / head[count + o]
            head[m2 + o] += step * (value - head[mean + o])


@inline
def _target_of(table, o):
    """Which target output o speaks of: all quantiles speak of the one."""
    return 0 if table[T_LOSS] == QUANTILE else o


@inline
def target_mean(head, table, o):
    if table[T_SCALE_TARGET] == 0:
        return 0.0
    return head[table[T_TARGET_MEAN] + _target_of(table, o)]


@inline
def target_spread(head, table, o):
    if table[T_SCALE_TARGET] == 0:
        return 1.0
    k = _target_of(table, o)
    m2 = head[table[T_TARGET_M2] + k]
    return math.sqrt(m2 / head[table[T_TARGET_COUNT] + k]) if m2 > 0.0 else 1.0
