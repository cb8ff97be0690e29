"""One setting for all rows: what the best ones have in common, and nothing set for a row.

Only the loss follows the kind of target: softmax and cross-entropy for symbols, huber and a linear
output for numbers.
"""

from __future__ import annotations

from dataclasses import replace

from .. import nets
from ..nets import Options
from ..plain import Plain
from ..rows import SPARSE, Row, Setting, falling, merged
from ..tasks import Distractors, TwoMarked, TwoSequences
from .numbers import STRICTER

NAME = "12 cells, input gates biased -4, inputs to outputs, per step, Adam .02 falling"
NET: Options = {
    **nets.F,
    **nets.STEP,
    **falling(0.02),
    "hidden_size": 12,
    "init_range": 0.1,
    "shortcuts": True,
    "input_gate_bias": -4.0,
}
# Rows that differ from another one by a constant that the common setting has not.
ALIKE = ("4x1, rate 0.1", "3x2, rate 0.1", "3x2, rate 0.2", "4x1, rate 0.5")


def added(row: Row) -> Row:
    """A row of the paper's LSTM with the common setting as well."""
    if isinstance(row.settings[0].net, Plain) or row.name in ALIKE:
        return row
    # Where the stop is a lucky draw it is the stricter one of the best settings.
    best = next(setting for setting in row.settings if setting.part == "best")
    options = merged(NET, _loss(row))
    task, criterion = row.task, best.criterion
    if isinstance(task, TwoSequences):
        criterion = STRICTER[row.table, task.T, task.N]
    cap = 2 * row.published + (10_000 if row.table in (2, 3) else 0)
    setting = Setting("common", NAME, options, cap, best.batch, criterion, best.task)
    return replace(row, settings=(*row.settings, setting))


def _loss(row: Row) -> Options:
    if isinstance(row.task, TwoMarked | TwoSequences):
        return nets.HUBER
    if isinstance(row.task, Distractors):  # one label a sequence: per sequence is per step
        return {**nets.SOFTMAX, **nets.SEQUENCE, **SPARSE}
    return nets.SOFTMAX
