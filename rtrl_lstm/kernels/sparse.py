"""Inputs that are mostly zero: a sweep visits only the columns in which anything happens.

Where a source, its trace and its next value are all zero, a sweep by plain descent changes nothing
and adds nothing; so it may pass the column over, and every bit stays what it was. Three lists of
inputs, ascending, lie in the head: those that are not zero in the step that is being learned
(NOW), in the step that comes (NEXT), and those that may have a trace (LIVE). What a sweep visits is
a union of them, and all sources that are no inputs. A list is its length and then its members.

Columns are visited in pairs, as the dense sweeps take them, so that even and odd sources are
summed in the same order. A row's pairs begin at its first source, and there are two lists of
pairs: for rows that begin at an even source, and at an odd one. A third one is for the shortcuts.
"""

from __future__ import annotations

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.lanes import const, fma, load, spread, store, width
from rtrl_lstm.kernels.slots import (
    H_PENDING,
    H_STEPS,
    KEEPS,
    L_BELOW,
    L_FIRST_ROW,
    L_NEXT,
    L_NOW,
    L_ROWS,
    L_SOURCES,
    L_UNITS,
    L_X_AT,
    NOTHING,
    R_COUNT,
    R_FIRST,
    R_LANES,
    R_SIZE,
    R_SUM,
    R_TRACE,
    R_TRACED,
    R_TRACES,
    R_VISITS,
    R_WEIGHT,
    S_U,
    T_DIRECT,
    T_FIRST_LAYER,
    T_INPUTS,
    T_LIVE,
    T_NEXT_INPUTS,
    T_NOW_INPUTS,
    T_SPARSE,
    T_VISITS,
    TRACES,
    WEIGHTS_ONLY,
)
from rtrl_lstm.kernels.sweeps import pace_of

_PRUNE_EVERY = 64  # steps


@inline
def _visit(head, visits, pair):
    """Put a pair at the end of a list of pairs, if it is not there yet."""
    count = int(head[visits])
    if count == 0 or head[visits + count] != pair:
        head[visits] = count + 1
        head[visits + count + 1] = pair


