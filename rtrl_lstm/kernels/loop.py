"""The learning step, and the loop over rows.

What a step learns reaches the weights in the sweep of the step after, which projects the next row
in the same pass over memory. Until then it is *pending*: credit, decay and push lie in the block,
so a block is complete at every moment, and `finish` may be called at any time without changing
what comes later by a bit.
"""

from __future__ import annotations

from rtrl_lstm.kernels.combination import combine, learn_combination
from rtrl_lstm.kernels.contexts import (
    consult,
    forget_labels,
    keep_label,
    keep_symbols,
    learn_contexts,
)
from rtrl_lstm.kernels.influence import advance_influence, gather_influence
from rtrl_lstm.kernels.jit import hot, inline
from rtrl_lstm.kernels.lanes import load, prefetch, store, width
from rtrl_lstm.kernels.layers import (
    advance_projection,
    assign_credit,
    gather_below,
    gather_own,
    make_layer,
    make_readout,
    project_layer,
)
from rtrl_lstm.kernels.losses import credit, respond
from rtrl_lstm.kernels.optimisers import begin_update
from rtrl_lstm.kernels.scaling import observe_target, scale_inputs
from rtrl_lstm.kernels.slots import (
    H_AWAITS,
    H_DEFERRED,
    H_FROZEN,
    H_LABELS,
    H_PENDING,
    H_RESET_NEXT,
    H_RESET_STEP,
    H_SCHEDULE_START,
    H_STEPS,
    H_SUMMED,
    H_UPDATES,
    L_BELOW,
    L_FIRST_ROW,
    L_GATES,
    L_GATES_AT,
    L_LANES,
    L_NEXT,
    L_NOW,
    L_OUT_GROUPS,
    L_OUT_LANES,
    L_PROJECTION,
    L_ROWS,
    L_SOURCES,
    L_UNITS,
    L_X_AT,
    NOTHING,
    R_COUNT,
    R_LANES,
    R_SIZE,
    R_TRACE,
    R_TRACES,
    R_VISITS,
    S_GATES,
    S_H,
    S_S,
    S_U,
    S_V,
    SNAP1,
    T_COMBINED,
    T_CONTEXTS,
    T_FIRST_LAYER,
    T_HORIZON,
    T_INPUTS,
    T_LAYER_STEP,
    T_LAYERS,
    T_OUTPUTS,
    T_RESTART,
    T_RING,
    T_RING_RESET,
    T_RULE,
    T_SEQUENCE,
    T_SUMS,
    T_TARGETS,
    TRACES,
    WEIGHTS,
    WEIGHTS_ONLY,
)
from rtrl_lstm.kernels.snap import prepare_snap
from rtrl_lstm.kernels.sparse import (
    clear_listed,
    forget_traces,
    keep_inputs,
    keep_traces,
    take_inputs,
)
from rtrl_lstm.kernels.sums import settle_sums


def _make_finish(finish_layer):
    @inline
    def finish(head, body, table, team):
        """Bring weights and traces up to date with the last step."""
        if head[H_PENDING] != NOTHING or head[H_DEFERRED] != 0.0:
            for number in range(table[T_LAYERS]):
                layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
                finish_layer(head, body, table, layer, team)
            head[H_PENDING] = NOTHING

    return finish


def _make_clear_learning(finish, listed):
    @inline
    def clear_learning(head, body, table, team):
        """A sequence has ended for the state that learns: apply sums, zero state and traces."""
        finish(head, body, table, team)
        if table[T_SEQUENCE] != 0 and head[H_SUMMED] > 0.0 and head[H_FROZEN] == 0.0:
            settle_sums(head, body, table, team)
        if table[T_RESTART] != 0:
            head[H_SCHEDULE_START] = head[H_UPDATES]
        _clear_states(body, table, L_NOW)
        for number in range(table[T_LAYERS]):
            layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
            for r in range(table[layer + L_ROWS]):
                row = table[layer + L_FIRST_ROW] + r * R_SIZE
                if listed and table[row + R_VISITS] >= 0 and table[row + R_TRACES] > 0:
                    clear_listed(head, body, table, row)
                else:
                    _clear_traces(body, table, row)
            if table[layer + L_PROJECTION] >= 0:
                _clear_traces(body, table, table[layer + L_PROJECTION])
        if listed:
            forget_traces(head, table)

    return clear_learning


