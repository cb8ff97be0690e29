"""What Python calls: one entry for each family of cells.

One, because each entry is compiled with everything below it. What it does is a run-time integer.
"""

from __future__ import annotations

import numpy as np

from rtrl_lstm.kernels import cells, loop
from rtrl_lstm.kernels.jit import entry
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

_take_lstm = loop.make_take(cells.lstm)
_bad_number, _bad_label = loop.bad_number, loop.bad_label
_learn_label, _finish, _reset = loop.learn_label, loop.finish, loop.reset


@entry
def lstm(do, count, places, x, y_hat):
    """TAKE `count` rows (see `loop.make_take`), LEARN a late label, FINISH what is pending, RESET.

    `places` holds the addresses of head, body, table, labels, weights of labels, and beginnings
    of sequences: one array costs a caller in Python less than six. y_hat is of the body's dtype.

    Returns 0; or, for TAKE, the number from 1 of a row that cannot be taken, or for LEARN what
    `loop.bad_label` says of it: then nothing has changed.
    """
    head, body = float64_at(places[0]), pointer_at(places[1], y_hat)
    table, label, weight = int64_at(places[2]), float64_at(places[3]), float64_at(places[4])
    wrong, mode, first = 0, flush_tiny(), np.intp(0)
    if do == TAKE:
        rows = (address(x), label, weight, uint8_at(places[5]), address(y_hat))
        wrong = _take_lstm(head, body, table, rows, count)
    elif do == LEARN:
        wrong = _bad_label(table, label, first, weight[0])
        if wrong == 0 and _learn_label(head, body, table, label, first, weight[0]):
            head[H_AWAITS] = 0.0
    elif do == FINISH:
        _finish(head, body, table)
    else:
        _reset(head, body, table)
    restore_mode(mode)
    return wrong


ENTRIES = {"lstm": lstm}


@entry
def find_bad_number(table, x, y, weight):
    """The first row, from 1, that cannot be taken (0: none), and what `loop.bad_number` says."""
    t, rows = address(table), (address(x), address(y), address(weight))
    for row in range(weight.size):
        code = _bad_number(t, rows, row)
        if code != 0:
            return row + 1, code
    return 0, 0
