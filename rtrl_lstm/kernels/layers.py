"""One layer, and the readout: forward, credit and update, built from sweeps.

A layer has two sets of states: the one that learns (L_NOW) and the one that the next row moves
(L_NEXT). In a Learner they are the same numbers but for the sources u, of which the present and
the next are both needed in one sweep. In a Forecaster they are the trailing and the leading state.
"""

from __future__ import annotations

from rtrl_lstm.kernels.deferred import descend_or_defer, finish_deferred, settle_deferred, turn
from rtrl_lstm.kernels.dropout import drop_below
from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.lanes import const, fma, load, store, total, width
from rtrl_lstm.kernels.optimisers import optimiser_of
from rtrl_lstm.kernels.slots import (
    DIRECT,
    H_DROPOUT,
    H_PENDING,
    L_BELOW,
    L_BLOCK_LANES,
    L_BLOCKS,
    L_CELL_CREDIT,
    L_CREDIT,
    L_DEFERRED,
    L_FIRST_ROW,
    L_GATES,
    L_GATES_AT,
    L_GROUPS,
    L_H_AT,
    L_LANES,
    L_MASK,
    L_NEXT,
    L_NOW,
    L_OUT,
    L_OUT_GROUPS,
    L_OUT_LANES,
    L_PROJECTION,
    L_ROWS,
    L_TOGETHER,
    L_X_AT,
    NOTHING,
    R_COUNT,
    R_FIRST,
    R_GATE,
    R_GROUPS,
    R_KIND,
    R_LANES,
    R_OWN,
    R_SIZE,
    R_TRACED,
    R_VISITS,
    R_WEIGHT,
    S_DECAY,
    S_DH_DS,
    S_GATES,
    S_H,
    S_M,
    S_U,
    S_V,
    S_Z,
    SGD,
    T_CREDIT_OUT,
    T_DIRECT,
    T_FIRST_LAYER,
    T_LAST_LAYER,
    T_LAYER_STEP,
    T_OUT,
    T_OUTPUTS,
    T_READOUT,
    T_SUMS,
    TRACED,
    TRACES,
    WEIGHTS,
    WEIGHTS_ONLY,
)
from rtrl_lstm.kernels.sparse import advance_listed, descend_listed, plan_visits, project_listed
from rtrl_lstm.kernels.sweeps import (
    descend_direct,
    descend_gates_in_pairs,
    descend_traced,
    learn_any,
    project,
    push_of,
    trace,
    trace_any,
)
from rtrl_lstm.kernels.team import (
    ADVANCE,
    FINISH,
    PASS_DOWN,
    PROJECT,
    begin_sweep,
    next_chunk,
)


@hot
def gather_own(body, table, layer, states):
    """Put a layer's own h, and gates, among its sources, as those of the step before."""
    u = table[states + S_U]
    if table[layer + L_H_AT] >= 0:
        _gather_output(body, table, layer, table[states + S_H], u + table[layer + L_H_AT])
    if table[layer + L_GATES_AT] >= 0:
        _gather_gates(body, table, layer, states, u + table[layer + L_GATES_AT])


@inline
def _gather_output(body, table, layer, h, to):
    for _ in range(table[layer + L_OUT_GROUPS]):
        for j in range(table[layer + L_OUT]):
            body[to + j] = body[h + j]
        to += table[layer + L_OUT]
        h += table[layer + L_OUT_LANES]


@inline
def _gather_gates(body, table, layer, states, to):
    for gate in (0, 1, 3):  # i, f and o; 2 is the cell's input
        number = table[layer + L_GATES + gate]
        if number >= 0:
            at = table[states + S_GATES] + number * table[layer + L_LANES]
            for j in range(table[layer + L_BLOCKS]):
                body[to + j] = body[at + j]
            to += table[layer + L_BLOCKS]


@inline
def gather_below(head, body, table, layer, number, states, row):
    """Put h of the layer below among the sources of layer `number`; `states` is L_NOW or L_NEXT.

    row: the number, from 1, of a row that is learned from, some of whose numbers may be dropped;
    0: nothing is.
    """
    below = layer - table[T_LAYER_STEP]
    to = table[layer + states + S_U] + table[layer + L_X_AT]
    _gather_output(body, table, below, table[below + states + S_H], to)
    if row > 0 and head[H_DROPOUT] > 0.0:
        drop_below(head, body, table, layer, number, row, to)