@inline
def _clear_traces(body, table, row):
    copies = table[row + R_TRACES]
    _clear(body, table[row + R_TRACE], copies * table[row + R_COUNT] * table[row + R_LANES])


@inline
def _clear(body, at, count):
    for k in range(count):
        body[at + k] = 0.0


@inline
def _copy(body, to, at, count):
    """Numbers of an array to another, with what pads both to whole vectors."""
    k = 0
    while k < count:
        store(body, to + k, load(body, at + k))
        k += width(body)


@inline
def _clear_states(body, table, states):
    """Zero the recurrent state of one of the two sets, in all layers."""
    for number in range(table[T_LAYERS]):
        layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
        lanes = table[layer + L_LANES]
        outputs = table[layer + L_OUT_GROUPS] * table[layer + L_OUT_LANES]
        _clear(body, table[layer + states + S_H], outputs)
        _clear(body, table[layer + states + S_S], lanes)
        if table[layer + L_GATES_AT] >= 0:
            for gate in range(4):
                if table[layer + L_GATES + gate] >= 0:
                    at = table[layer + states + S_GATES] + table[layer + L_GATES + gate] * lanes
                    _clear(body, at, lanes)


def _make_reset(clear_learning):
    @inline
    def reset(head, body, table, team):
        """A new sequence begins with the next row."""
        head[H_AWAITS] = 0.0
        forget_labels(head, table)
        if table[T_HORIZON] == 0:
            clear_learning(head, body, table, team)
        else:
            _clear_states(body, table, L_NEXT)
            head[H_RESET_NEXT] = 1.0

    return reset


def _make_forward_next(cell, advance_layer, read_out):
    """Move the next set of states by one row, whose inputs are in place."""

    @hot
    def forward_next(head, body, table, rows, team):
        # A forecaster's next states look ahead: it is the others that learn.
        row = int(head[H_STEPS]) if table[T_HORIZON] == 0 else 0
        for number in range(table[T_LAYERS]):
            layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
            if number > 0:
                gather_below(head, body, table, layer, number, L_NEXT, row)
            gather_own(body, table, layer, layer + L_NEXT)
            advance_layer(head, body, table, layer, table[layer + L_NEXT + S_U], team)
            _bring_near(rows, 1)
            cell(body, table, layer, layer + L_NEXT)
            advance_projection(head, body, table, layer, L_NEXT)
        head[H_PENDING] = NOTHING
        read_out(head, body, table, L_NEXT)

    return forward_next


def _make_keep_sources(listed):
    @hot
    def keep_sources(head, body, table):
        """What a learner's next state saw is what its present state has seen."""
        for number in range(table[T_LAYERS]):
            layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
            if listed and number == 0:
                keep_inputs(head, body, table, layer)
            else:
                u, u_next = table[layer + L_NOW + S_U], table[layer + L_NEXT + S_U]
                _copy(body, u, u_next, table[layer + L_SOURCES])
            if table[layer + L_PROJECTION] >= 0:
                v, v_next = table[layer + L_NOW + S_V], table[layer + L_NEXT + S_V]
                _copy(body, v, v_next, table[layer + L_UNITS])

    return keep_sources


def _make_learn(exact, finish, learn_readout):
    """Learning from a label y[first:] of the states that learn: whether there was any."""

    @inline
    def learn(head, body, table, y, first, weight, team):
        if not credit(head, body, table, y, first, weight):
            return False
        head[H_LABELS] += 1.0
        assign_credit(body, table, team)
        if table[T_SUMS] != 0:
            head[H_SUMMED] += 1.0
        else:
            begin_update(head, table)
        learn_readout(head, body, table)
        if exact:
            gather_influence(body, table)
        else:
            head[H_PENDING] = WEIGHTS if head[H_PENDING] == TRACES else WEIGHTS_ONLY
        if table[T_SUMS] != 0 and table[T_SEQUENCE] == 0:
            finish(head, body, table, team)
            settle_sums(head, body, table, team)
        return True

    return learn


