"""What Python calls: one entry for each family of cells.

One, because each entry is compiled with everything below it. What it does is a run-time integer.
"""

from __future__ import annotations

import numpy as np

from rtrl_lstm.kernels import cells, loop
from rtrl_lstm.kernels.jit import entry
from rtrl_lstm.kernels.lanes import address, flush_tiny, restore_mode
from rtrl_lstm.kernels.slots import H_AWAITS

TAKE, LEARN, FINISH, RESET = range(4)

_take_lstm = loop.make_take(cells.lstm)
_bad_number, _bad_label = loop.bad_number, loop.bad_label
_learn_label, _finish, _reset = loop.learn_label, loop.finish, loop.reset


@entry
def lstm(do, head, body, table, x, y, weight, begins, y_hat):
    """TAKE rows (see `loop.make_take`), LEARN a late label y, FINISH what is pending, or RESET.

    Returns 0; or, for TAKE, the number from 1 of a row that cannot be taken, or for LEARN what
    `loop.bad_label` says of y: then nothing has changed.
    """
    h, b, t, first = address(head), address(body), address(table), np.intp(0)
    label, importance = address(y), address(weight)
    wrong, mode = 0, flush_tiny()
    if do == TAKE:
        rows = (address(x), label, importance, address(begins), address(y_hat))
        wrong = _take_lstm(h, b, t, rows, weight.size)
    elif do == LEARN:
        wrong = _bad_label(t, label, first, weight[0])
        if wrong == 0 and _learn_label(h, b, t, label, first, weight[0]):
            head[H_AWAITS] = 0.0
    elif do == FINISH:
        _finish(h, b, t)
    else:
        _reset(h, b, t)
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
