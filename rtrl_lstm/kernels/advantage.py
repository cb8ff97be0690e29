"""The first input, the last value, beside the mixture of all forecasts: until this proves better.

A mixture by past errors comes too late where who was best before is the worst next. So what is said
is w B + (1 - w) A, where A is the mixture of `combination.py`, B the first input alone, and

    w = 1 / (1 + 2/3 exp(2 t^2)) where t > 0, and 1 / (1 + 2/3 exp(-t^2 / 2)) where it is not

The statistic is Diebold & Mariano's (1995) for whether one forecast errs less than another:
t = S / sqrt(V), S the sum over labels of d = |y - B| - |y - A|, and V that of its autocovariances,
since forecasts h rows ahead err alike for about h rows. That of lag k has weight (1 - 1/h)^k, so it
takes one number to find it: with s the sum of those d that fade with 1 - 1/h, V is the sum of
d (2 s - d). Both sums fade, too, over h thousand labels; and no d counts for more than three times
their mean size: one label proves nothing.

So in doubt w is 3/5; at t = 1 it is 1/6, at t = 2 a two-thousandth and at t = -2 11/12. As t grows
with the root of the labels that are remembered, whoever errs less in the long run is left alone. w
is 0 before the first label, and where the first input has no share of its own.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.slots import (
    ADVANTAGE_SIZE,
    DIFFERENCE_SIZE,
    DIFFERENCES_LATELY,
    DIFFERENCES_SUM,
    DIFFERENCES_VARIANCE,
    GREATEST_DIFFERENCE,
    GREATEST_SURENESS,
    ODDS_AT_FIRST,
    REMEMBERS_DIFFERENCES,
    SURE_AGAINST,
    SURE_FOR,
    T_ADVANTAGE,
    T_EVERY_STEP,
    T_HORIZON,
)


@inline
def _place(table, output):
    return table[T_ADVANTAGE] + ADVANTAGE_SIZE * output


@inline
def share_of_first(head, table, output):
    """w, what the first input counts for beside the mixture."""
    at = _place(table, output)
    total, variance = head[at + DIFFERENCES_SUM], head[at + DIFFERENCES_VARIANCE]
    t = total / math.sqrt(variance) if variance > 0.0 else 0.0
    sure = SURE_FOR * t * t if t > 0.0 else -SURE_AGAINST * t * t
    sure = min(max(sure, -GREATEST_SURENESS), GREATEST_SURENESS)
    return 1.0 / (1.0 + ODDS_AT_FIRST * math.exp(sure))


@inline
def learn_advantage(head, table, output, difference, labels):
    """How much less the mixture erred than the first input; `labels` there were, with this one."""
    at = _place(table, output)
    ahead = output + 1 if table[T_EVERY_STEP] != 0 else max(table[T_HORIZON], 1)
    fades = 1.0 / (REMEMBERS_DIFFERENCES * ahead)
    size = head[at + DIFFERENCE_SIZE]
    size += max(fades, 1.0 / labels) * (abs(difference) - size)
    bound = GREATEST_DIFFERENCE * size
    d = min(max(difference, -bound), bound)
    lately = (1.0 - 1.0 / ahead) * head[at + DIFFERENCES_LATELY] + d
    head[at + DIFFERENCE_SIZE] = size
    head[at + DIFFERENCES_LATELY] = lately
    head[at + DIFFERENCES_SUM] = (1.0 - fades) * head[at + DIFFERENCES_SUM] + d
    variance = (1.0 - fades) * head[at + DIFFERENCES_VARIANCE]
    head[at + DIFFERENCES_VARIANCE] = variance + d * (2.0 * lately - d)
