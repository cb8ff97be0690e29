"""What Python calls: one entry for each family of cells.

One, because each entry is compiled with everything below it. What it does is a run-time integer.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from rtrl_lstm.kernels import cells, loop
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
from rtrl_lstm.kernels.slots import H_AWAITS, T_INPUTS, T_TARGETS

TAKE, STEP, LEARN, FINISH, RESET, TAKE_CHECKED = range(6)
FLEET = 8  # with one of the above: for many learners
PLACES = 12
MISSHAPEN = -1  # of a STEP: its row is not one of I numbers in one piece


NEAR = 16384  # bytes: half of the nearest cache


@inline
def _share(stride):
    """A quarter of the bytes of a block that are fetched ahead, in whole cache lines.

    Of a large block only the beginning is: the rest would drive out what is in use, and the
    processor sees by itself that it comes line by line.
    """
    return (min(stride, NEAR) + 255) // 256 * 64


@inline
def _rows(places, x, y_hat, labels, weights, ahead, share):
    """What `loop` calls rows."""
    begins, starts, columns = uint8_at(places[5]), int64_at(places[9]), int64_at(places[10])
    given = (address(x), labels, weights, begins, address(y_hat))
    return *given, starts, columns, places[11], ahead, share


def _make_run(cell, exact=False, listed=False, narrow=False):
    """See `lstm`; for any family of cells. exact, listed and narrow: see `loop.make_loop`."""
    take, learn_label, finish, reset = loop.make_loop(cell, exact, listed, narrow)
    pointer_at = narrow_at if narrow else wide_at

    @inline
    def do_without_rows(do, head, body, table, label, weight, t):
        """LEARN label number t, FINISH or RESET; what `bad_label` says of a label, else 0."""
        if do == LEARN:
            first = t * table[T_TARGETS]
            wrong = bad_label(table, label, first, weight[t])
            if wrong != 0:
                return wrong
            if learn_label(head, body, table, label, first, weight[t]):
                head[H_AWAITS] = 0.0
        elif do == FINISH:
            finish(head, body, table)
        else:
            reset(head, body, table)
        return 0

    @inline
    def run_fleet(do, count, places, x, y_hat):
        """The same for `count` learners: see `lstm`."""
        table, labels, weights = int64_at(places[2]), float64_at(places[3]), float64_at(places[4])
        stride, each, numbers = places[6], places[7], int64_at(places[8])
        for k in range(count):
            at = numbers[k] * stride
            head, body = float64_at(places[0] + at), pointer_at(places[1] + at, y_hat)
            if do == TAKE:
                for row in range(k * each, (k + 1) * each):
                    ahead, share = np.int64(0), np.int64(0)
                    if row + 1 == (k + 1) * each and k + 1 < count:
                        ahead, share = places[0] + numbers[k + 1] * stride, _share(stride)
                    rows = _rows(places, x, y_hat, labels, weights, ahead, share)
                    take(head, body, table, rows, row, 1)
            else:
                do_without_rows(do, head, body, table, labels, weights, k)
        return 0

    @inline
    def run(do, count, at, x, y_hat, y, weight):
        places = int64_at(at)
        head, body = float64_at(places[0]), pointer_at(places[1], y_hat)
        table, labels, weights = int64_at(places[2]), float64_at(places[3]), float64_at(places[4])
        if do == STEP:
            if x.size != table[T_INPUTS] or (x.size > 1 and x.strides[0] != x.itemsize):
                return MISSHAPEN
            labels[0] = y
            weights[0] = weight
        mode = flush_tiny()
        if do == TAKE or do == STEP or do == TAKE_CHECKED:  # noqa: SIM109, `in` builds a tuple here
            rows, code = _rows(places, x, y_hat, labels, weights, 0, 0), np.intp(0)
            if do != TAKE_CHECKED:
                code = first_bad_row(table, rows, count)
            if code == 0:
                take(head, body, table, rows, np.intp(0), count)
        elif do < FLEET:
            code = do_without_rows(do, head, body, table, labels, weights, np.intp(0))
        else:
            code = run_fleet(do - FLEET, count, places, x, y_hat)
        restore_mode(mode)
        return code

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
def lstm(do, count, at, x, y_hat, y, weight):
    """TAKE `count` rows (see `loop`), LEARN a late label, FINISH what is pending, or RESET.

    `at` is where the addresses lie of head, body, table, labels, weights of labels, and beginnings
    of sequences: a number costs a caller in Python a tenth of an array. y_hat is of the body's
    dtype. STEP takes one row, whose label is the number y, of the given weight. TAKE_CHECKED is for
    rows of which `find_bad_number` says that they can be taken.

    FLEET + TAKE, LEARN, FINISH or RESET is for `count` learners whose blocks lie `stride` bytes
    apart, head and body being those of the first. Further addresses: stride, rows for each learner,
    and where the learners' numbers lie (int64). All rows and labels must be such as can be taken.
    Then follow, for rows that are lists, where they start, their columns, and a 1: see `loop`.

    Returns 0; or, for TAKE and STEP, the number from 1 of a row that cannot be taken or MISSHAPEN,
    or for LEARN what `acceptance.bad_label` says of it: then nothing has changed.
    """
    return _run_lstm(do, count, at, x, y_hat, y, weight)


@entry
def gru(do, count, at, x, y_hat, y, weight):
    """As `lstm`."""
    return _run_gru(do, count, at, x, y_hat, y, weight)


@entry
def rnn(do, count, at, x, y_hat, y, weight):
    """As `lstm`."""
    return _run_rnn(do, count, at, x, y_hat, y, weight)


@entry
def elstm(do, count, at, x, y_hat, y, weight):
    """As `lstm`."""
    return _run_elstm(do, count, at, x, y_hat, y, weight)


@entry
def lstm_narrow(do, count, at, x, y_hat, y, weight):
    """As `lstm`, for a net of so few units that its layout is narrow."""
    return _run_lstm_narrow(do, count, at, x, y_hat, y, weight)


@entry
def gru_narrow(do, count, at, x, y_hat, y, weight):
    """As `lstm`, for a net of so few units that its layout is narrow."""
    return _run_gru_narrow(do, count, at, x, y_hat, y, weight)


@entry
def rnn_narrow(do, count, at, x, y_hat, y, weight):
    """As `lstm`, for a net of so few units that its layout is narrow."""
    return _run_rnn_narrow(do, count, at, x, y_hat, y, weight)


@entry
def elstm_narrow(do, count, at, x, y_hat, y, weight):
    """As `lstm`, for a net of so few units that its layout is narrow."""
    return _run_elstm_narrow(do, count, at, x, y_hat, y, weight)


@entry
def lstm_full(do, count, at, x, y_hat, y, weight):
    """As `lstm`, by the rule "full"."""
    return _run_lstm_full(do, count, at, x, y_hat, y, weight)


@entry
def gru_full(do, count, at, x, y_hat, y, weight):
    """As `lstm`, by the rule "full"."""
    return _run_gru_full(do, count, at, x, y_hat, y, weight)


@entry
def rnn_full(do, count, at, x, y_hat, y, weight):
    """As `lstm`, by the rule "full"."""
    return _run_rnn_full(do, count, at, x, y_hat, y, weight)


@entry
def elstm_full(do, count, at, x, y_hat, y, weight):
    """As `lstm`, by the rule "full"."""
    return _run_elstm_full(do, count, at, x, y_hat, y, weight)


@entry
def lstm_sparse(do, count, at, x, y_hat, y, weight):
    """As `lstm`, passing over inputs that are zero."""
    return _run_lstm_sparse(do, count, at, x, y_hat, y, weight)


@entry
def gru_sparse(do, count, at, x, y_hat, y, weight):
    """As `lstm`, passing over inputs that are zero."""
    return _run_gru_sparse(do, count, at, x, y_hat, y, weight)


@entry
def rnn_sparse(do, count, at, x, y_hat, y, weight):
    """As `lstm`, passing over inputs that are zero."""
    return _run_rnn_sparse(do, count, at, x, y_hat, y, weight)


@entry
def elstm_sparse(do, count, at, x, y_hat, y, weight):
    """As `lstm`, passing over inputs that are zero."""
    return _run_elstm_sparse(do, count, at, x, y_hat, y, weight)


_SIMPLE = {"lstm": lstm, "gru": gru, "rnn": rnn, "elstm": elstm}
_NARROW = {"lstm": lstm_narrow, "gru": gru_narrow, "rnn": rnn_narrow, "elstm": elstm_narrow}
_FULL = {"lstm": lstm_full, "gru": gru_full, "rnn": rnn_full, "elstm": elstm_full}
_SPARSE = {"lstm": lstm_sparse, "gru": gru_sparse, "rnn": rnn_sparse, "elstm": elstm_sparse}
_FAMILIES = {"simple": _SIMPLE, "narrow": _NARROW, "full": _FULL, "sparse": _SPARSE}
ALL = tuple(function for family in _FAMILIES.values() for function in family.values())


def entry_of(cell: str, family: str) -> Any:
    """The entry for a learner: see `lstm`."""
    return _FAMILIES[family]["lstm" if cell.startswith("lstm") else cell]  # presets are lstms


@cache
def bare_entry(cell: str, family: str, x: np.dtype[Any], body: np.dtype[Any]) -> Any:
    """The entry for rows of dtype `x` and a learner of dtype `body`: see `jit.bare`."""
    arguments = (TAKE, 0, 0, np.empty(0, x), np.empty(0, body), 0.0, 0.0)
    return bare(entry_of(cell, family), *arguments)


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
