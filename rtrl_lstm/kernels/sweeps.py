"""Sweeps over one vector of lanes of a row of weights, source by source.

A row of weights W (lanes x sources) and its traces E lie as [vector of lanes][source][lane]. For
one vector of lanes, with sources u of the step that is being learned and u_next of the step that
comes, a sweep does, for each source d:

    E[d] = decay E[d] + inject u[d]              trace
    g    = gain E[d]          (traced row)       gradient; gain  = dL/dm dm/ds
    g    = gain u[d]          (row without)                gain  = dL/dm dm/dz
    W[d] = optimiser(W[d], g)                    update
    z   += W[d] u_next[d]                        projection of the step that comes

so that weights and traces are read and written once per step. Coefficients are vectors, which stay
in registers. Even and odd sources are summed apart (two chains of additions hide each other's
latency), in every sweep alike: what a projection gives never depends on which sweep made it.

Plain descent has sweeps of its own, because little else is as fast as memory. Every other
optimiser, and every other kind of row, goes through `learn_any`, which asks at run time: the
question costs nothing beside roots and quotients, and each answer compiled apart would cost a
second of the first start.

Arguments that name places: `row` is the row's part of the table, `at` the number of numbers before
this vector of lanes in each of the row's arrays, `u` and `u_next` places in the body.
"""

from __future__ import annotations

