"""Sweeps over one vector of lanes of a row of weights, source by source.

A row of weights W (lanes x sources) and its traces E lie as [vector of lanes][source][lane]. For
one vector of lanes, with sources u of the step that is being learned and u_next of the step that
comes, a sweep does, for each source d:

    E[d] = decay E[d] + inject u[d]              trace
    g    = gain E[d]          (traced row)       gradient; gain  = dL/dh dh/ds
    g    = gain u[d]          (row without)                gain  = dL/dh dh/dz
    W[d] = optimiser(W[d], g)                    update
    z   += W[d] u_next[d]                        projection of the step that comes

so that weights and traces are read and written once per step. Coefficients are vectors, which stay
in registers. Even and odd sources are summed apart (two chains of additions hide each other's
latency), in every sweep alike: what a projection gives never depends on which sweep made it.

Arguments that name places: `row` is the row's part of the table, `at` the number of numbers before
this vector of lanes in each of the row's arrays, `u` and `u_next` places in the body.
"""

from __future__ import annotations

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.lanes import clamp, const, fma, load, spread, store, width
from rtrl_lstm.kernels.optimisers import (
    any_optimiser,
    by_optimiser,
    optimiser_numbers,
    optimiser_of,
)
from rtrl_lstm.kernels.slots import (
    R_COUNT,
    R_FIRST,
    R_MOMENT1,
    R_MOMENT2,
    R_SUM,
    R_TRACE,
    R_WEIGHT,
)


@inline
def project(body, table, row, at, u):
    """z = sum over d of W[d] u[d]."""
    count, step = table[row + R_COUNT], width(body)
    weight, u = table[row + R_WEIGHT] + at, u + table[row + R_FIRST]
    even = odd = const(load(body, u), 0.0)
    for d in range(0, count - 1, 2):
        even = fma(load(body, weight), spread(body, u + d), even)
        odd = fma(load(body, weight + step), spread(body, u + d + 1), odd)
        weight += 2 * step
    if count & 1:
        even = fma(load(body, weight), spread(body, u + count - 1), even)
    return even + odd


@inline
def _trace(body, trace, decay, inject, u):
    e = fma(decay, load(body, trace), inject * spread(body, u))
    store(body, trace, e)
    return e


@inline
def trace(body, table, row, at, u, u_next, decay, inject):
    """Traces only; returns the projection."""
    count, step = table[row + R_COUNT], width(body)
    place, u = table[row + R_TRACE] + at, u + table[row + R_FIRST]
    for d in range(count):
        _trace(body, place + d * step, decay, inject, u + d)
    return project(body, table, row, at, u_next)


def make_learn_traced(rule):
    """Traces, update; returns the projection."""

    @inline
    def learn_traced(optimiser, body, table, row, at, u, u_next, decay, inject, gain, numbers):
        count, step = table[row + R_COUNT], width(body)
        u, u_next = u + table[row + R_FIRST], u_next + table[row + R_FIRST]
        place, weight = table[row + R_TRACE] + at, table[row + R_WEIGHT] + at
        moment1, moment2 = table[row + R_MOMENT1] + at, table[row + R_MOMENT2] + at
        summed = table[row + R_SUM] + at
        even = odd = const(gain, 0.0)
        for d in range(0, count - 1, 2):
            k = d * step
            g = gain * _trace(body, place + k, decay, inject, u + d)
            w = rule(optimiser, body, weight + k, moment1 + k, moment2 + k, summed + k, g, numbers)
            even = fma(w, spread(body, u_next + d), even)
            k += step
            g = gain * _trace(body, place + k, decay, inject, u + d + 1)
            w = rule(optimiser, body, weight + k, moment1 + k, moment2 + k, summed + k, g, numbers)
            odd = fma(w, spread(body, u_next + d + 1), odd)
        if count & 1:
            k = (count - 1) * step
            g = gain * _trace(body, place + k, decay, inject, u + count - 1)
            w = rule(optimiser, body, weight + k, moment1 + k, moment2 + k, summed + k, g, numbers)
            even = fma(w, spread(body, u_next + count - 1), even)
        return even + odd

    return learn_traced


def make_learn_direct(rule):
    """Update of a row without traces; returns the projection."""

    @inline
    def learn_direct(optimiser, body, table, row, at, u, u_next, gain, numbers):
        count, step = table[row + R_COUNT], width(body)
        u, u_next = u + table[row + R_FIRST], u_next + table[row + R_FIRST]
        weight = table[row + R_WEIGHT] + at
        moment1, moment2 = table[row + R_MOMENT1] + at, table[row + R_MOMENT2] + at
        summed = table[row + R_SUM] + at
        even = odd = const(gain, 0.0)
        for d in range(0, count - 1, 2):
            k = d * step
            g = gain * spread(body, u + d)
            w = rule(optimiser, body, weight + k, moment1 + k, moment2 + k, summed + k, g, numbers)
            even = fma(w, spread(body, u_next + d), even)
            k += step
            g = gain * spread(body, u + d + 1)
            w = rule(optimiser, body, weight + k, moment1 + k, moment2 + k, summed + k, g, numbers)
            odd = fma(w, spread(body, u_next + d + 1), odd)
        if count & 1:
            k = (count - 1) * step
            g = gain * spread(body, u + count - 1)
            w = rule(optimiser, body, weight + k, moment1 + k, moment2 + k, summed + k, g, numbers)
            even = fma(w, spread(body, u_next + count - 1), even)
        return even + odd

    return learn_direct


@inline
def settle(head, body, table, row, at, scale, low, high):
    """Apply the sum of gradients, scaled and cut to [low, high]; the sum starts at zero again."""
    count, step = table[row + R_COUNT], width(body)
    weight, summed = table[row + R_WEIGHT] + at, table[row + R_SUM] + at
    moment1, moment2 = table[row + R_MOMENT1] + at, table[row + R_MOMENT2] + at
    optimiser, numbers = optimiser_of(table, False), optimiser_numbers(head, scale)
    for d in range(count):
        k = d * step
        g = clamp(load(body, summed + k) * scale, low, high)
        places = (weight + k, moment1 + k, moment2 + k, summed + k)
        any_optimiser(optimiser, body, *places, g, numbers)
        store(body, summed + k, const(g, 0.0))


@inline
def learn_own(head, body, table, gathering, row, k, g):
    """Update of a vector of diagonal weights, whose gradient is g."""
    weight, summed = table[row + R_WEIGHT] + k, table[row + R_SUM] + k
    moment1, moment2 = table[row + R_MOMENT1] + k, table[row + R_MOMENT2] + k
    optimiser, numbers = optimiser_of(table, gathering), optimiser_numbers(head, g)
    any_optimiser(optimiser, body, weight, moment1, moment2, summed, g, numbers)


@inline
def square_sum(body, table, row, at):
    """Lanewise sum of the squares of the summed gradients."""
    count, step = table[row + R_COUNT], width(body)
    summed = table[row + R_SUM] + at
    squares = const(load(body, summed), 0.0)
    for d in range(count):
        g = load(body, summed + d * step)
        squares = fma(g, g, squares)
    return squares


learn_traced = by_optimiser(make_learn_traced)
learn_direct = by_optimiser(make_learn_direct)
