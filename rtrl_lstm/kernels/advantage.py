"""Two simple forecasts beside the mixture of all of them, until this proves better.

A mixture by past errors comes too late where who was best before is the worst next; and where there
is nothing to learn, whatever it hears beside the mean costs. So what is said is

    (A + f F + m M) / (1 + f + m)

where A is the mixture of `combination.py`, F the first input alone, the last value, and M the
target's running mean. Their odds f and m follow from how sure it is that A is the better one:

    odds at first * exp(-2 t^2) where t > 0, and odds at first * exp(t^2 / 2) where it is not

with 3/2 at first for F and 1/4 for M. The statistic is Diebold & Mariano's (1995) for whether one
forecast errs less than another, here A than B, F or M: t = S / sqrt(V), S the sum over labels of
d = |y - B| - |y - A|, and V that of its autocovariances, since forecasts h rows ahead err alike for
about h rows. That of lag k has weight (1 - 1/h)^k, so it takes one number to find it: with s the
sum of those d that fade with 1 - 1/h, V is the sum of d (2 s - d). Both sums fade, too, over h
thousand labels; and no d counts for more than three times their mean size: one label proves
nothing.

So in doubt A has 4/11, F 6/11 and M 1/11. Where t is 2 for both, A has all but a two-thousandth;
where it is -2 against one of them, this has most. As t grows with the root of the labels that are
remembered, whoever errs less in the long run is left alone. The odds are 0 before the first label,
and where the first input has no share of its own.
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
    REMEMBERS_DIFFERENCES,
    SIMPLE_ODDS,
    SURE_AGAINST,
    SURE_FOR,
    T_ADVANTAGE,
    T_EVERY_STEP,
    T_HORIZON,
)


@inline
def _place(table, output, simple):
    return table[T_ADVANTAGE] + ADVANTAGE_SIZE * (2 * output + simple)


@inline
def odds(head, table, output, simple):
    """What the first input, 0, or the mean, 1, counts for where the mixture counts for 1."""
    at = _place(table, output, simple)
    total, variance = head[at + DIFFERENCES_SUM], head[at + DIFFERENCES_VARIANCE]
    t = total / math.sqrt(variance) if variance > 0.0 else 0.0
    sure = SURE_FOR * t * t if t > 0.0 else -SURE_AGAINST * t * t
    sure = min(max(sure, -GREATEST_SURENESS), GREATEST_SURENESS)
    return SIMPLE_ODDS[simple] * math.exp(-sure)


@inline
def learn_advantage(head, table, output, simple, difference, labels):
    """How much less the mixture erred than that; `labels` there were, with this one."""
    at = _place(table, output, simple)
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