@inline
def project_layer(body, table, layer, states, team):
    """z of one set of states from its sources, no learning."""
    task = PROJECT, states, table[layer + L_LANES], width(body)
    chunk, span = begin_sweep(team, table, layer, *task)
    while chunk >= 0:
        project_part(body, table, layer, states, chunk * span, span)
        chunk = next_chunk(team, table, layer)


@inline
def project_part(body, table, layer, states, begin, span):
    """`project_layer` of the lanes from `begin` on, `span` of them at most."""
    lanes, z, u = table[layer + L_LANES], table[states + S_Z], table[states + S_U]
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        if table[row + R_OWN] < 0:
            for k in range(begin, min(begin + span, table[row + R_LANES]), width(body)):
                at = k * table[row + R_COUNT]
                projection = project(body, table, row, at, u)
                store(body, z + table[row + R_GATE] * lanes + k, projection)


def make_layer(listed, narrow):
    """Moving a layer on, and bringing it up to date.

    listed: whether only some columns of the first layer are visited, see `sparse.py`: a
    compilation of its own, which no other learner pays for. narrow: whether vectors are taken two
    at a time. Such learners have no team. Returns (advance_layer, finish_layer, advance_part,
    finish_part).
    """
    advance_lanes = _advance_listed if listed else _advance_lanes
    advance_gates = _make_advance_gates(descend_gates_in_pairs if narrow else descend_or_defer)

    @hot
    def advance_layer(head, body, table, layer, u_next, team):
        """Do what the last step left pending, and project u_next with the new weights into
        L_NEXT."""
        if listed and layer == table[T_FIRST_LAYER]:
            plan_visits(head, table, layer)
        defers = table[layer + L_DEFERRED] >= 0 and _rows_together(head, table, layer) > 0
        if not defers:
            settle_deferred(head, body, table)
        task = ADVANCE, u_next, table[layer + L_LANES], width(body)
        chunk, span = begin_sweep(team, table, layer, *task)
        while chunk >= 0:
            advance_part(head, body, table, layer, u_next, chunk * span, span)
            chunk = next_chunk(team, table, layer)
        if defers:
            turn(head, body, table, layer)

    @hot
    def advance_part(head, body, table, layer, u_next, begin, span):
        """`advance_layer` of the lanes from `begin` on, `span` of them at most."""
        z, lanes = table[layer + L_NEXT + S_Z], table[layer + L_LANES]
        together = _rows_together(head, table, layer)
        if together > 0:
            advance_gates(head, body, table, layer, u_next, z, begin, min(begin + span, lanes))
        for r in range(together, table[layer + L_ROWS]):
            row = table[layer + L_FIRST_ROW] + r * R_SIZE
            for k in range(begin, min(begin + span, table[row + R_LANES]), width(body)):
                projection = advance_lanes(head, body, table, layer, row, k, u_next)
                if table[row + R_OWN] < 0:
                    store(body, z + table[row + R_GATE] * lanes + k, projection)

    @inline
    def finish_layer(head, body, table, layer, team):
        """Do what the last step left pending, and nothing else."""
        finish_deferred(head, body, table, layer)
        if listed and layer == table[T_FIRST_LAYER]:
            plan_visits(head, table, layer)
        task = FINISH, table[layer + L_NOW + S_U], table[layer + L_LANES], width(body)
        chunk, span = begin_sweep(team, table, layer, *task)
        while chunk >= 0:
            finish_part(head, body, table, layer, chunk * span, span)
            chunk = next_chunk(team, table, layer)
        if table[layer + L_PROJECTION] >= 0:
            row, v = table[layer + L_PROJECTION], table[layer + L_NOW + S_V]
            for k in range(0, table[row + R_LANES], width(body)):
                _advance_projection(head, body, table, layer, row, k, v)

    @inline
    def finish_part(head, body, table, layer, begin, span):
        """`finish_layer` of the lanes from `begin` on, `span` of them at most."""
        u = table[layer + L_NOW + S_U]
        for r in range(table[layer + L_ROWS]):
            row = table[layer + L_FIRST_ROW] + r * R_SIZE
            for k in range(begin, min(begin + span, table[row + R_LANES]), width(body)):
                advance_lanes(head, body, table, layer, row, k, u)

    return advance_layer, finish_layer, advance_part, finish_part


