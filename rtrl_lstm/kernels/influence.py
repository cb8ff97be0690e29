"""Rule "full": real-time recurrent learning of the whole net (Williams & Zipser 1989).

The states that outlive a step are, layer by layer, s of its cells, its output h, and the gates
where others see them. A row of weights carries a trace for each of them: the derivative P[q] of
state q with respect to the row's weights, laid out as these are. One step, for one vector of
weights at a time, layer by layer upwards, with P of the step before for a layer's own states:

    dz[g,j] = sum over sources of W[g,j,:] P[source] + [the weight is one of row g, unit j] u
    ds = decay P[s'] + sum over traced rows of push dz       P[s] = ds
    dm = dm/ds ds    + sum over the other rows of push dz    P[h] = dm, or its projection

and the gradient of a label is sum_j dL/dh_j P[h_j] over the outputs of the last layer. O(n^4) time
and O(n^3) memory: the measure for the other rules, and for small nets that need it.
"""

from __future__ import annotations

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.lanes import const, fma, load, spread, store, width
from rtrl_lstm.kernels.slots import (
    L_BELOW,
    L_BLOCK_LANES,
    L_BLOCKS,
    L_CREDIT,
    L_FIRST_ROW,
    L_GATES,
    L_GATES_AT,
    L_GROUPS,
    L_H_AT,
    L_LANES,
    L_NOW,
    L_OUT,
    L_OUT_GROUPS,
    L_OUT_LANES,
    L_PROJECTION,
    L_ROWS,
    L_STATE,
    L_UNITS,
    L_X_AT,
    R_COUNT,
    R_FIRST,
    R_GATE,
    R_LANES,
    R_OWN,
    R_SIZE,
    R_SUM,
    R_TRACE,
    R_TRACED,
    R_WEIGHT,
    S_DECAY,
    S_DH_DS,
    S_GATES,
    S_PUSH,
    S_U,
    S_V,
    T_FIRST_LAYER,
    T_INFLUENCE,
    T_LAST_LAYER,
    T_LAYER_STEP,
    T_LAYERS,
    T_WHOLE,
)
from rtrl_lstm.kernels.snap import weight_place


@inline
def _rows(table, layer):
    """Rows of a layer, its projection among them."""
    return table[layer + L_ROWS] + (table[layer + L_PROJECTION] >= 0)


@inline
def advance_influence(body, table):
    """Bring all traces up to date with the step that was just made."""
    for number in range(table[T_LAYERS]):
        layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
        for below in range(number + 1):  # layers above have no influence on this one
            other = table[T_FIRST_LAYER] + below * table[T_LAYER_STEP]
            for r in range(_rows(table, other)):
                row = table[other + L_FIRST_ROW] + r * R_SIZE
                _advance_row(body, table, layer, row)


@inline
def _advance_row(body, table, layer, row):
    """The influence of the weights of `row` on the states of `layer`."""
    count, step = table[row + R_COUNT], width(body)
    for k in range(0, table[row + R_LANES], step):
        for d in range(count):
            at = table[row + R_TRACE] + k * count + d * step
            _derive_sums(body, table, layer, row, k, d, at)
            _derive_cells(body, table, layer, row, k, at)
            _derive_gates(body, table, layer, row, at)
            _derive_output(body, table, layer, row, k, d, at)


@inline
def _influence(body, table, row, at, state):
    """Where the derivatives of state number `state` lie, by the vector of weights `at`."""
    return at + state * table[row + R_COUNT] * table[row + R_LANES]


@inline
def _sum_at(body, table, layer, gate, lane):
    """Where dz of one unit of a gate is kept for the moment."""
    return table[T_INFLUENCE] + (gate * table[layer + L_LANES] + lane) * width(body)


@inline
def _state_of(table, layer, source):
    """Which state is source number `source` of a layer; -1 for a bias or an input."""
    h, gates = table[layer + L_H_AT], table[layer + L_GATES_AT]
    outputs = table[layer + L_OUT] * table[layer + L_OUT_GROUPS]
    first = table[layer + L_STATE] + table[layer + L_UNITS]
    if h >= 0 and h <= source < h + outputs:
        return first + source - h
    if gates >= 0 and source >= gates:
        return first + outputs + source - gates
    x = source - table[layer + L_X_AT]
    if layer > table[T_FIRST_LAYER] and 0 <= x < table[layer + L_BELOW]:
        below = layer - table[T_LAYER_STEP]
        return table[below + L_STATE] + table[below + L_UNITS] + x
    return -1


@inline
def _derive_sums(body, table, layer, row, k, d, at):
    """dz of all rows of the layer that have sources."""
    for r in range(table[layer + L_ROWS]):
        other = table[layer + L_FIRST_ROW] + r * R_SIZE
        if table[other + R_OWN] < 0:
            for first in range(0, table[other + R_LANES], table[layer + L_BLOCK_LANES]):
                for b in range(table[layer + L_BLOCKS]):
                    _derive_sum(body, table, layer, row, k, d, at, other, first + b)


@inline
def _derive_sum(body, table, layer, row, k, d, at, other, lane):
    dz = const(load(body, at), 0.0)
    for c in range(table[other + R_COUNT]):
        state = _state_of(table, layer, table[other + R_FIRST] + c)
        if state >= 0:
            weight = spread(body, weight_place(body, table, other, lane, c))
            dz = fma(weight, load(body, _influence(body, table, row, at, state)), dz)
    to = _sum_at(body, table, layer, table[other + R_GATE], lane)
    store(body, to, dz)
    if other == row and k <= lane < k + width(body):
        u = table[layer + L_NOW + S_U] + table[row + R_FIRST] + d
        body[to + lane - k] += body[u]


