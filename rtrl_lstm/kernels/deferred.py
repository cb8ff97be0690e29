"""Plain descent that writes to memory every other step.

A sweep that learns is as fast as memory: it reads each weight and each trace, and writes it. Where
a layer is too large for the nearest cache, writing is the slower half. So what a step has left
pending is not written at first: `foresee_gates` computes the weights as they will be, projects the
next row with them, and forgets them. The step is *deferred*: its coefficients and sources are kept,
a few numbers for each unit. The sweep of the step after, `descend_gates_twice`, does both steps to
each number between reading and writing it. The number goes through the operations it would have
gone through anyway, in the same order: not a bit differs, and memory has a quarter less to do.

That is for a Learner with one layer, whose weights nobody but these sweeps looks at from step to
step. Whatever else is to be done with them has a deferred step settled first.
"""

from __future__ import annotations

from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.lanes import const, fma, load, spread, store, width
from rtrl_lstm.kernels.slots import (
    DEFERRED,
    H_DEFERRED,
    L_DEFERRED,
    L_FIRST_ROW,
    L_LANES,
    L_NOW,
    L_SOURCES,
    R_COUNT,
    R_FIRST,
    S_U,
    T_FIRST_LAYER,
)
from rtrl_lstm.kernels.sweeps import (
    coefficients_of_gates,
    descend_gates,
    learn_gates,
    make_gates,
    places_of_gates,
)

COEFFICIENTS = len(DEFERRED)  # a stretch of lanes for each, and behind them the sources


@inline
def _sources(table, layer):
    """Where the sources of a deferred step lie."""
    return table[layer + L_DEFERRED] + COEFFICIENTS * table[layer + L_LANES]


@inline
def _keep(body, table, layer, k, coefficients):
    lanes, to = table[layer + L_LANES], table[layer + L_DEFERRED] + k
    for number in range(COEFFICIENTS):
        store(body, to + number * lanes, coefficients[number])


@inline
def _kept(body, table, layer, k):
    lanes, at = table[layer + L_LANES], table[layer + L_DEFERRED] + k
    return (
        load(body, at),
        load(body, at + lanes),
        load(body, at + 2 * lanes),
        load(body, at + 3 * lanes),
        load(body, at + 4 * lanes),
        load(body, at + 5 * lanes),
    )


@inline
def _foresee(body, trace, weight, decay, inject, pace, source, following, z):
    """`sweeps._learn_source`, of which nothing but the projection is kept."""
    e = fma(decay, load(body, trace), inject * source)
    return fma(fma(pace, e, load(body, weight)), following, z)


@inline
def _foresee_direct(body, weight, pace, source, following, z):
    """The same of a row without traces."""
    return fma(fma(pace, source, load(body, weight)), following, z)


_foresee_source = make_gates(_foresee, _foresee_direct)


@hot
def foresee_gates(head, body, table, layer, k, u, u_next, gain):
    """`sweeps.descend_gates`, which leaves weights and traces as they are and keeps what it takes
    to change them."""
    row = table[layer + L_FIRST_ROW]
    count, step = table[row + R_COUNT], width(body)
    u, u_next, at = u + table[row + R_FIRST], u_next + table[row + R_FIRST], k * count
    traces, weights = places_of_gates(table, row)
    coefficients = coefficients_of_gates(head, body, table, layer, k, gain)
    _keep(body, table, layer, k, coefficients)
    nothing = const(gain, 0.0)
    even = odd = (nothing, nothing, nothing, nothing)
    for d in range(count):
        source, following = spread(body, u + d), spread(body, u_next + d)
        z = _foresee_source(body, at, traces, weights, coefficients, source, following, even)
        even, odd = odd, z
        at += step
    return even[0] + odd[0], even[1] + odd[1], even[2] + odd[2], even[3] + odd[3]


@inline
def _learn_twice(body, trace, weight, injects, decays, paces, sources, following, z):
    """Two steps of one source of a traced row; returns the projection so far."""
    e = fma(decays[0], load(body, trace), injects[0] * sources[0])
    w = fma(paces[0], e, load(body, weight))
    e = fma(decays[1], e, injects[1] * sources[1])
    w = fma(paces[1], e, w)
    store(body, trace, e)
    store(body, weight, w)
    return fma(w, following, z)