@inline
def _rows_together(head, table, layer):
    """How many rows one sweep can do what is pending for: those of an LSTM's gates, or none."""
    descends = optimiser_of(table, table[T_SUMS] != 0) == SGD
    return table[layer + L_TOGETHER] if descends and head[H_PENDING] == WEIGHTS else 0


def _make_advance_gates(descend):
    @hot
    def advance_gates(head, body, table, layer, u_next, z, begin, end):
        """Bring lanes begin.. to end of the rows of an LSTM's gates up to date, and project u_next
        to the place z."""
        u, lanes, k = table[layer + L_NOW + S_U], table[layer + L_LANES], begin
        while k < end:
            gain = _gain(body, table, layer, table[layer + L_FIRST_ROW], k)
            z_i, z_f, z_g, z_o = descend(head, body, table, layer, k, u, u_next, gain)
            store(body, z + k, z_i)
            store(body, z + lanes + k, z_f)
            store(body, z + 2 * lanes + k, z_g)
            store(body, z + 3 * lanes + k, z_o)
            k += width(body)

    return advance_gates


@inline
def _advance_lanes(head, body, table, layer, row, k, u_next):
    """Lanes k.. of a row: the pending work, and the projection of u_next."""
    states, pending, kind = layer + L_NOW, head[H_PENDING], table[row + R_KIND]
    u, at, own = table[states + S_U], k * table[row + R_COUNT], table[row + R_OWN] >= 0
    if pending == NOTHING or (pending == TRACES and kind == DIRECT):
        return project(body, table, row, at, u_next)
    push = push_of(body, table, layer, row, k)
    decay = load(body, table[states + S_DECAY] + k)
    if pending == TRACES:
        if kind == TRACED and not own:
            return trace(body, table, row, at, u, u_next, decay, push)
        trace_any(body, table, layer, row, k, u)
        return project(body, table, row, at, u_next)
    if pending == WEIGHTS_ONLY:  # E = 1 E + 0 u
        decay = const(push, 1.0)
    gain = _gain(body, table, layer, row, k)
    if kind == TRACED and pending == WEIGHTS_ONLY:
        push = const(push, 0.0)
    gathering = table[T_SUMS] != 0
    if optimiser_of(table, gathering) == SGD and not own:
        if kind == TRACED:
            return descend_traced(head, body, table, row, at, u, u_next, decay, push, gain)
        if kind == DIRECT:
            return descend_direct(head, body, table, row, at, u, u_next, gain)
    return learn_any(head, body, table, gathering, layer, row, k, u, u_next, decay, push, gain)


@inline
def _advance_listed(head, body, table, layer, row, k, u_next):
    """The same of a row that may have columns which are passed over."""
    if table[row + R_VISITS] < 0:
        return _advance_lanes(head, body, table, layer, row, k, u_next)
    states, at = layer + L_NOW, k * table[row + R_COUNT]
    decay, push = load(body, table[states + S_DECAY] + k), push_of(body, table, layer, row, k)
    gain, gathering = _gain(body, table, layer, row, k), table[T_SUMS] != 0
    places = (row, at, table[states + S_U], u_next)
    return advance_listed(head, body, table, gathering, *places, decay, push, gain)


@inline
def _gain(body, table, layer, row, k):
    """dL/ds of a traced row, dL/dz of a direct one: of a block, over all its cells."""
    states = layer + L_NOW
    if table[row + R_TRACED] != 0:
        credit = load(body, table[layer + L_CELL_CREDIT] + k)
        return credit * load(body, table[states + S_DH_DS] + k)
    gain = const(load(body, 0), 0.0)
    for _ in range(table[row + R_GROUPS]):
        credit = load(body, table[layer + L_CELL_CREDIT] + k)
        gain = fma(credit, push_of(body, table, layer, row, k), gain)
        k += table[layer + L_BLOCK_LANES]
    return gain


