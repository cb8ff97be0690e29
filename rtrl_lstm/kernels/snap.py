"""SnAp-1 (Menick et al. 2021): each weight's influence on s and h of its own unit, and no other.

With p the push of a row of the unit, w_jj the weight by which the row sees its unit's own h', and
primes for t-1, the traces of a weight with the source u are

    Es = (ds/ds') Es' + (sum over traced rows of p w_jj) Eh' + [its row is traced] p u
    Eh = (dh/ds) Es   + (sum over other rows of p w_jj) Eh'  + [its row is not]    p u

where ds/ds' and dh/ds take in the way through the unit's diagonal weights. The four factors are a
stretch of lanes each, in the order in which they stand here; the traces are in `sweeps.py`.
"""

from __future__ import annotations

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.lanes import width
from rtrl_lstm.kernels.slots import (
    L_FIRST_ROW,
    L_H_AT,
    L_LANES,
    L_NOW,
    L_ROWS,
    L_UNITS,
    R_COUNT,
    R_FIRST,
    R_GATE,
    R_OWN,
    R_SIZE,
    R_TRACED,
    R_WEIGHT,
    S_DECAY,
    S_DH_DS,
    S_PUSH,
    S_SNAP,
    T_FIRST_LAYER,
    T_LAYER_STEP,
    T_LAYERS,
)


@inline
def weight_place(body, table, row, lane, d):
    """Where the weight of one lane of a row and its source number d lies."""
    step = width(body)
    within = lane % step
    return table[row + R_WEIGHT] + (lane - within) * table[row + R_COUNT] + d * step + within


@inline
def prepare_snap(body, table):
    """The factors of this step, with the weights that it was made with."""
    for number in range(table[T_LAYERS]):
        layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
        for j in range(table[layer + L_UNITS]):
            _prepare_unit(body, table, layer, j)


@inline
def _prepare_unit(body, table, layer, j):
    states, lanes = layer + L_NOW, table[layer + L_LANES]
    s_by_s, s_by_h = body[table[states + S_DECAY] + j], body[table[states + S_DECAY] + j] * 0
    h_by_s, h_by_h = body[table[states + S_DH_DS] + j], s_by_h
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        push = body[table[states + S_PUSH] + table[row + R_GATE] * lanes + j]
        if table[row + R_OWN] >= 0:
            way = push * body[table[row + R_WEIGHT] + j]
            if table[row + R_TRACED] != 0:
                s_by_s += way
            else:
                h_by_s += way
            continue
        d = table[layer + L_H_AT] + j - table[row + R_FIRST]
        if d < table[row + R_COUNT]:
            way = push * body[weight_place(body, table, row, j, d)]
            if table[row + R_TRACED] != 0:
                s_by_h += way
            else:
                h_by_h += way
    at = table[states + S_SNAP] + j
    body[at] = s_by_s
    body[at + lanes] = s_by_h
    body[at + 2 * lanes] = h_by_s
    body[at + 3 * lanes] = h_by_h
