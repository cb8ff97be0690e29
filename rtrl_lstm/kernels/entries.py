"""What Python calls: one entry for each family of cells.

One, because each entry is compiled with everything below it. What it does is a run-time integer.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from rtrl_lstm.kernels import cells, loop, team
from rtrl_lstm.kernels.acceptance import all_good, bad_label, bad_number, first_bad_row
from rtrl_lstm.kernels.jit import bare, entry, inline
from rtrl_lstm.kernels.lanes import (
    address,
    float64_at,
    flush_tiny,
    int64_at,
    narrow_at,
    restore_mode,
    uint8_at,
    wide_at,
)
from rtrl_lstm.kernels.layers import make_layer, pass_part_down, project_part
from rtrl_lstm.kernels.slots import H_AWAITS, T_INPUTS, T_TARGETS
from rtrl_lstm.kernels.sums import settle_part

TAKE, STEP, LEARN, FINISH, RESET, TAKE_CHECKED = range(6)
FLEET = 8  # with one of the above: for many learners
LISTS, TEAM, NUMBER, FORECASTS = slice(9, 12), 12, 13, 14
ROOM, FITS, SAID, PLACES = 15, 16, 17, 18
NOT_TAKEN = -1  # of a STEP


NEAR = 16384  # bytes: half of the nearest cache


@inline
def _share(stride):
    """A quarter of the bytes of a block that are fetched ahead, in whole cache lines.

    Of a large block only the beginning is: the rest would drive out what is in use, and the
    processor sees by itself that it comes line by line.
    """
    return (min(stride, NEAR) + 255) // 256 * 64


@inline
def _rows(places, x, labels, weights, y_hat, said, ahead, share):
    """What `loop` calls rows."""
    begins, starts, columns = uint8_at(places[5]), int64_at(places[9]), int64_at(places[10])
    given = (address(x), labels, weights, begins, y_hat)
    return *given, starts, columns, places[11], ahead, share, said


def _make_run(cell, exact=False, listed=False, narrow=False):
    """See `lstm`; for any family of cells. exact, listed and narrow: see `loop.make_loop`."""
    take, learn_label, finish, reset = loop.make_loop(cell, exact, listed, narrow)
    pointer_at = narrow_at if narrow else wide_at

    @inline
    def do_without_rows(do, head, body, table, label, weight, t, team_at):
        """LEARN label number t, FINISH or RESET; what `bad_label` says of a label, else 0."""
        if do == LEARN:
            first = t * table[T_TARGETS]
            wrong = bad_label(table, label, first, weight[t])
            if wrong != 0:
                return wrong
            if learn_label(head, body, table, label, first, weight[t], team_at):
                head[H_AWAITS] = 0.0
        elif do == FINISH:
            finish(head, body, table, team_at)
        else:
            reset(head, body, table, team_at)
        return 0

    @inline
    def run_some(do, first, last, places, x, like):
        """The same for the learners from `first` to `last` of a fleet: see `lstm`."""
        table, labels, weights = int64_at(places[2]), float64_at(places[3]), float64_at(places[4])
        stride, each, numbers = places[6], places[7], int64_at(places[8])
        y_hat = wide_at(places[FORECASTS], like)
        for k in range(first, last):
            at = numbers[k] * stride
            head, body = float64_at(places[0] + at), pointer_at(places[1] + at, like)
            if do == TAKE:
                for row in range(k * each, (k + 1) * each):
                    ahead, share = np.int64(0), np.int64(0)
                    if row + 1 == (k + 1) * each and k + 1 < last:
                        ahead, share = places[0] + numbers[k + 1] * stride, _share(stride)
                    rows = _rows(places, x, labels, weights, y_hat, 0, ahead, share)
                    take(head, body, table, rows, row, 1, 0)
            else:
                do_without_rows(do, head, body, table, labels, weights, k, 0)

    @inline
    def run_fleet(do, count, places, x, like):
        """`count` learners, or those among them that no other thread has claimed."""
        at, number, task, chunk, span = places[TEAM], places[NUMBER], 0, 0, count
        words = int64_at(at)
        if at != 0:
            chunks = words[team.W_THREADS] * words[team.W_EACH]
            span = (count + chunks - 1) // chunks
            task = team.open_fleet(words) if number == 0 else team.await_task(words, 0)
            chunk = team.claim(words, number, task)
        while chunk >= 0:
            run_some(do, chunk * span, min((chunk + 1) * span, count), places, x, like)
            if at != 0:
                team.done(at)
            chunk = team.claim(words, number, task) if at != 0 else -1
        if at != 0 and number == 0:
            team.await_others(words)
        return 0

    @inline
    def run(do, count, at, x, like, y, weight):
        places = int64_at(at)
        head, body = float64_at(places[0]), pointer_at(places[1], like)
        table, labels, weights = int64_at(places[2]), float64_at(places[3]), float64_at(places[4])
        y_hat, said = wide_at(places[FORECASTS], like), np.int64(0)
        if do == STEP:
            y_hat, said = wide_at(places[ROOM], like), places[SAID]
            whole = x.size == table[T_INPUTS] and (x.size <= 1 or x.strides[0] == x.itemsize)
            if said >= places[FITS] or not whole:
                return NOT_TAKEN
            labels[0] = y
            weights[0] = weight
        mode, code = flush_tiny(), np.int64(0)
        if do == TAKE or do == STEP or do == TAKE_CHECKED:  # noqa: SIM109, `in` builds a tuple here
            rows = _rows(places, x, labels, weights, y_hat, said, 0, 0)
            if do != TAKE_CHECKED:
                code = first_bad_row(table, rows, count)
            if code == 0:
                take(head, body, table, rows, np.intp(0), count, places[TEAM])
        elif do < FLEET:
            first = np.intp(0)
            code = do_without_rows(do, head, body, table, labels, weights, first, places[TEAM])
        else:
            code = run_fleet(do - FLEET, count, places, x, like)
        restore_mode(mode)
        if do != STEP:
            return code
        if code != 0:
            return NOT_TAKEN
        places[SAID] = said + 1
        return said

    return run


_run_lstm, _run_gru = _make_run(cells.lstm), _make_run(cells.gru)
_run_rnn, _run_elstm = _make_run(cells.rnn), _make_run(cells.elstm)
_run_lstm_narrow = _make_run(cells.lstm, narrow=True)
_run_gru_narrow = _make_run(cells.gru, narrow=True)
_run_rnn_narrow = _make_run(cells.rnn, narrow=True)
_run_elstm_narrow = _make_run(cells.elstm, narrow=True)
_run_lstm_full = _make_run(cells.lstm, exact=True)
_run_gru_full = _make_run(cells.gru, exact=True)
_run_rnn_full = _make_run(cells.rnn, exact=True)
_run_elstm_full = _make_run(cells.elstm, exact=True)
_run_lstm_sparse = _make_run(cells.lstm, listed=True)
_run_gru_sparse = _make_run(cells.gru, listed=True)
_run_rnn_sparse = _make_run(cells.rnn, listed=True)
_run_elstm_sparse = _make_run(cells.elstm, listed=True)


@entry
def lstm(do, count, at, x, like, y, weight):
    """TAKE `count` rows (see `loop`), LEARN a late label, FINISH what is pending, or RESET.

    `at` is where the addresses lie of head, body, table, labels, weights of labels, and beginnings
    of sequences, and from FORECASTS on that of room for what is forecast: a number costs a caller
    in Python a tenth of an array. like is the body's type of number. TAKE_CHECKED is for rows of
    which `find_bad_number` says that they can be taken.

    STEP takes one row, whose label is the number y, of the given weight. It has room of its own,
    which begins at the address ROOM, FITS as many forecasts, and has SAID so many: what it returns
    is the number of the forecast it has put there, from 0, or NOT_TAKEN, if there is no more room
    or the row cannot be taken.

    FLEET + TAKE, LEARN, FINISH or RESET is for `count` learners whose blocks lie `stride` bytes
    apart, head and body being those of the first. Further addresses: stride, rows for each learner,
    and where the learners' numbers lie (int64). All rows and labels must be such as can be taken.
    Then follow, for rows that are lists, where they start, their columns, and a 1: see `loop`; the
    address of the words of a team, see `team.py`, or 0; and, for a fleet, which of the team's
    threads it is that calls, 0 for the leader, who returns when all has been done.

    Returns else 0; or, for TAKE, the number from 1 of a row that cannot be taken, or for LEARN what
    `acceptance.bad_label` says of it: then nothing has changed.
    """
    return _run_lstm(do, count, at, x, like, y, weight)


@entry
def gru(do, count, at, x, like, y, weight):
    """As `lstm`."""
    return _run_gru(do, count, at, x, like, y, weight)


@entry
def rnn(do, count, at, x, like, y, weight):
    """As `lstm`."""
    return _run_rnn(do, count, at, x, like, y, weight)


@entry
def elstm(do, count, at, x, like, y, weight):
    """As `lstm`."""
    return _run_elstm(do, count, at, x, like, y, weight)


@entry
def lstm_narrow(do, count, at, x, like, y, weight):
    """As `lstm`, for a net of so few units that its layout is narrow."""
    return _run_lstm_narrow(do, count, at, x, like, y, weight)


@entry
def gru_narrow(do, count, at, x, like, y, weight):
    """As `lstm`, for a net of so few units that its layout is narrow."""
    return _run_gru_narrow(do, count, at, x, like, y, weight)


@entry
def rnn_narrow(do, count, at, x, like, y, weight):
    """As `lstm`, for a net of so few units that its layout is narrow."""
    return _run_rnn_narrow(do, count, at, x, like, y, weight)


@entry
def elstm_narrow(do, count, at, x, like, y, weight):
    """As `lstm`, for a net of so few units that its layout is narrow."""
    return _run_elstm_narrow(do, count, at, x, like, y, weight)


@entry
def lstm_full(do, count, at, x, like, y, weight):
    """As `lstm`, by the rule "full"."""
    return _run_lstm_full(do, count, at, x, like, y, weight)


@entry
def gru_full(do, count, at, x, like, y, weight):
    """As `lstm`, by the rule "full"."""
    return _run_gru_full(do, count, at, x, like, y, weight)


@entry
def rnn_full(do, count, at, x, like, y, weight):
    """As `lstm`, by the rule "full"."""
    return _run_rnn_full(do, count, at, x, like, y, weight)


@entry
def elstm_full(do, count, at, x, like, y, weight):
    """As `lstm`, by the rule "full"."""
    return _run_elstm_full(do, count, at, x, like, y, weight)


@entry
def lstm_sparse(do, count, at, x, like, y, weight):
    """As `lstm`, passing over inputs that are zero."""
    return _run_lstm_sparse(do, count, at, x, like, y, weight)


@entry
def gru_sparse(do, count, at, x, like, y, weight):
    """As `lstm`, passing over inputs that are zero."""
    return _run_gru_sparse(do, count, at, x, like, y, weight)


@entry
def rnn_sparse(do, count, at, x, like, y, weight):
    """As `lstm`, passing over inputs that are zero."""
    return _run_rnn_sparse(do, count, at, x, like, y, weight)


@entry
def elstm_sparse(do, count, at, x, like, y, weight):
    """As `lstm`, passing over inputs that are zero."""
    return _run_elstm_sparse(do, count, at, x, like, y, weight)


_, _, _advance_part, _finish_part = make_layer(listed=False, narrow=False)


@entry
def help_leader(at, number, like):
    """Take part in the tasks of the team whose words lie at `at`, as thread `number`, until the
    leader's work is over. like is the body's type of number."""
    words, last = int64_at(at), np.int64(0)
    mode = flush_tiny()
    while last >= 0:
        last = team.await_task(words, last)
        chunk = team.claim(words, number, last) if last >= 0 else -1
        while chunk >= 0:
            # What the words say holds until the chunk is done.
            head, body = float64_at(words[team.W_HEAD]), wide_at(words[team.W_BODY], like)
            table, layer = int64_at(words[team.W_TABLE]), words[team.W_LAYER]
            what, place, span = words[team.W_WHAT], words[team.W_PLACE], words[team.W_SPAN]
            if what == team.ADVANCE:
                _advance_part(head, body, table, layer, place, chunk * span, span)
            elif what == team.FINISH:
                _finish_part(head, body, table, layer, chunk * span, span)
            elif what == team.PROJECT:
                project_part(body, table, layer, place, chunk * span, span)
            elif what == team.PASS_DOWN:
                pass_part_down(body, table, layer, place, chunk * span, span)
            else:
                numbers = float64_at(at)
                scale, limit = numbers[team.W_SCALE], numbers[team.W_LIMIT]
                settle_part(head, body, table, layer, scale, limit, chunk * span, span)
            team.done(at)
            chunk = team.claim(words, number, last)
    restore_mode(mode)


_SIMPLE = {"lstm": lstm, "gru": gru, "rnn": rnn, "elstm": elstm}
_NARROW = {"lstm": lstm_narrow, "gru": gru_narrow, "rnn": rnn_narrow, "elstm": elstm_narrow}
_FULL = {"lstm": lstm_full, "gru": gru_full, "rnn": rnn_full, "elstm": elstm_full}
_SPARSE = {"lstm": lstm_sparse, "gru": gru_sparse, "rnn": rnn_sparse, "elstm": elstm_sparse}
_FAMILIES = {"simple": _SIMPLE, "narrow": _NARROW, "full": _FULL, "sparse": _SPARSE}
ALL = (*(entry for family in _FAMILIES.values() for entry in family.values()), help_leader)


def entry_of(cell: str, family: str) -> Any:
    """The entry for a learner: see `lstm`."""
    return _FAMILIES[family]["lstm" if cell.startswith("lstm") else cell]  # presets are lstms


@cache
def bare_entry(cell: str, family: str, x: np.dtype[Any], body: np.dtype[Any]) -> Any:
    """The entry for rows of dtype `x` and a learner of dtype `body`: see `jit.bare`."""
    arguments = (TAKE, 0, 0, np.empty(0, x), body.type, 0.0, 0.0)
    return bare(entry_of(cell, family), *arguments)


@cache
def bare_help(body: np.dtype[Any]) -> Any:
    """`help_leader` for learners of dtype `body`."""
    return bare(help_leader, 0, 0, body.type)


@entry
def find_bad_number(table, x, y, weight):
    """The first row, from 1, that cannot be taken (0: none), and what `acceptance.bad_number` says.

    An x of no numbers is not looked at.
    """
    t, rows = address(table), (address(x), address(y), address(weight))
    if all_good(t, x, y, weight):
        return 0, 0
    inputs = t[T_INPUTS] if x.size > 0 else 0
    for row in range(weight.size):
        code = bad_number(t, rows, row, row * inputs, inputs)
        if code != 0:
            return row + 1, code
    return 0, 0