@hot
def advance_projection(head, body, table, layer, states):
    """h = P m, after what the last step left pending for P: for the set `states` of states."""
    row = table[layer + L_PROJECTION]
    if row >= 0:
        v = table[layer + states + S_V]
        _gather_cells(body, table, layer, table[layer + states + S_M], v)
        for k in range(0, table[row + R_LANES], width(body)):
            h = _advance_projection(head, body, table, layer, row, k, v)
            store(body, table[layer + states + S_H] + k, h)


@inline
def _gather_cells(body, table, layer, m, to):
    for _ in range(table[layer + L_GROUPS]):
        for j in range(table[layer + L_BLOCKS]):
            body[to + j] = body[m + j]
        to += table[layer + L_BLOCKS]
        m += table[layer + L_BLOCK_LANES]


@inline
def _advance_projection(head, body, table, layer, row, k, v_next):
    at, pending = k * table[row + R_COUNT], head[H_PENDING]
    if pending == NOTHING or pending == TRACES:  # noqa: SIM109, `in` builds a tuple here
        return project(body, table, row, at, v_next)
    v, credit = table[layer + L_NOW + S_V], load(body, table[layer + L_CREDIT] + k)
    return _learn_direct(head, body, table, layer, row, k, v, v_next, credit)


@inline
def _learn_direct(head, body, table, layer, row, k, u, u_next, gain):
    """Lanes k.. of a row that no cell has: the projection's and the readout's."""
    gathering = table[T_SUMS] != 0
    if optimiser_of(table, gathering) == SGD:
        at = k * table[row + R_COUNT]
        return descend_direct(head, body, table, row, at, u, u_next, gain)
    return learn_any(head, body, table, gathering, layer, row, k, u, u_next, gain, gain, gain)


def make_readout(listed):
    """The readout's forecast and its learning; listed as for `make_layer`.

    Returns (read_out, learn_readout).
    """

    @hot
    def project_direct(head, body, table, row, at, u):
        if listed and table[row + R_VISITS] >= 0:
            return project_listed(head, body, table, row, at, u)
        return project(body, table, row, at, u)

    @hot
    def learn_direct(head, body, table, row, k, u, gain):
        if listed and table[row + R_VISITS] >= 0:
            at = k * table[row + R_COUNT]
            descend_listed(head, body, table, table[T_SUMS] != 0, row, at, u, gain)
        else:
            _learn_direct(head, body, table, table[T_LAST_LAYER], row, k, u, u, gain)

    @inline
    def read_out(head, body, table, states):
        """The readout a = V h + b (+ D x) of one set of states, L_NOW or L_NEXT."""
        out, outputs = table[T_OUT], table[T_OUTPUTS]
        first, last = table[T_FIRST_LAYER], table[T_LAST_LAYER]
        h, row = table[last + states + S_H], table[T_READOUT]
        step, weight = width(body), table[row + R_WEIGHT]
        direct, u = table[T_DIRECT], table[first + states + S_U]
        k = 0
        while k < outputs:
            at = k * table[direct + R_COUNT]
            store(body, out + k, project_direct(head, body, table, direct, at, u))
            k += step
        for o in range(outputs):
            dot, k = const(load(body, h), 0.0), 0
            while k < table[row + R_LANES]:
                dot = fma(load(body, weight + k * outputs + o * step), load(body, h + k), dot)
                k += step
            # A number from lanes just stored is there at once; lanes from numbers would be waited
            # for. Hence in this order.
            body[out + o] += total(dot)

    @hot
    def learn_readout(head, body, table):
        """Gradient dL/da h' of the readout's weights and dL/da [1, x]' of bias and shortcuts."""
        last, credit = table[T_LAST_LAYER], table[T_CREDIT_OUT]
        row, h = table[T_READOUT], table[last + L_NOW + S_H]
        k = 0
        while k < table[row + R_LANES]:
            _learn_direct(head, body, table, last, row, k, credit, credit, load(body, h + k))
            k += width(body)
        row, u, k = table[T_DIRECT], table[table[T_FIRST_LAYER] + L_NOW + S_U], 0
        while k < table[T_OUTPUTS]:
            learn_direct(head, body, table, row, k, u, load(body, credit + k))
            k += width(body)

    return read_out, learn_readout


