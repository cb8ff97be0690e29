"""One setting for all rows: what the best ones have in common, and nothing set for a row.

Only the loss follows the kind of target: softmax and cross-entropy for symbols, bounded log loss
for two classes, huber and a linear output for sums and products.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from .. import nets
from ..criteria import Held, Window
from ..nets import Options
from ..plain import Plain
from ..rows import SPARSE, Row, Setting, falling, merged
from ..tasks import Distractors, NoiseFree, Task, TwoMarked, TwoSequences
from .numbers import TESTS

NAME = (
    "12 cells, CIFG, input gates biased -9, weights within .2 at first, inputs to outputs, per step"
    ", Adam .03 falling faster"
)
# With the root of the updates the rate falls too slowly for a sum to settle among cells that see
# each other. With weights within .1 at first a rate that falls so fast leaves some nets short of
# Table 1's strings, which bring ten updates each.
NET: Options = {
    **nets.TWELVE_CELLS,
    **nets.STEP,
    **falling(0.03, power=0.75),
    "init_range": 0.2,
    "shortcuts": True,
}
# Rows that differ from another one by a constant that the common setting has not.
ALIKE = ("4x1, rate 0.1", "3x2, rate 0.1", "3x2, rate 0.2", "4x1, rate 0.5")


def added(row: Row) -> Row:
    """A row of the paper's LSTM with the common setting as well, which stops as the best one does;
    in Table 8 later."""
    if isinstance(row.settings[0].net, Plain) or row.name in ALIKE:
        return row
    best = next(setting for setting in row.settings if setting.part == "best")
    options = merged(NET, _of(best.task or row.task))
    criterion = best.criterion
    if isinstance(row.criterion, Window) and row.table == 8:
        # A rate that is large for so many cells now and then leaves a net worse than those that
        # learned the window's sequences, which a look at others tells.
        allowed = row.criterion.wrong
        criterion = Held(row.criterion.tolerance, inf, allowed, size=TESTS, recent=criterion)
    cap = 2 * row.published + (10_000 if row.table in (2, 3) else 0)
    setting = Setting("common", NAME, options, cap, best.batch, criterion, best.task)
    return replace(row, settings=(*row.settings, setting))


def _of(task: Task) -> Options:
    """What follows the kind of target."""
    if isinstance(task, TwoSequences):
        return nets.BOUNDED
    if isinstance(task, TwoMarked):
        return nets.HUBER
    one_label = isinstance(task, Distractors) or (isinstance(task, NoiseFree) and task.end)
    if one_label:  # a sequence: per sequence is per step
        return {**nets.SOFTMAX, **nets.SEQUENCE, **SPARSE}
    return nets.SOFTMAX