def _make_trace(exact, listed):
    """What a step leaves for labels to come: traces, now or in the sweep of the next row."""

    @hot
    def trace_step(head, body, table):
        if exact:
            advance_influence(body, table)
        else:
            if table[T_RULE] == SNAP1:
                prepare_snap(body, table)
            if listed:
                keep_traces(head, body, table)
            head[H_PENDING] = TRACES

    return trace_step


def _make_learn_label(learn):
    @hot
    def learn_label(head, body, table, y, first, weight, team):
        """Learn the label y[first:] of the last step; whether there was any."""
        observe_target(head, table, y, first)
        row = int(head[H_STEPS])
        learn_combination(head, table, row, y, first, weight)
        if table[T_CONTEXTS] != 0:
            learn_contexts(head, body, table, row - 1, y[first], weight)
            keep_label(head, table, row, y[first])
        return learn(head, body, table, y, first, weight, team)

    return learn_label


@hot
def _answer(head, body, table, rows, t):
    """What row t is told: the network's forecast, or what it comes to with others."""
    x, y_hat = rows[0], rows[4]
    to, row = (rows[10] + t) * table[T_OUTPUTS], int(head[H_STEPS])
    respond(head, body, table, y_hat, to)
    if table[T_CONTEXTS] != 0:
        keep_symbols(head, table, row, x, t * table[T_INPUTS])
        consult(head, body, table, row - int(table[T_HORIZON] == 0), y_hat, to)
    if table[T_COMBINED] != 0:
        combine(head, table, row, x, t * table[T_INPUTS], y_hat, to)


def _make_trail(cell, clear_learning, trace_step, learn, read_out):
    """A forecaster's trailing state takes the row of `horizon` rows ago, whose label row t has."""

    @inline
    def trail(head, body, table, rows, t, team):
        y, weight = rows[1], rows[2]
        layer, horizon, row = table[T_FIRST_LAYER], table[T_HORIZON], int(head[H_STEPS])
        slot = row % horizon
        if body[table[T_RING_RESET] + slot] != 0.0:
            clear_learning(head, body, table, team)
        ring = table[T_RING] + slot * table[layer + L_BELOW]
        to = table[layer + L_NOW + S_U] + table[layer + L_X_AT]
        for k in range(table[layer + L_BELOW]):
            body[to + k] = body[ring + k]
        for number in range(table[T_LAYERS]):
            layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
            if number > 0:
                gather_below(head, body, table, layer, number, L_NOW, row - horizon + 1)
            gather_own(body, table, layer, layer + L_NOW)
            project_layer(body, table, layer, layer + L_NOW, team)
            cell(body, table, layer, layer + L_NOW)
            advance_projection(head, body, table, layer, L_NOW)
        trace_step(head, body, table)
        if row - horizon >= head[H_RESET_STEP]:  # else a reset lies between the row and its label
            read_out(head, body, table, L_NOW)
            if table[T_CONTEXTS] != 0:
                label = y[t * table[T_TARGETS]]
                learn_contexts(head, body, table, row - horizon, label, weight[t])
            learn(head, body, table, y, t * table[T_TARGETS], weight[t], team)

    return trail


@inline
def _buffer(head, body, table):
    """Keep the scaled inputs of this row until their label comes."""
    layer, slot = table[T_FIRST_LAYER], int(head[H_STEPS]) % table[T_HORIZON]
    ring = table[T_RING] + slot * table[layer + L_BELOW]
    at = table[layer + L_NEXT + S_U] + table[layer + L_X_AT]
    for k in range(table[layer + L_BELOW]):
        body[ring + k] = body[at + k]
    body[table[T_RING_RESET] + slot] = head[H_RESET_NEXT]


def _make_learn_due(trail):
    """A forecaster's row t, at first: learn what its label teaches."""

    @inline
    def learn_due(head, body, table, rows, t, team):
        if head[H_RESET_NEXT] != 0.0:
            head[H_RESET_STEP] = head[H_STEPS]
        y, weight, first = rows[1], rows[2], t * table[T_TARGETS]
        observe_target(head, table, y, first)
        learn_combination(head, table, int(head[H_STEPS]), y, first, weight[t])
        if head[H_STEPS] >= table[T_HORIZON]:
            trail(head, body, table, rows, t, team)

    return learn_due


