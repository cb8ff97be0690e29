"""One layer, and the readout: forward, credit and update, built from sweeps.

A layer has two sets of states: the one that learns (L_NOW) and the one that the next row moves
(L_NEXT). In a Learner they are the same numbers but for the sources u, of which the present and
the next are both needed in one sweep. In a Forecaster they are the trailing and the leading state.
"""

from __future__ import annotations

from rtrl_lstm.kernels.jit import inline, splice
from rtrl_lstm.kernels.lanes import const, fma, load, store, total, width
from rtrl_lstm.kernels.slots import (
    H_PENDING,
    L_BELOW,
    L_CREDIT,
    L_FIRST_ROW,
    L_H_AT,
    L_LANES,
    L_NEXT,
    L_NOW,
    L_ROWS,
    L_SOURCES,
    L_X_AT,
    NOTHING,
    R_COUNT,
    R_FIRST,
    R_GATE,
    R_OWN,
    R_SIZE,
    R_TRACE,
    R_TRACED,
    R_WEIGHT,
    S_DECAY,
    S_DH_DS,
    S_H,
    S_PUSH,
    S_U,
    S_Z,
    T_CREDIT_OUT,
    T_DIRECT,
    T_FIRST_LAYER,
    T_LAST_LAYER,
    T_LAYER_STEP,
    T_OUT,
    T_OUTPUTS,
    T_READOUT,
    T_SUMS,
    TRACES,
    WEIGHTS_ONLY,
)
from rtrl_lstm.kernels.sweeps import learn_direct, learn_own, learn_traced, project, trace


@splice
def gather_h(body, table, layer, states):
    """Put a layer's own h among its sources, as h of the step before."""
    h, to = table[states + S_H], table[states + S_U] + table[layer + L_H_AT]
    for j in range(table[layer + L_SOURCES] - table[layer + L_H_AT]):
        body[to + j] = body[h + j]


@splice
def gather_below(body, table, layer, states):
    """Put h of the layer below among a layer's sources; `states` is L_NOW or L_NEXT."""
    h = table[layer - table[T_LAYER_STEP] + states + S_H]
    to = table[layer + states + S_U] + table[layer + L_X_AT]
    for j in range(table[layer + L_BELOW]):
        body[to + j] = body[h + j]


@splice
def project_layer(body, table, layer, states):
    """z of one set of states from its sources, no learning."""
    lanes, z, u = table[layer + L_LANES], table[states + S_Z], table[states + S_U]
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        if table[row + R_OWN] < 0:
            for k in range(0, lanes, width(body)):
                at = k * table[row + R_COUNT]
                projection = project(body, table, row, at, u)
                store(body, z + table[row + R_GATE] * lanes + k, projection)


@splice
def advance_layer(head, body, table, layer, u_next):
    """Do what the last step left pending, and project u_next with the new weights into L_NEXT."""
    z, lanes = table[layer + L_NEXT + S_Z], table[layer + L_LANES]
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        for k in range(0, lanes, width(body)):
            if table[row + R_OWN] < 0:
                projection = _advance_lanes(head, body, table, layer, row, k, u_next)
                store(body, z + table[row + R_GATE] * lanes + k, projection)
            else:
                _advance_own(head, body, table, layer, row, k)


@splice
def finish_layer(head, body, table, layer):
    """Do what the last step left pending, and nothing else."""
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        for k in range(0, table[layer + L_LANES], width(body)):
            if table[row + R_OWN] < 0:
                _advance_lanes(head, body, table, layer, row, k, table[layer + L_NOW + S_U])
            else:
                _advance_own(head, body, table, layer, row, k)


@inline
def _pending_push(body, table, layer, row, k):
    """push of a row's gate, of the step that is pending."""
    place = table[layer + L_NOW + S_PUSH] + table[row + R_GATE] * table[layer + L_LANES]
    return load(body, place + k)


@inline
def _advance_lanes(head, body, table, layer, row, k, u_next):
    """Lanes k.. of a row: the pending work, and the projection of u_next."""
    states, pending = layer + L_NOW, head[H_PENDING]
    u, at = table[states + S_U], k * table[row + R_COUNT]
    traced = table[row + R_TRACED] != 0
    if pending == NOTHING or (pending == TRACES and not traced):
        return project(body, table, row, at, u_next)
    push = _pending_push(body, table, layer, row, k)
    decay = load(body, table[states + S_DECAY] + k)
    if pending == TRACES:
        return trace(body, table, row, at, u, u_next, decay, push)
    credit, gathering = load(body, table[layer + L_CREDIT] + k), table[T_SUMS] != 0
    if traced:
        if pending == WEIGHTS_ONLY:  # E = 1 E + 0 u
            decay, push = const(push, 1.0), const(push, 0.0)
        gain = credit * load(body, table[states + S_DH_DS] + k)
        arguments = (row, at, u, u_next, decay, push, gain)
        return learn_traced(head, body, table, gathering, arguments)
    arguments = (row, at, u, u_next, credit * push)
    return learn_direct(head, body, table, gathering, arguments)