@inline
def _learn_source_twice(body, at, traces, weights, before, now, sources, following, z):
    """Two steps of one source of the rows of i, f, g and o; returns their projections so far."""
    i, f, g, o = z
    e_i, e_f, e_g = traces
    w_i, w_f, w_g, w_o = weights
    decays, paces = (before[0], now[0]), (before[4], now[4])
    both = (before[1], now[1])
    i = _learn_twice(body, e_i + at, w_i + at, both, decays, paces, sources, following, i)
    both = (before[2], now[2])
    f = _learn_twice(body, e_f + at, w_f + at, both, decays, paces, sources, following, f)
    both = (before[3], now[3])
    g = _learn_twice(body, e_g + at, w_g + at, both, decays, paces, sources, following, g)
    w = fma(now[5], sources[1], fma(before[5], sources[0], load(body, w_o + at)))
    store(body, w_o + at, w)
    return i, f, g, fma(w, following, o)


@hot
def descend_gates_twice(head, body, table, layer, k, u, u_next, gain):
    """`sweeps.descend_gates` of the step that is deferred and of the one that is pending."""
    row = table[layer + L_FIRST_ROW]
    count, step, first = table[row + R_COUNT], width(body), table[row + R_FIRST]
    u, u_next, u_before = u + first, u_next + first, _sources(table, layer) + first
    traces, weights = places_of_gates(table, row)
    before = _kept(body, table, layer, k)
    now = coefficients_of_gates(head, body, table, layer, k, gain)
    nothing, at = const(gain, 0.0), k * count
    even = odd = (nothing, nothing, nothing, nothing)
    for d in range(count):
        both = spread(body, u_before + d), spread(body, u + d)
        following = spread(body, u_next + d)
        z = _learn_source_twice(body, at, traces, weights, before, now, both, following, even)
        even, odd = odd, z
        at += step
    return even[0] + odd[0], even[1] + odd[1], even[2] + odd[2], even[3] + odd[3]


@hot
def descend_or_defer(head, body, table, layer, k, u, u_next, gain):
    """What is pending for lanes k.. of an LSTM's gates, now or with the next step's; returns the
    four projections."""
    if table[layer + L_DEFERRED] < 0:
        return descend_gates(head, body, table, layer, k, u, u_next, gain)
    if head[H_DEFERRED] == 0.0:
        return foresee_gates(head, body, table, layer, k, u, u_next, gain)
    return descend_gates_twice(head, body, table, layer, k, u, u_next, gain)


@inline
def turn(head, body, table, layer):
    """A sweep has come to its end that deferred its step, or did it with the one before."""
    head[H_DEFERRED] = 1.0 - head[H_DEFERRED]
    if head[H_DEFERRED] != 0.0:
        u, to = table[layer + L_NOW + S_U], _sources(table, layer)
        for k in range(table[layer + L_SOURCES]):
            body[to + k] = body[u + k]


@inline
def settle_deferred(head, body, table):
    """Do the step that is deferred, if there is one."""
    if head[H_DEFERRED] == 0.0:
        return
    layer = table[T_FIRST_LAYER]
    row = table[layer + L_FIRST_ROW]
    count, u = table[row + R_COUNT], _sources(table, layer) + table[row + R_FIRST]
    traces, weights = places_of_gates(table, row)
    for k in range(0, table[layer + L_LANES], width(body)):
        coefficients, at = _kept(body, table, layer, k), k * count
        nothing = const(coefficients[0], 0.0)
        z = (nothing, nothing, nothing, nothing)
        for d in range(count):
            source = spread(body, u + d)
            learn_gates(body, at, traces, weights, coefficients, source, source, z)
            at += width(body)
    head[H_DEFERRED] = 0.0


@inline
def finish_deferred(head, body, table, layer):
    """Do the step that is deferred, and zero what was kept of it and of those before it: a block
    does not tell when it was looked at."""
    if table[layer + L_DEFERRED] >= 0:
        settle_deferred(head, body, table)
        for k in range(
            table[layer + L_DEFERRED], _sources(table, layer) + table[layer + L_SOURCES]
        ):
            body[k] = 0.0