def _make_take_row(parts, listed):
    """Row t: a learner predicts, then learns; a forecaster learns, then looks ahead.

    One function for both, so that what both do is compiled once and needs no call.
    """
    forward_next, keep_sources, trace_step, learn_label, learn_due = parts

    @hot
    def take_row(head, body, table, rows, t, team):
        x, y, weight = rows[:3]
        layer = table[T_FIRST_LAYER]
        ahead, learns = table[T_HORIZON] != 0, head[H_FROZEN] == 0.0
        _bring_near(rows, 0)
        if ahead:
            _know(head, table, y, t)
            if learns:
                learn_due(head, body, table, rows, t, team)
        else:
            head[H_STEPS] += 1.0
        if listed:
            take_inputs(head, body, table, rows, t)
        else:
            at = table[layer + L_NEXT + S_U] + table[layer + L_X_AT]
            scale_inputs(head, body, table, x, t * table[T_INPUTS], at)
        if ahead:
            if learns:
                _buffer(head, body, table)
            head[H_RESET_NEXT] = 0.0
        forward_next(head, body, table, rows, team)
        _bring_near(rows, 2)
        _answer(head, body, table, rows, t)
        if ahead:
            head[H_STEPS] += 1.0
            return
        keep_sources(head, body, table)
        if learns:
            trace_step(head, body, table)
            _bring_near(rows, 3)
            learned = learn_label(head, body, table, y, t * table[T_TARGETS], weight[t], team)
            head[H_AWAITS] = 0.0 if learned else 1.0
        else:
            _know(head, table, y, t)

    return take_row


@hot
def _bring_near(rows, part):
    """Have a share of the next learner's numbers fetched from memory while this one learns.

    All at once they would be waited for: a core has but a dozen lines on their way at a time.
    """
    ahead, share = rows[8], rows[9]
    for line in range(part * share, (part + 1) * share, 64):
        prefetch(ahead + line)


@inline
def _know(head, table, y, t):
    """Contexts will hold the label of row t."""
    if table[T_CONTEXTS] != 0:
        keep_label(head, table, int(head[H_STEPS]), y[t * table[T_TARGETS]])


def make_loop(cell, exact, listed, narrow):
    """All that a learner does, for one family of cells.

    exact: by the rule "full"; listed: inputs that are zero are passed over; narrow: the body is
    handed on as a pointer to narrow vectors. Returns (take, learn_label, finish, reset), see there.
    """
    advance_layer, finish_layer = make_layer(listed, narrow)[:2]
    read_out, learn_readout = make_readout(listed)
    finish = _make_finish(finish_layer)
    clear_learning = _make_clear_learning(finish, listed)
    reset = _make_reset(clear_learning)
    learn, trace_step = _make_learn(exact, finish, learn_readout), _make_trace(exact, listed)
    learn_label = _make_learn_label(learn)
    forward_next = _make_forward_next(cell, advance_layer, read_out)
    keep_sources = _make_keep_sources(listed)
    learn_due = _make_learn_due(_make_trail(cell, clear_learning, trace_step, learn, read_out))
    parts = (forward_next, keep_sources, trace_step, learn_label, learn_due)
    return _make_take(_make_take_row(parts, listed), reset), learn_label, finish, reset


def _make_take(take_row, reset):
    """`count` rows from row `first` on, one after the other; they must be rows that can be taken.

    `rows` is (x, y, weight, begins, y_hat, starts, columns, listed, ahead, share, said):
    x (T * I,), y (T * K,) float64, weight (T,) float64, begins (T,) uint8, 1 where a new sequence
    begins with the row, y_hat ((said + T) * O,), of which the first `said` rows are left alone. If
    `listed` is not 0, x has only some inputs of each row, those of row t from starts[t] to
    starts[t + 1], and columns says which: both int64. `ahead` and `share` are the address of the
    block that is needed next, and a quarter of the bytes of it to fetch ahead: 0 if there is none.
    `team` is the address of a team's words, see `team.py`, or 0.
    """

    @inline
    def take(head, body, table, rows, first, count, team):
        begins = rows[3]
        for t in range(first, first + count):
            if begins[t] != 0:
                reset(head, body, table, team)
            take_row(head, body, table, rows, t, team)

    return take
