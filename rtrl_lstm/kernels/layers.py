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
    L_CREDIT,
    L_FIRST_ROW,
    L_H_AT,
    L_LANES,
    L_NEXT,
    L_NOW,
    L_ROWS,
    L_UNITS,
    NOTHING,
    R_COUNT,
    R_SIZE,
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
    T_OUT,
    T_OUTPUTS,
    T_READOUT,
    T_SUMS,
    TRACES,
    WEIGHTS_ONLY,
)
from rtrl_lstm.kernels.sweeps import learn_direct, learn_traced, project, trace


@splice
def gather_h(body, table, layer, states):
    """Put a layer's own h among its sources, as h of the step before."""
    h, to = table[states + S_H], table[states + S_U] + table[layer + L_H_AT]
    for j in range(table[layer + L_UNITS]):
        body[to + j] = body[h + j]


@splice
def project_layer(body, table, layer, states):
    """z of one set of states from its sources, no learning."""
    lanes, z, u = table[layer + L_LANES], table[states + S_Z], table[states + S_U]
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        for k in range(0, lanes, width(body)):
            at = k * table[row + R_COUNT]
            store(body, z + r * lanes + k, project(body, table, row, at, u))


@splice
def advance_layer(head, body, table, layer, u_next):
    """Do what the last step left pending, and project u_next with the new weights into L_NEXT."""
    z = table[layer + L_NEXT + S_Z]
    for r in range(table[layer + L_ROWS]):
        for k in range(0, table[layer + L_LANES], width(body)):
            projection = _advance_lanes(head, body, table, layer, r, k, u_next)
            store(body, z + r * table[layer + L_LANES] + k, projection)


@splice
def finish_layer(head, body, table, layer):
    """Do what the last step left pending, and nothing else."""
    for r in range(table[layer + L_ROWS]):
        for k in range(0, table[layer + L_LANES], width(body)):
            _advance_lanes(head, body, table, layer, r, k, table[layer + L_NOW + S_U])


@inline
def _advance_lanes(head, body, table, layer, r, k, u_next):
    """Row r of a layer, lanes k..: the pending work, and the projection of u_next."""
    states, pending = layer + L_NOW, head[H_PENDING]
    row, u = table[layer + L_FIRST_ROW] + r * R_SIZE, table[states + S_U]
    at = k * table[row + R_COUNT]
    traced = table[row + R_TRACED] != 0
    if pending == NOTHING or (pending == TRACES and not traced):
        return project(body, table, row, at, u_next)
    push = load(body, table[states + S_PUSH] + r * table[layer + L_LANES] + k)
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
def read_out(body, table, states):
    """The readout a = V h + b (+ D x) of one of the layer's sets of states."""
    out, outputs = table[T_OUT], table[T_OUTPUTS]
    layer = table[T_FIRST_LAYER]
    h, lanes = table[states + S_H], table[layer + L_LANES]
    step, weight = width(body), table[table[T_READOUT] + R_WEIGHT]
    for o in range(outputs):
        dot = const(load(body, h), 0.0)
        for k in range(0, lanes, step):
            dot = fma(load(body, weight + k * outputs + o * step), load(body, h + k), dot)
        body[out + o] = total(dot)
    row, u = table[T_DIRECT], table[states + S_U]
    for k in range(0, outputs, step):
        direct = project(body, table, row, k * table[row + R_COUNT], u)
        store(body, out + k, load(body, out + k) + direct)


@splice
def assign_credit(body, table):
    """dL/dh = V' dL/da, with V as it was when it spoke."""
    layer, row = table[T_FIRST_LAYER], table[T_READOUT]
    for k in range(0, table[layer + L_LANES], width(body)):
        credit = project(body, table, row, k * table[row + R_COUNT], table[T_CREDIT_OUT])
        store(body, table[layer + L_CREDIT] + k, credit)


@splice
def learn_readout(head, body, table):
    """Gradient dL/da h' of the readout's weights and dL/da [1, x]' of bias and shortcuts."""
    layer, credit, gathering = table[T_FIRST_LAYER], table[T_CREDIT_OUT], table[T_SUMS] != 0
    row, h = table[T_READOUT], table[layer + L_NOW + S_H]
    for k in range(0, table[layer + L_LANES], width(body)):
        arguments = (row, k * table[row + R_COUNT], credit, credit, load(body, h + k))
        learn_direct(head, body, table, gathering, arguments)
    row, u = table[T_DIRECT], table[layer + L_NOW + S_U]
    for k in range(0, table[T_OUTPUTS], width(body)):
        arguments = (row, k * table[row + R_COUNT], u, u, load(body, credit + k))
        learn_direct(head, body, table, gathering, arguments)