@inline
def _derive_cells(body, table, layer, row, k, at):
    for c in range(table[layer + L_GROUPS]):
        for b in range(table[layer + L_BLOCKS]):
            lane, cell = c * table[layer + L_BLOCK_LANES] + b, c * table[layer + L_BLOCKS] + b
            _derive_cell(body, table, layer, row, k, at, b, lane, cell)


@inline
def _derive_cell(body, table, layer, row, k, at, block, lane, cell):
    """ds and dm of one cell, whose gates are those of `block`."""
    states = layer + L_NOW
    state_at = _influence(body, table, row, at, table[layer + L_STATE] + cell)
    before = load(body, state_at)
    _see_own(body, table, layer, row, k, lane, before, True)
    ds = spread(body, table[states + S_DECAY] + lane) * before
    ds = _through_rows(body, table, layer, block, lane, ds, True)
    _see_own(body, table, layer, row, k, lane, ds, False)
    dm = spread(body, table[states + S_DH_DS] + lane) * ds
    dm = _through_rows(body, table, layer, block, lane, dm, False)
    store(body, state_at, ds)
    store(body, _cell_output_at(body, table, layer, row, at, lane, cell), dm)


@inline
def _cell_output_at(body, table, layer, row, at, lane, cell):
    """Where dm of a cell goes: it is dh, but for a projection."""
    if table[layer + L_PROJECTION] >= 0:
        return _sum_at(body, table, layer, 4, lane)
    return _influence(body, table, row, at, table[layer + L_STATE] + table[layer + L_UNITS] + cell)


@inline
def _see_own(body, table, layer, row, k, lane, state, before):
    """Add to dz what diagonal weights see: the state before the step, or the present one.

    An elstm's decay holds what they pass on already.
    """
    for r in range(table[layer + L_ROWS]):
        own = table[layer + L_FIRST_ROW] + r * R_SIZE
        if table[own + R_OWN] >= 0 and (table[own + R_TRACED] != 0) == before:
            to = _sum_at(body, table, layer, table[own + R_GATE], lane)
            if table[T_WHOLE] == 0:
                weight = spread(body, table[own + R_WEIGHT] + lane)
                store(body, to, fma(weight, state, load(body, to)))
            if own == row and k <= lane < k + width(body):
                body[to + lane - k] += body[table[layer + L_NOW + table[own + R_OWN]] + lane]


@inline
def _through_rows(body, table, layer, block, lane, total, traced):
    """`total` and the sum over the rows of push dz: of those that move the state, or the others."""
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        if table[row + R_OWN] < 0 and (table[row + R_TRACED] != 0) == traced:
            gate, shared = table[row + R_GATE], table[row + R_LANES] < table[layer + L_LANES]
            push = table[layer + L_NOW + S_PUSH] + gate * table[layer + L_LANES] + lane
            dz = _sum_at(body, table, layer, gate, block if shared else lane)
            total = fma(spread(body, push), load(body, dz), total)
    return total


@inline
def _derive_gates(body, table, layer, row, at):
    """The gates that others see."""
    if table[layer + L_GATES_AT] < 0:
        return
    state = table[layer + L_STATE] + table[layer + L_UNITS]
    state += table[layer + L_OUT] * table[layer + L_OUT_GROUPS]
    for place in (0, 1, 3):  # i, f and o
        number = table[layer + L_GATES + place]
        if number >= 0:
            for b in range(table[layer + L_BLOCKS]):
                gate_at = table[layer + L_NOW + S_GATES] + number * table[layer + L_LANES] + b
                gate = spread(body, gate_at)
                dz = load(body, _sum_at(body, table, layer, number, b))
                slope = gate * (const(gate, 1.0) - gate)
                store(body, _influence(body, table, row, at, state), slope * dz)
                state += 1


@inline
def _derive_output(body, table, layer, row, k, d, at):
    """dh = P dm, where the layer has a projection P."""
    projection = table[layer + L_PROJECTION]
    if projection < 0:
        return
    for p in range(table[layer + L_OUT]):
        dh, cell = const(load(body, at), 0.0), 0
        for c in range(table[layer + L_GROUPS]):
            for b in range(table[layer + L_BLOCKS]):
                dm = _sum_at(body, table, layer, 4, c * table[layer + L_BLOCK_LANES] + b)
                weight = spread(body, weight_place(body, table, projection, p, cell))
                dh = fma(weight, load(body, dm), dh)
                cell += 1
        state = table[layer + L_STATE] + table[layer + L_UNITS] + p
        to = _influence(body, table, row, at, state)
        store(body, to, dh)
        if projection == row and k <= p < k + width(body):
            body[to + p - k] += body[table[layer + L_NOW + S_V] + d]


@inline
def gather_influence(body, table):
    """Add the gradient of a label to the sums, from dL/dh of the last layer."""
    for number in range(table[T_LAYERS]):
        layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
        for r in range(_rows(table, layer)):
            row = table[layer + L_FIRST_ROW] + r * R_SIZE
            for k in range(0, table[row + R_COUNT] * table[row + R_LANES], width(body)):
                _gather_vector(body, table, row, k)


@inline
def _gather_vector(body, table, row, k):
    last, at = table[T_LAST_LAYER], table[row + R_TRACE] + k
    g = load(body, table[row + R_SUM] + k)
    state = table[last + L_STATE] + table[last + L_UNITS]
    for group in range(table[last + L_OUT_GROUPS]):
        for j in range(table[last + L_OUT]):
            credit = spread(body, table[last + L_CREDIT] + group * table[last + L_OUT_LANES] + j)
            g = fma(credit, load(body, _influence(body, table, row, at, state)), g)
            state += 1
    store(body, table[row + R_SUM] + k, g)
