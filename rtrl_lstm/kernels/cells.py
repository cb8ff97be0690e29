"""Cells: the elementwise part of a layer, and nothing else.

A cell takes the projections z of its rows and the old state, and writes the new state s, the
output h, and the local partials that learning needs (primes: t-1; each with the other held fixed):

    decay = ds/ds'     push = ds/dz of a traced row, dh/dz of a row without     dh_ds = dh/ds

`states` is one of the layer's sets of states in the table, `lanes` the layer's units rounded up to
whole vectors. Row r's numbers begin at r * lanes in z and push.
"""

from __future__ import annotations

from rtrl_lstm.kernels.activations import sigmoid, tanh
from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.lanes import const, fma, load, store, width
from rtrl_lstm.kernels.slots import S_DECAY, S_DH_DS, S_H, S_PUSH, S_S, S_Z


@inline
def lstm(body, table, states, lanes):
    """Rows i, f, g, o: s = f s' + i g, h = o tanh(s) (Gers et al. 2000, no peepholes)."""
    z, push = table[states + S_Z], table[states + S_PUSH]
    s_at, h_at = table[states + S_S], table[states + S_H]
    decay, dh_ds = table[states + S_DECAY], table[states + S_DH_DS]
    for k in range(0, lanes, width(body)):
        i = sigmoid(load(body, z + k))
        f = sigmoid(load(body, z + lanes + k))
        g = tanh(load(body, z + 2 * lanes + k))
        o = sigmoid(load(body, z + 3 * lanes + k))
        one = const(i, 1.0)
        s_tm1 = load(body, s_at + k)
        s = fma(f, s_tm1, i * g)
        squashed = tanh(s)
        store(body, s_at + k, s)
        store(body, h_at + k, o * squashed)
        store(body, decay + k, f)
        store(body, dh_ds + k, o * (one - squashed * squashed))
        store(body, push + k, g * i * (one - i))
        store(body, push + lanes + k, s_tm1 * f * (one - f))
        store(body, push + 2 * lanes + k, i * (one - g * g))
        store(body, push + 3 * lanes + k, squashed * o * (one - o))
