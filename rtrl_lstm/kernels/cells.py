"""Cells: the elementwise part of a layer, and nothing else.

A cell takes the projections z of its rows and the old state, and writes the new state s, the
output h, and the local partials that learning needs (primes: t-1; each with the other held fixed):

    decay = ds/ds'     push = ds/dz of a traced row, dh/dz of a row without     dh_ds = dh/ds

(h is what the cells put out, m in the kernels; a projection, where there is one, comes after.)

`layer` is the layer's part of the table, `states` one of its two sets of states. The rows that a
cell has are in `rtrl_lstm/cells.py`, the places of its gates in `layout.GATE_PLACES`.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.activations import sigmoid, tanh
from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.lanes import clamp, const, first, fma, load, store, width
from rtrl_lstm.kernels.slots import (
    CELL_4SIGMOID,
    CELL_IDENTITY,
    CELL_RELU,
    CELL_SIGMOID,
    CELL_TANH,
    L_BLOCK_LANES,
    L_BLOCKS,
    L_CELL_ACTIVATION,
    L_COUPLED,
    L_GATES,
    L_INPUT_ACTIVATION,
    L_LANES,
    L_OWN,
    S_DECAY,
    S_DH_DS,
    S_GATES,
    S_M,
    S_PREVIOUS,
    S_PUSH,
    S_S,
    S_Z,
)


@inline
def _squash(code, z):
    """An activation and its derivative at z."""
    one = const(z, 1.0)
    if code == CELL_TANH:
        t = tanh(z)
        return t, one - t * t
    if code == CELL_SIGMOID:
        t = sigmoid(z)
        return t, t * (one - t)
    if code == CELL_IDENTITY:
        return z, one
    if code == CELL_RELU:
        positive = clamp(z, const(z, 0.0), const(z, math.inf))
        # 1 above 0: what is left of a positive number when it is cut to the smallest step.
        tiny = const(z, 1e-30)
        return positive, clamp(positive, const(z, 0.0), tiny) / tiny
    t, half = tanh(const(z, 0.5) * z), const(z, 0.5)
    if code == CELL_4SIGMOID:  # 4 sigmoid(z) - 2 = 2 tanh(z / 2)
        return t + t, one - t * t
    return t, half * (one - t * t)  # 2 sigmoid(z) - 1 = tanh(z / 2)


@inline
def _z(body, table, layer, states, gate, k):
    """The projection of a gate that the layer has."""
    number = table[layer + L_GATES + gate]
    return load(body, table[states + S_Z] + number * table[layer + L_LANES] + k)


@inline
def _push(body, table, layer, states, gate, k, value):
    """Write ds/dz or dh/dz of a gate, if the layer has it."""
    number = table[layer + L_GATES + gate]
    if number >= 0:
        store(body, table[states + S_PUSH] + number * table[layer + L_LANES] + k, value)


@inline
def _sigmoid_gate(body, table, layer, states, gate, k, own_source):
    """A gate and its derivative; 1 and 0 where the layer is without it."""
    number = table[layer + L_GATES + gate]
    if number < 0:
        return const(own_source, 1.0), const(own_source, 0.0)
    z = _z(body, table, layer, states, gate, k)
    if table[layer + L_OWN + gate] >= 0:
        z = fma(load(body, table[layer + L_OWN + gate] + k), own_source, z)
    value = sigmoid(z)
    if table[states + S_GATES] >= 0:
        store(body, table[states + S_GATES] + number * table[layer + L_LANES] + k, value)
    return value, value * (const(value, 1.0) - value)


@inline
def lstm(body, table, layer, states):
    """s = f s' + i g, h = o k(s) (Gers et al. 2000 and 2002, Greff et al. 2015 for the variants).

    i and f see s' through their diagonal weights and o sees s; no error flows back there.
    """
    # The cells lie as the first of each block, the second of each block ...; a block has its gates'
    # z once, in the first stretch.
    k = 0
    while k < table[layer + L_LANES]:
        block = 0
        while block < table[layer + L_BLOCK_LANES]:
            _lstm_cells(body, table, layer, states, k, block)
            k += width(body)
            block += width(body)


@hot
def _lstm_cells(body, table, layer, states, k, block):
    """Lanes k.. of the cells, whose gates are the lanes `block`.. of theirs."""
    s_tm1 = load(body, table[states + S_S] + k)
    one = const(s_tm1, 1.0)
    i, di = _sigmoid_gate(body, table, layer, states, 0, block, s_tm1)
    f, df = _sigmoid_gate(body, table, layer, states, 1, block, s_tm1)
    g, dg = _squash(table[layer + L_INPUT_ACTIVATION], _z(body, table, layer, states, 2, k))
    moved = g  # ds/di
    if table[layer + L_COUPLED] != 0:
        f, moved = one - i, g - s_tm1
    s = fma(f, s_tm1, i * g)
    o, do = _sigmoid_gate(body, table, layer, states, 3, block, s)
    squashed, slope = _squash(table[layer + L_CELL_ACTIVATION], s)
    store(body, table[states + S_PREVIOUS] + k, s_tm1)
    store(body, table[states + S_S] + k, s)
    # A sigmoid is not 0 at 0: lanes beyond the last unit would speak, and so learn.
    store(body, table[states + S_M] + k, first(o * squashed, table[layer + L_BLOCKS] - block))
    store(body, table[states + S_DECAY] + k, f)
    store(body, table[states + S_DH_DS] + k, o * slope)
    _push(body, table, layer, states, 0, k, moved * di)
    _push(body, table, layer, states, 1, k, s_tm1 * df)
    _push(body, table, layer, states, 2, k, i * dg)
    _push(body, table, layer, states, 3, k, squashed * do)


@inline
def gru(body, table, layer, states):
    """h = (1 - z) n + z h', n = tanh(n_x + r n_h) (Cho et al. 2014, reset after, as PyTorch).

    The state is h itself. In the term z h' it is not detached: decay is z.
    """
    s_at = table[states + S_S]
    for k in range(0, table[layer + L_LANES], width(body)):
        h_tm1 = load(body, s_at + k)
        one = const(h_tm1, 1.0)
        r = sigmoid(_z(body, table, layer, states, 0, k))
        z = sigmoid(_z(body, table, layer, states, 1, k))
        n_h = _z(body, table, layer, states, 3, k)
        n = tanh(fma(r, n_h, _z(body, table, layer, states, 2, k)))
        h = fma(z, h_tm1 - n, n)
        store(body, s_at + k, h)
        store(body, table[states + S_M] + k, h)
        store(body, table[states + S_DECAY] + k, z)
        store(body, table[states + S_DH_DS] + k, one)
        inject_nx = (one - z) * (one - n * n)
        _push(body, table, layer, states, 0, k, inject_nx * n_h * r * (one - r))
        _push(body, table, layer, states, 1, k, (h_tm1 - n) * z * (one - z))
        _push(body, table, layer, states, 2, k, inject_nx)
        _push(body, table, layer, states, 3, k, r * inject_nx)


@inline
def rnn(body, table, layer, states):
    """h = tanh(z) or relu(z) (Elman 1990). No state outlives a step: truncation leaves dh/dz."""
    for k in range(0, table[layer + L_LANES], width(body)):
        z = _z(body, table, layer, states, 0, k)
        h, slope = _squash(table[layer + L_INPUT_ACTIVATION], z)
        store(body, table[states + S_M] + k, h)
        _push(body, table, layer, states, 0, k, slope)


@inline
def elstm(body, table, layer, states):
    """c = f c' + (1 - f) z, f and z seeing c' of their unit (Irie et al. 2023); h = o c.

    The recurrence is elementwise and in decay as a whole, so truncation cuts nothing.
    """
    s_at = table[states + S_S]
    for k in range(0, table[layer + L_LANES], width(body)):
        c_tm1 = load(body, s_at + k)
        one = const(c_tm1, 1.0)
        own_f, own_z = (
            load(body, table[layer + L_OWN] + k),
            load(body, table[layer + L_OWN + 1] + k),
        )
        f = sigmoid(fma(own_f, c_tm1, _z(body, table, layer, states, 0, k)))
        z = tanh(fma(own_z, c_tm1, _z(body, table, layer, states, 1, k)))
        o, do = _sigmoid_gate(body, table, layer, states, 2, k, c_tm1)
        c = fma(f, c_tm1 - z, z)
        push_f = (c_tm1 - z) * f * (one - f)
        push_z = (one - f) * (one - z * z)
        store(body, table[states + S_PREVIOUS] + k, c_tm1)
        store(body, s_at + k, c)
        store(body, table[states + S_M] + k, o * c)
        store(body, table[states + S_DECAY] + k, fma(push_f, own_f, fma(push_z, own_z, f)))
        store(body, table[states + S_DH_DS] + k, o)
        _push(body, table, layer, states, 0, k, push_f)
        _push(body, table, layer, states, 1, k, push_z)
        _push(body, table, layer, states, 2, k, c * do)