@inline
def _advance_own(head, body, table, layer, row, k):
    """Lanes k.. of a diagonal weight: the pending work."""
    states, pending = layer + L_NOW, head[H_PENDING]
    if pending == NOTHING:
        return
    gradient = _pending_push(body, table, layer, row, k)
    gradient = gradient * load(body, table[states + table[row + R_OWN]] + k)
    if table[row + R_TRACED] != 0:
        place = table[row + R_TRACE] + k
        if pending != WEIGHTS_ONLY:
            decay = load(body, table[states + S_DECAY] + k)
            store(body, place, fma(decay, load(body, place), gradient))
        gradient = load(body, table[states + S_DH_DS] + k) * load(body, place)
    if pending != TRACES:
        gradient = gradient * load(body, table[layer + L_CREDIT] + k)
        learn_own(head, body, table, table[T_SUMS] != 0, row, k, gradient)


@inline
def read_out(body, table, states):
    """The readout a = V h + b (+ D x) of one set of states, L_NOW or L_NEXT."""
    out, outputs = table[T_OUT], table[T_OUTPUTS]
    first, last = table[T_FIRST_LAYER], table[T_LAST_LAYER]
    h, lanes = table[last + states + S_H], table[last + L_LANES]
    step, weight = width(body), table[table[T_READOUT] + R_WEIGHT]
    for o in range(outputs):
        dot = const(load(body, h), 0.0)
        for k in range(0, lanes, step):
            dot = fma(load(body, weight + k * outputs + o * step), load(body, h + k), dot)
        body[out + o] = total(dot)
    row, u = table[T_DIRECT], table[first + states + S_U]
    for k in range(0, outputs, step):
        direct = project(body, table, row, k * table[row + R_COUNT], u)
        store(body, out + k, load(body, out + k) + direct)


@splice
def assign_credit(body, table):
    """dL/dh of all layers: V' dL/da for the last, with V as it was when it spoke."""
    layer, row = table[T_LAST_LAYER], table[T_READOUT]
    for k in range(0, table[layer + L_LANES], width(body)):
        credit = project(body, table, row, k * table[row + R_COUNT], table[T_CREDIT_OUT])
        store(body, table[layer + L_CREDIT] + k, credit)
    while layer > table[T_FIRST_LAYER]:
        below = layer - table[T_LAYER_STEP]
        _pass_credit_down(body, table, layer, below)
        layer = below


@inline
def _pass_credit_down(body, table, layer, below):
    """dL/dh of the layer below: the sum over a layer's rows of W_x' dL/dz, of this step alone."""
    lanes, states = table[layer + L_LANES], layer + L_NOW
    for j in range(table[layer + L_BELOW]):
        place = table[below + L_CREDIT] + j
        body[place] = total(_credit_of_source(body, table, layer, states, lanes, j))


@inline
def _credit_of_source(body, table, layer, states, lanes, j):
    """Lanewise sum of dL/dz times the weights that see number j from below."""
    seen = table[layer + L_X_AT] + j
    credit = const(load(body, table[layer + L_CREDIT]), 0.0)
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        d = seen - table[row + R_FIRST]
        if table[row + R_OWN] < 0 and 0 <= d < table[row + R_COUNT]:
            for k in range(0, lanes, width(body)):
                slope = load(body, table[layer + L_CREDIT] + k)
                slope = slope * _pending_push(body, table, layer, row, k)
                if table[row + R_TRACED] != 0:
                    slope = slope * load(body, table[states + S_DH_DS] + k)
                at = table[row + R_WEIGHT] + k * table[row + R_COUNT] + d * width(body)
                credit = fma(slope, load(body, at), credit)
    return credit


@splice
def learn_readout(head, body, table):
    """Gradient dL/da h' of the readout's weights and dL/da [1, x]' of bias and shortcuts."""
    last, credit, gathering = table[T_LAST_LAYER], table[T_CREDIT_OUT], table[T_SUMS] != 0
    row, h = table[T_READOUT], table[last + L_NOW + S_H]
    for k in range(0, table[last + L_LANES], width(body)):
        arguments = (row, k * table[row + R_COUNT], credit, credit, load(body, h + k))
        learn_direct(head, body, table, gathering, arguments)
    row, u = table[T_DIRECT], table[table[T_FIRST_LAYER] + L_NOW + S_U]
    for k in range(0, table[T_OUTPUTS], width(body)):
        arguments = (row, k * table[row + R_COUNT], u, u, load(body, credit + k))
        learn_direct(head, body, table, gathering, arguments)