@inline
def _visit_all(head, visits, first, begin, end):
    """Pairs of the sources from begin to end, of a row that begins at the source `first`."""
    for d in range(max(begin - first, 0) // 2, (end - first + 1) // 2):
        _visit(head, visits, float(d))


@inline
def _visit_listed(head, visits, shift, one, other):
    """Pairs of the inputs in two lists; `shift` is what to add for their places in a row."""
    a, b = 1, 1
    count, others = int(head[one]), int(head[other])
    while a <= count or b <= others:
        from_one = b > others or (a <= count and head[one + a] <= head[other + b])
        k = int(head[one + a]) if from_one else int(head[other + b])
        if from_one:
            a += 1
        else:
            b += 1
        _visit(head, visits, float((k + shift) // 2))


@inline
def plan_visits(head, table, layer):
    """Say which columns the next sweep over the rows of the first layer visits."""
    now, following, live = table[T_NOW_INPUTS], table[T_NEXT_INPUTS], table[T_LIVE]
    x_at, pending = table[layer + L_X_AT], head[H_PENDING]
    learned = live
    if pending == NOTHING:
        learned = following
    elif pending == TRACES and table[T_SPARSE] == KEEPS:
        learned = now
    for first in range(2):
        visits = table[T_VISITS + first]
        if visits >= 0:
            head[visits] = 0.0
            _visit_all(head, visits, first, first, x_at)
            _visit_listed(head, visits, x_at - first, learned, following)
            end = x_at + table[layer + L_BELOW]
            _visit_all(head, visits, first, end, table[layer + L_SOURCES])


@inline
def take_inputs(head, body, table, rows, t):
    """Put row t, as it is, where the next sweep finds it."""
    layer, following = table[T_FIRST_LAYER], table[T_NEXT_INPUTS]
    at = table[layer + L_NEXT + S_U] + table[layer + L_X_AT]
    for k in range(int(head[following])):
        body[at + int(head[following + 1 + k])] = 0.0
    x, starts, columns, listed = rows[0], rows[5], rows[6], rows[7] != 0
    first, end = t * table[T_INPUTS], (t + 1) * table[T_INPUTS]
    if listed:
        first, end = starts[t], starts[t + 1]
    members = 0
    for k in range(first, end):
        value = x[k]
        if value != 0.0:
            column = columns[k] if listed else k - first
            body[at + column] = value
            members += 1
            head[following + members] = column
    head[following] = members
    _plan_shortcuts(head, table, layer)


@inline
def _plan_shortcuts(head, table, layer):
    row = table[T_DIRECT]
    visits, first = table[row + R_VISITS], table[row + R_FIRST]
    if visits >= 0:
        x_at, following = table[layer + L_X_AT], table[T_NEXT_INPUTS]
        head[visits] = 0.0
        _visit_all(head, visits, first, first, x_at)
        _visit_listed(head, visits, x_at - first, following, following)


@inline
def keep_inputs(head, body, table, layer):
    """What a learner's next state saw is what its present state has seen."""
    now, following = table[T_NOW_INPUTS], table[T_NEXT_INPUTS]
    u, u_next, x_at = table[layer + L_NOW + S_U], table[layer + L_NEXT + S_U], table[layer + L_X_AT]
    for k in range(int(head[now])):
        body[u + x_at + int(head[now + 1 + k])] = 0.0
    count = int(head[following])
    head[now] = count
    for k in range(count):
        column = int(head[following + 1 + k])
        head[now + 1 + k] = column
        body[u + x_at + column] = body[u_next + x_at + column]
    for d in range(x_at):
        body[u + d] = body[u_next + d]
    for d in range(x_at + table[layer + L_BELOW], table[layer + L_SOURCES]):
        body[u + d] = body[u_next + d]


@inline
def keep_traces(head, body, table):
    """The inputs of the step that is being learned have a trace from now on."""
    if int(head[H_STEPS]) % _PRUNE_EVERY == 0 and table[T_SPARSE] != KEEPS:
        _prune(head, body, table)
    live, now = table[T_LIVE], table[T_NOW_INPUTS]
    count = int(head[live])
    for k in range(int(head[now])):
        column = head[now + 1 + k]
        place = live + count
        while place > live and head[place] > column:
            place -= 1
        if place == live or head[place] != column:
            for later in range(live + count, place, -1):
                head[later + 1] = head[later]
            head[place + 1] = column
            count += 1
    head[live] = count


@inline
def _prune(head, body, table):
    """Forget the inputs whose traces have decayed to zero."""
    live, kept = table[T_LIVE], 0
    for k in range(int(head[live])):
        column = head[live + 1 + k]
        if _has_trace(body, table, int(column)):
            kept += 1
            head[live + kept] = column
    head[live] = kept


@inline
def _has_trace(body, table, column):
    layer, step = table[T_FIRST_LAYER], width(body)
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        if table[row + R_VISITS] >= 0 and table[row + R_TRACES] > 0:
            d = table[layer + L_X_AT] + column - table[row + R_FIRST]
            for k in range(0, table[row + R_LANES], step):
                at = table[row + R_TRACE] + k * table[row + R_COUNT] + d * step
                for lane in range(min(step, table[layer + L_UNITS] - k)):
                    if body[at + lane] != 0.0:
                        return True
    return False


@inline
def clear_listed(head, body, table, row):
    """The traces of a row are zero."""
    layer, live, step = table[T_FIRST_LAYER], table[T_LIVE], width(body)
    x_at = table[layer + L_X_AT] - table[row + R_FIRST]
    end = x_at + table[layer + L_BELOW]
    for k in range(0, table[row + R_LANES], step):
        at = table[row + R_TRACE] + k * table[row + R_COUNT]
        for number in range(x_at * step):
            body[at + number] = 0.0
        for member in range(int(head[live])):
            column = at + (x_at + int(head[live + 1 + member])) * step
            store(body, column, const(load(body, column), 0.0))
        for number in range(end * step, table[row + R_COUNT] * step):
            body[at + number] = 0.0


@inline
def forget_traces(head, table):
    """No input has a trace any more."""
    head[table[T_LIVE]] = 0.0


@inline
def project_listed(head, body, table, row, at, u):
    """z = sum over d of W[d] u[d], of the columns that are visited: see `sweeps.project`."""
    visits, count, step = table[row + R_VISITS], table[row + R_COUNT], width(body)
    weight, u = table[row + R_WEIGHT] + at, u + table[row + R_FIRST]
    even = odd = const(load(body, u), 0.0)
    for member in range(int(head[visits])):
        d = 2 * int(head[visits + 1 + member])
        if d >= count:
            break
        even = fma(load(body, weight + d * step), spread(body, u + d), even)
        if d + 1 < count:
            odd = fma(load(body, weight + (d + 1) * step), spread(body, u + d + 1), odd)
    return even + odd


@inline
def descend_listed(head, body, table, gathering, row, at, u, gain):
    """The update of the columns that are visited, after their traces: descent, or into the sum."""
    visits, count, step = table[row + R_VISITS], table[row + R_COUNT], width(body)
    traced = table[row + R_TRACED] != 0
    trace, u = table[row + R_TRACE] + at, u + table[row + R_FIRST]
    weight, summed = table[row + R_WEIGHT] + at, table[row + R_SUM] + at
    pace = pace_of(head, gain)
    for member in range(int(head[visits])):
        d = 2 * int(head[visits + 1 + member])
        for source in range(d, min(d + 2, count)):
            k = source * step
            slope = load(body, trace + k) if traced else spread(body, u + source)
            if gathering:
                store(body, summed + k, load(body, summed + k) + gain * slope)
            else:
                store(body, weight + k, fma(pace, slope, load(body, weight + k)))


@inline
def advance_listed(head, body, table, gathering, row, at, u, u_next, decay, inject, gain):
    """All of `sweeps` that a row of the first layer needs, on the columns that are visited."""
    visits, count, step = table[row + R_VISITS], table[row + R_COUNT], width(body)
    pending, traced = head[H_PENDING], table[row + R_TRACED] != 0
    if pending == NOTHING or (pending == TRACES and not traced):
        return project_listed(head, body, table, row, at, u_next)
    first = table[row + R_FIRST]
    places = (table[row + R_WEIGHT] + at, table[row + R_TRACE] + at, table[row + R_SUM] + at)
    does = (traced, pending != WEIGHTS_ONLY, pending != TRACES, gathering)
    numbers = (decay, inject, gain, pace_of(head, gain))
    even = odd = const(gain, 0.0)
    for member in range(int(head[visits])):
        d = 2 * int(head[visits + 1 + member])
        if d >= count:
            break
        k, source = d * step, first + d
        w = _learn_column(body, places, k, spread(body, u + source), does, numbers)
        even = fma(w, spread(body, u_next + source), even)
        if d + 1 < count:
            w = _learn_column(body, places, k + step, spread(body, u + source + 1), does, numbers)
            odd = fma(w, spread(body, u_next + source + 1), odd)
    return even + odd


@inline
def _learn_column(body, places, k, source, does, numbers):
    """Trace and update of one column; returns its new weights."""
    weight, trace, summed = places
    traced, fresh, learns, gathering = does
    decay, inject, gain, pace = numbers
    w = load(body, weight + k)
    slope = source
    if traced:
        slope = load(body, trace + k)
        if fresh:
            slope = fma(decay, slope, inject * source)
            store(body, trace + k, slope)
    if learns:
        if gathering:
            store(body, summed + k, load(body, summed + k) + gain * slope)
        else:
            w = fma(pace, slope, w)
            store(body, weight + k, w)
    return w