@hot
def assign_credit(body, table, team):
    """dL/dh of all layers: V' dL/da for the last, with V as it was when it spoke."""
    layer, row, k = table[T_LAST_LAYER], table[T_READOUT], 0
    while k < table[row + R_LANES]:
        credit = project(body, table, row, k * table[row + R_COUNT], table[T_CREDIT_OUT])
        store(body, table[layer + L_CREDIT] + k, credit)
        k += width(body)
    _credit_cells(body, table, layer)
    while layer > table[T_FIRST_LAYER]:
        below = layer - table[T_LAYER_STEP]
        _pass_credit_down(body, table, layer, below, team)
        _credit_cells(body, table, below)
        layer = below


@inline
def _credit_cells(body, table, layer):
    """dL/dm = P' dL/dh, where a layer has a projection P; else they are the same numbers."""
    row = table[layer + L_PROJECTION]
    if row < 0:
        return
    source, to = 0, table[layer + L_CELL_CREDIT]
    for _ in range(table[layer + L_GROUPS]):
        for j in range(table[layer + L_BLOCKS]):
            dot = const(load(body, 0), 0.0)
            for k in range(0, table[row + R_LANES], width(body)):
                at = k * table[row + R_COUNT] + source * width(body)
                credit = load(body, table[layer + L_CREDIT] + k)
                dot = fma(load(body, table[row + R_WEIGHT] + at), credit, dot)
            body[to + j] = total(dot)
            source += 1
        to += table[layer + L_BLOCK_LANES]


@inline
def _pass_credit_down(body, table, layer, below, team):
    """dL/dh of the layer below: the sum over a layer's rows of W_x' dL/dz, of this step alone."""
    task = PASS_DOWN, below, table[layer + L_BELOW], width(body)
    chunk, span = begin_sweep(team, table, layer, *task)
    while chunk >= 0:
        pass_part_down(body, table, layer, below, chunk * span, span)
        chunk = next_chunk(team, table, layer)


@inline
def pass_part_down(body, table, layer, below, begin, span):
    """The same for the outputs of the layer below from number `begin` on, `span` at most."""
    for number in range(begin, min(begin + span, table[layer + L_BELOW])):
        group, j = number // table[below + L_OUT], number % table[below + L_OUT]
        place = table[below + L_CREDIT] + group * table[below + L_OUT_LANES]
        credit = total(_credit_of_source(body, table, layer, number))
        dropped = table[layer + L_MASK] >= 0
        body[place + j] = credit * body[table[layer + L_MASK] + number] if dropped else credit


@inline
def _credit_of_source(body, table, layer, number):
    """Lanewise sum of dL/dz times the weights that see a number from below."""
    seen = table[layer + L_X_AT] + number
    credit = const(load(body, 0), 0.0)
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        d = seen - table[row + R_FIRST]
        if table[row + R_OWN] < 0 and 0 <= d < table[row + R_COUNT]:
            for k in range(0, table[row + R_LANES], width(body)):
                at = table[row + R_WEIGHT] + k * table[row + R_COUNT] + d * width(body)
                credit = fma(_slope(body, table, layer, row, k), load(body, at), credit)
    return credit


@inline
def _slope(body, table, layer, row, k):
    """dL/dz of lanes k.. of a row."""
    slope = const(load(body, 0), 0.0)
    for _ in range(table[row + R_GROUPS]):
        part = load(body, table[layer + L_CELL_CREDIT] + k)
        part = part * push_of(body, table, layer, row, k)
        if table[row + R_TRACED] != 0:
            part = part * load(body, table[layer + L_NOW + S_DH_DS] + k)
        slope = slope + part
        k += table[layer + L_BLOCK_LANES]
    return slope
