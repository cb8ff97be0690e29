"""Optimiser rules on a vector of lanes.

Each takes the optimiser's code, the body, the places of a weight vector, of its two moments and of
its gradient sum, the gradient g and the optimiser's numbers, brings the moments up to date, stores
the new weight and returns it. `numbers` is (step size, correction, a, b, c, shrink): a, b, c in the
order of `spec`'s dataclasses, Adam's bias corrections in the first two, AdamW's rate times weight
decay in the last.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.lanes import const, fma, load, sqrt, store
from rtrl_lstm.kernels.slots import (
    ADAM,
    ADAMW,
    EXPONENTIAL,
    GATHER,
    H_CORRECTION,
    H_HYPER,
    H_POWER1,
    H_POWER2,
    H_RATE,
    H_SCHEDULE,
    H_SCHEDULE_START,
    H_SHRINK,
    H_STEP_SIZE,
    H_UPDATES,
    H_WARMUP,
    INVERSE_TIME,
    LINEAR,
    MOMENTUM,
    OBGD,
    RMSPROP,
    SGD,
    T_OPTIMIZER,
    T_SCHEDULE,
)


@inline
def optimiser_numbers(head, like):
    """The optimiser's numbers for the pending update, each spread over the lanes of `like`."""
    return (
        const(like, head[H_STEP_SIZE]),
        const(like, head[H_CORRECTION]),
        const(like, head[H_HYPER]),
        const(like, head[H_HYPER + 1]),
        const(like, head[H_HYPER + 2]),
        const(like, head[H_SHRINK]),
    )


@inline
def sgd(optimiser, body, weight, moment1, moment2, summed, g, numbers):
    """Plain descent, which has a compilation of its own: little else is as fast as memory."""
    w = load(body, weight) - numbers[0] * g
    store(body, weight, w)
    return w


@inline
def any_optimiser(optimiser, body, weight, moment1, moment2, summed, g, numbers):
    """Whichever it is; the question costs nothing beside roots and quotients.

    GATHER is not yet an update: g joins the sum of gradients, and the weight stays.
    """
    step, correction, a, b, c, shrink = numbers
    one, w = const(g, 1.0), load(body, weight)
    if optimiser == ADAM or optimiser == ADAMW:  # noqa: SIM109, `in` builds a tuple here
        if optimiser == ADAMW:
            w = w - shrink * w
        m = _average(body, moment1, one - a, g)
        v = _average(body, moment2, one - b, g * g)
        w = w - step * (m / fma(sqrt(v), correction, c))
    elif optimiser == GATHER:
        store(body, summed, load(body, summed) + g)
    elif optimiser == SGD or optimiser == OBGD:  # noqa: SIM109, `in` builds a tuple here
        w = w - step * g
    elif optimiser == MOMENTUM:
        m = fma(a, load(body, moment1), g)
        store(body, moment1, m)
        w = w - step * m
    elif optimiser == RMSPROP:
        v = _average(body, moment1, one - a, g * g)
        w = w - step * (g / (sqrt(v) + b))
    else:  # AdaGrad
        v = fma(g, g, load(body, moment1))
        store(body, moment1, v)
        w = w - step * (g / (sqrt(v) + a))
    store(body, weight, w)
    return w


@inline
def _average(body, moment, share, value):
    """Let a running average move by `share` of the way to `value`."""
    average = load(body, moment)
    average = fma(share, value - average, average)
    store(body, moment, average)
    return average


@inline
def _scheduled(head, schedule, t):
    """The factor of the rate at step t, from 0, of a schedule: see `rtrl_lstm/optimizers.py`."""
    a, b = head[H_SCHEDULE], head[H_SCHEDULE + 1]
    if schedule == EXPONENTIAL:
        factor = a**t
    elif schedule == INVERSE_TIME:
        factor = (1.0 + t / a) ** -b
    else:
        done = min(t / a, 1.0)
        left = 1.0 - done if schedule == LINEAR else 0.5 * (1.0 + math.cos(math.pi * done))
        factor = b + (1.0 - b) * left
    return factor * min(1.0, (t + 1.0) / max(head[H_WARMUP], 1.0))


@hot
def begin_update(head, table):
    """Count an optimiser step and work out its numbers."""
    rate, optimiser = head[H_RATE], table[T_OPTIMIZER]
    if table[T_SCHEDULE] != 0:
        rate *= _scheduled(head, table[T_SCHEDULE], head[H_UPDATES] - head[H_SCHEDULE_START])
    head[H_UPDATES] += 1.0
    head[H_STEP_SIZE] = rate
    if optimiser == ADAM or optimiser == ADAMW:  # noqa: SIM109, `in` would be compiled apart
        head[H_POWER1] *= head[H_HYPER]
        head[H_POWER2] *= head[H_HYPER + 1]
        head[H_STEP_SIZE] = rate / (1.0 - head[H_POWER1])
        head[H_CORRECTION] = 1.0 / math.sqrt(1.0 - head[H_POWER2])
        head[H_SHRINK] = rate * head[H_HYPER + 3]


@inline
def optimiser_of(table, gathering):
    """The code of the rule for a gradient that has just been found, or (not gathering) summed."""
    return GATHER if gathering else table[T_OPTIMIZER]
