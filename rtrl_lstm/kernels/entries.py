"""What Python calls: one entry for each family of cells.

One, because each entry is compiled with everything below it. What it does is a run-time integer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtrl_lstm.kernels import cells, loop
from rtrl_lstm.kernels.jit import entry, inline, splice
from rtrl_lstm.kernels.lanes import (
    address,
    float64_at,
    flush_tiny,
    int64_at,
    pointer_at,
    restore_mode,
    uint8_at,
)
from rtrl_lstm.kernels.slots import H_AWAITS

TAKE, LEARN, FINISH, RESET = range(4)
PLACES = 6

_bad_number, _bad_label = loop.bad_number, loop.bad_label
_finish, _reset = loop.finish, loop.reset


def _make_run(cell, exact):
    """See `lstm`; for any family of cells."""
    take, learn_label = loop.make_loop(cell, exact)

    @inline
    def do_without_rows(do, head, body, table, label, weight):
        """LEARN, FINISH or RESET; what `loop.bad_label` says of a label, else 0."""
        first = np.intp(0)
        if do == LEARN:
            wrong = _bad_label(table, label, first, weight[0])
            if wrong != 0:
                return wrong
            if learn_label(head, body, table, label, first, weight[0]):
                head[H_AWAITS] = 0.0
        elif do == FINISH:
            _finish(head, body, table)
        else:
            _reset(head, body, table)
        return 0

    @splice
    def run(do, count, places, x, y_hat):
        head, body = float64_at(places[0]), pointer_at(places[1], y_hat)
        table, label, weight = int64_at(places[2]), float64_at(places[3]), float64_at(places[4])
        mode = flush_tiny()
        if do == TAKE:
            rows = (address(x), label, weight, uint8_at(places[5]), address(y_hat))
            code = take(head, body, table, rows, count)
        else:
            code = do_without_rows(do, head, body, table, label, weight)
        restore_mode(mode)
        return code

    return run


_run_lstm, _run_gru = _make_run(cells.lstm, False), _make_run(cells.gru, False)
_run_rnn, _run_elstm = _make_run(cells.rnn, False), _make_run(cells.elstm, False)
_run_lstm_full, _run_gru_full = _make_run(cells.lstm, True), _make_run(cells.gru, True)
_run_rnn_full, _run_elstm_full = _make_run(cells.rnn, True), _make_run(cells.elstm, True)


@entry
def lstm(do, count, places, x, y_hat):
    """TAKE `count` rows (see `loop.make_take`), LEARN a late label, FINISH what is pending, RESET.

    `places` holds the addresses of head, body, table, labels, weights of labels, and beginnings
    of sequences: one array costs a caller in Python less than six. y_hat is of the body's dtype.

    Returns 0; or, for TAKE, the number from 1 of a row that cannot be taken, or for LEARN what
    `loop.bad_label` says of it: then nothing has changed.
    """
    return _run_lstm(do, count, places, x, y_hat)


@entry
def gru(do, count, places, x, y_hat):
    """As `lstm`."""
    return _run_gru(do, count, places, x, y_hat)


@entry
def rnn(do, count, places, x, y_hat):
    """As `lstm`."""
    return _run_rnn(do, count, places, x, y_hat)


@entry
def elstm(do, count, places, x, y_hat):
    """As `lstm`."""
    return _run_elstm(do, count, places, x, y_hat)


@entry
def lstm_full(do, count, places, x, y_hat):
    """As `lstm`, by the rule "full"."""
    return _run_lstm_full(do, count, places, x, y_hat)


@entry
def gru_full(do, count, places, x, y_hat):
    """As `lstm`, by the rule "full"."""
    return _run_gru_full(do, count, places, x, y_hat)


@entry
def rnn_full(do, count, places, x, y_hat):
    """As `lstm`, by the rule "full"."""
    return _run_rnn_full(do, count, places, x, y_hat)


@entry
def elstm_full(do, count, places, x, y_hat):
    """As `lstm`, by the rule "full"."""
    return _run_elstm_full(do, count, places, x, y_hat)


_SIMPLE = {"lstm": lstm, "gru": gru, "rnn": rnn, "elstm": elstm}
_FULL = {"lstm": lstm_full, "gru": gru_full, "rnn": rnn_full, "elstm": elstm_full}


def entry_of(cell: str, rule: str) -> Any:
    """The entry for a learner: see `lstm`."""
    cell = "lstm" if cell.startswith("lstm") else cell  # the presets are lstms
    return (_FULL if rule == "full" else _SIMPLE)[cell]


ALL = (*_SIMPLE.values(), *_FULL.values())


@entry
def find_bad_number(table, x, y, weight):
    """The first row, from 1, that cannot be taken (0: none), and what `loop.bad_number` says."""
    t, rows = address(table), (address(x), address(y), address(weight))
    for row in range(weight.size):
        code = _bad_number(t, rows, row)
        if code != 0:
            return row + 1, code
    return 0, 0