from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.lanes import (
    absolute,
    clamp,
    const,
    first_half,
    fma,
    in_pairs,
    load,
    pair,
    second_half,
    spread,
    spread_pair,
    store,
    width,
)
from rtrl_lstm.kernels.optimisers import any_optimiser, optimiser_numbers, optimiser_of
from rtrl_lstm.kernels.slots import (
    DIRECT,
    H_PENDING,
    H_STEP_SIZE,
    L_BLOCK_LANES,
    L_CELL_CREDIT,
    L_FIRST_ROW,
    L_LANES,
    L_NOW,
    R_COUNT,
    R_FIRST,
    R_GATE,
    R_GROUPS,
    R_KIND,
    R_LANES,
    R_MOMENT1,
    R_MOMENT2,
    R_OWN,
    R_SIZE,
    R_SUM,
    R_TRACE,
    R_TRACED,
    R_WEIGHT,
    S_DECAY,
    S_DH_DS,
    S_PUSH,
    S_SNAP,
    SHARED,
    TRACED,
    WEIGHTS_ONLY,
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
def _trace(body, trace, decay, inject, source):
    e = fma(decay, load(body, trace), inject * source)
    store(body, trace, e)
    return e


@inline
def trace(body, table, row, at, u, u_next, decay, inject):
    """Traces only; returns the projection."""
    count, step = table[row + R_COUNT], width(body)
    place, u = table[row + R_TRACE] + at, u + table[row + R_FIRST]
    for d in range(count):
        _trace(body, place + d * step, decay, inject, spread(body, u + d))
    return project(body, table, row, at, u_next)


@inline
def _descend(body, weight, pace, slope):
    """Plain descent. pace is minus the rate times the gain: a weight takes one operation."""
    w = fma(pace, slope, load(body, weight))
    store(body, weight, w)
    return w


@inline
def pace_of(head, gain):
    return const(gain, -head[H_STEP_SIZE]) * gain


@inline
def _learn_source(body, trace, weight, decay, inject, pace, source, following, z):
    """One source of a traced row, all of it; returns the projection so far."""
    w = _descend(body, weight, pace, _trace(body, trace, decay, inject, source))
    return fma(w, following, z)


@inline
def descend_traced(head, body, table, row, at, u, u_next, decay, inject, gain):
    """Traces, and an update by plain descent; returns the projection."""
    count, step = table[row + R_COUNT], width(body)
    u, u_next = u + table[row + R_FIRST], u_next + table[row + R_FIRST]
    place, weight = table[row + R_TRACE] + at, table[row + R_WEIGHT] + at
    numbers = (decay, inject, pace_of(head, gain))
    even = odd = const(gain, 0.0)
    for d in range(0, count - 1, 2):
        source, following = spread(body, u + d), spread(body, u_next + d)
        even = _learn_source(body, place, weight, *numbers, source, following, even)
        source, following = spread(body, u + d + 1), spread(body, u_next + d + 1)
        odd = _learn_source(body, place + step, weight + step, *numbers, source, following, odd)
        place += 2 * step
        weight += 2 * step
    if count & 1:
        source, following = spread(body, u + count - 1), spread(body, u_next + count - 1)
        even = _learn_source(body, place, weight, *numbers, source, following, even)
    return even + odd


@inline
def descend_direct(head, body, table, row, at, u, u_next, gain):
    """Update by plain descent of a row without traces; returns the projection."""
    count, step = table[row + R_COUNT], width(body)
    u, u_next = u + table[row + R_FIRST], u_next + table[row + R_FIRST]
    weight, pace = table[row + R_WEIGHT] + at, pace_of(head, gain)
    even = odd = const(gain, 0.0)
    for d in range(0, count - 1, 2):
        w = _descend(body, weight, pace, spread(body, u + d))
        even = fma(w, spread(body, u_next + d), even)
        w = _descend(body, weight + step, pace, spread(body, u + d + 1))
        odd = fma(w, spread(body, u_next + d + 1), odd)
        weight += 2 * step
    if count & 1:
        w = _descend(body, weight, pace, spread(body, u + count - 1))
        even = fma(w, spread(body, u_next + count - 1), even)
    return even + odd


@inline
def _learn_direct_source(body, weight, pace, source, following, z):
    """The same of a row without traces."""
    return fma(_descend(body, weight, pace, source), following, z)


def make_gates(traced, direct):
    """One source of the rows of i, f, g and o, with what is done to it in a traced row and in one
    without."""

    @inline
    def gates(body, at, traces, weights, coefficients, source, following, z):
        """Returns the four projections so far."""
        decay, inject_i, inject_f, inject_g, pace, pace_o = coefficients
        i, f, g, o = z
        e_i, e_f, e_g = traces
        w_i, w_f, w_g, w_o = weights
        i = traced(body, e_i + at, w_i + at, decay, inject_i, pace, source, following, i)
        f = traced(body, e_f + at, w_f + at, decay, inject_f, pace, source, following, f)
        g = traced(body, e_g + at, w_g + at, decay, inject_g, pace, source, following, g)
        o = direct(body, w_o + at, pace_o, source, following, o)
        return i, f, g, o

    return gates


learn_gates = make_gates(_learn_source, _learn_direct_source)


@hot
def descend_gates(head, body, table, layer, k, u, u_next, gain):
    """`descend_traced` of an LSTM's rows i, f and g, and `descend_direct` of o, in one sweep.

    The same bits, in two thirds of the time where all fits into the nearest cache: a source is
    fetched once for the four, and their sums hide each other's latency. gain is that of the traced
    rows. Returns the four projections.
    """
    row = table[layer + L_FIRST_ROW]
    count, step = table[row + R_COUNT], width(body)
    u, u_next, at = u + table[row + R_FIRST], u_next + table[row + R_FIRST], k * count
    traces, weights = places_of_gates(table, row)
    coefficients = coefficients_of_gates(head, body, table, layer, k, gain)
    nothing = const(gain, 0.0)
    even = odd = (nothing, nothing, nothing, nothing)
    for d in range(count):  # two at a time were no faster, and longer to compile
        source, following = spread(body, u + d), spread(body, u_next + d)
        z = learn_gates(body, at, traces, weights, coefficients, source, following, even)
        even, odd = odd, z
        at += step
    return even[0] + odd[0], even[1] + odd[1], even[2] + odd[2], even[3] + odd[3]


@hot
def descend_gates_in_pairs(head, body, table, layer, k, u, u_next, gain):
    """`descend_gates` of narrow vectors: an even source and the odd one behind it at a time.

    The same bits, for half of the loads and stores.
    """
    row, both = table[layer + L_FIRST_ROW], in_pairs(body)
    count, step = table[row + R_COUNT], width(both)
    u, u_next, at = u + table[row + R_FIRST], u_next + table[row + R_FIRST], k * count
    traces, weights = places_of_gates(table, row)
    alone = coefficients_of_gates(head, body, table, layer, k, gain)
    coefficients = (
        pair(alone[0]),
        pair(alone[1]),
        pair(alone[2]),
        pair(alone[3]),
        pair(alone[4]),
        pair(alone[5]),
    )
    nothing = const(coefficients[0], 0.0)
    z = (nothing, nothing, nothing, nothing)
    for d in range(0, count - 1, 2):
        source, following = spread_pair(both, u + d), spread_pair(both, u_next + d)
        z = learn_gates(both, at, traces, weights, coefficients, source, following, z)
        at += step
    even = (first_half(z[0]), first_half(z[1]), first_half(z[2]), first_half(z[3]))
    odd = (second_half(z[0]), second_half(z[1]), second_half(z[2]), second_half(z[3]))
    if count & 1:
        source, following = spread(body, u + count - 1), spread(body, u_next + count - 1)
        even = learn_gates(body, at, traces, weights, alone, source, following, even)
    return even[0] + odd[0], even[1] + odd[1], even[2] + odd[2], even[3] + odd[3]


@inline
def places_of_gates(table, row):
    """Where traces and weights lie of the rows of i, f, g and o, of which `row` is the first."""
    f, g, o = row + R_SIZE, row + 2 * R_SIZE, row + 3 * R_SIZE
    traces = (table[row + R_TRACE], table[f + R_TRACE], table[g + R_TRACE])
    weights = (
        table[row + R_WEIGHT],
        table[f + R_WEIGHT],
        table[g + R_WEIGHT],
        table[o + R_WEIGHT],
    )
    return traces, weights


@inline
def coefficients_of_gates(head, body, table, layer, k, gain):
    """What `learn_gates` needs of lanes k.."""
    row = table[layer + L_FIRST_ROW]
    push_o = push_of(body, table, layer, row + 3 * R_SIZE, k)
    return (
        load(body, table[layer + L_NOW + S_DECAY] + k),
        push_of(body, table, layer, row, k),
        push_of(body, table, layer, row + R_SIZE, k),
        push_of(body, table, layer, row + 2 * R_SIZE, k),
        pace_of(head, gain),
        pace_of(head, load(body, table[layer + L_CELL_CREDIT] + k) * push_o),
    )


@inline
def learn_traced(head, body, table, gathering, row, at, u, u_next, decay, inject, gain):
    """Traces, and an update by any optimiser; returns the projection."""
    count, step = table[row + R_COUNT], width(body)
    u, u_next = u + table[row + R_FIRST], u_next + table[row + R_FIRST]
    place, weight = table[row + R_TRACE] + at, table[row + R_WEIGHT] + at
    moment1, moment2 = table[row + R_MOMENT1] + at, table[row + R_MOMENT2] + at
    summed = table[row + R_SUM] + at
    optimiser, numbers = optimiser_of(table, gathering), optimiser_numbers(head, gain)
    even = odd = const(gain, 0.0)
    # Two at a time: the roots and quotients of one hide behind those of the other.
    for d in range(0, count, 2):
        k = d * step
        g = gain * _trace(body, place + k, decay, inject, spread(body, u + d))
        places = (weight + k, moment1 + k, moment2 + k, summed + k)
        w = any_optimiser(optimiser, body, *places, g, numbers)
        even = fma(w, spread(body, u_next + d), even)
        if d + 1 < count:
            k += step
            g = gain * _trace(body, place + k, decay, inject, spread(body, u + d + 1))
            places = (weight + k, moment1 + k, moment2 + k, summed + k)
            w = any_optimiser(optimiser, body, *places, g, numbers)
            odd = fma(w, spread(body, u_next + d + 1), odd)
    return even + odd


@inline
def learn_any(head, body, table, gathering, layer, row, k, u, u_next, decay, inject, gain):
    """Traces and update, of any kind of row by any optimiser; returns the projection.

    decay, inject and gain are those of lanes k.. of a TRACED or a DIRECT row; other kinds look
    for theirs themselves.
    """
    count, step, kind = table[row + R_COUNT], width(body), table[row + R_KIND]
    at = k * count
    if kind == TRACED and table[row + R_OWN] < 0:
        arguments = (row, at, u, u_next, decay, inject, gain)
        return learn_traced(head, body, table, gathering, *arguments)
    u, u_next = u + table[row + R_FIRST], u_next + table[row + R_FIRST]
    place, weight = table[row + R_TRACE] + at, table[row + R_WEIGHT] + at
    moment1, moment2 = table[row + R_MOMENT1] + at, table[row + R_MOMENT2] + at
    summed = table[row + R_SUM] + at
    optimiser, numbers = optimiser_of(table, gathering), optimiser_numbers(head, gain)
    fresh = head[H_PENDING] != WEIGHTS_ONLY
    even = odd = const(gain, 0.0)
    for d in range(count):
        source = _source(body, table, layer, row, k, u + d)
        if kind == DIRECT:
            g = gain * source
        elif kind == TRACED:
            g = gain * _trace(body, place, decay, inject, source)
        else:
            g = _rare_gradient(body, table, layer, row, k, place, source, fresh)
        w = any_optimiser(optimiser, body, weight, moment1, moment2, summed, g, numbers)
        even, odd = odd, fma(w, spread(body, u_next + d), even)
        place += step
        weight += step
        moment1 += step
        moment2 += step
        summed += step
    return even + odd


@inline
def _source(body, table, layer, row, k, u):
    """What lanes k.. of a row see: a number, the same for all, or each a state of its own unit."""
    if table[row + R_OWN] >= 0:
        return load(body, table[layer + L_NOW + table[row + R_OWN]] + k)
    return spread(body, u)


@inline
def trace_any(body, table, layer, row, k, u):
    """Traces only, of any kind of row."""
    count, step, kind = table[row + R_COUNT], width(body), table[row + R_KIND]
    place = table[row + R_TRACE] + k * count
    u += table[row + R_FIRST]
    for d in range(count):
        source = _source(body, table, layer, row, k, u + d)
        if kind == TRACED:
            decay = load(body, table[layer + L_NOW + S_DECAY] + k)
            _trace(body, place, decay, push_of(body, table, layer, row, k), source)
        elif kind != DIRECT:
            _rare_gradient(body, table, layer, row, k, place, source, True)
        place += step


@inline
def push_of(body, table, layer, row, k):
    """inject or dm/dz of the gate of a row, of the step that is pending."""
    place = table[layer + L_NOW + S_PUSH] + table[row + R_GATE] * table[layer + L_LANES]
    return load(body, place + k)


@inline
def _rare_gradient(body, table, layer, row, k, place, source, fresh):
    """The gradient of a SHARED or a SNAP row, whose traces are brought up to date if `fresh`."""
    if table[row + R_KIND] == SHARED:
        return _shared_gradient(body, table, layer, row, k, place, source, fresh)
    return _snap_gradient(body, table, layer, row, k, place, source, fresh)


@inline
def _shared_gradient(body, table, layer, row, k, place, source, fresh):
    """A block's gate has a trace for each cell of the block; its gradient is their credited sum."""
    states, copy = layer + L_NOW, table[row + R_LANES] * table[row + R_COUNT]
    g = const(source, 0.0)
    for _ in range(table[row + R_GROUPS]):
        e = load(body, place)
        if fresh:
            decay = load(body, table[states + S_DECAY] + k)
            e = _trace(body, place, decay, push_of(body, table, layer, row, k), source)
        gain = load(body, table[layer + L_CELL_CREDIT] + k)
        g = fma(gain * load(body, table[states + S_DH_DS] + k), e, g)
        k += table[layer + L_BLOCK_LANES]
        place += copy
    return g


@inline
def _snap_gradient(body, table, layer, row, k, place, source, fresh):
    """SnAp-1: the traces of a unit's state and of its output, each of which moves the other."""
    beside = place + table[row + R_LANES] * table[row + R_COUNT]
    s, h = load(body, place), load(body, beside)
    if fresh:
        at, lanes = table[layer + L_NOW + S_SNAP] + k, table[layer + L_LANES]
        push = push_of(body, table, layer, row, k) * source
        nothing = const(source, 0.0)
        traced = table[row + R_TRACED] != 0
        to_s, to_h = (push, nothing) if traced else (nothing, push)
        s = fma(load(body, at), s, fma(load(body, at + lanes), h, to_s))
        h = fma(load(body, at + 2 * lanes), s, fma(load(body, at + 3 * lanes), h, to_h))
        store(body, place, s)
        store(body, beside, h)
    return load(body, table[layer + L_CELL_CREDIT] + k) * h


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
        any_optimiser(optimiser, body, weight + k, moment1 + k, moment2 + k, summed + k, g, numbers)
        store(body, summed + k, const(g, 0.0))


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


@inline
def size_sum(body, table, row, at):
    """Lanewise sum of the sizes of the summed gradients."""
    count, step = table[row + R_COUNT], width(body)
    summed = table[row + R_SUM] + at
    sizes = const(load(body, summed), 0.0)
    for d in range(count):
        sizes = sizes + absolute(load(body, summed + d * step))
    return sizes
