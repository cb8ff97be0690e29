"""One setting for all rows: what the best ones have in common, and nothing set for a row.

Only the loss follows the kind of target: softmax and cross-entropy for symbols, squared error of a
linear output for numbers.
"""

from __future__ import annotations

from dataclasses import replace

from .. import nets
from ..nets import Options
from ..plain import Plain
from ..rows import SPARSE, Row, Setting, adam, merged
from ..tasks import TwoMarked, TwoSequences

NAME = "8 cells, inputs to outputs, input gates biased -3, Adam .01"
NET: Options = {
    **nets.CELLS,
    **nets.SEQUENCE,
    "hidden_size": 8,
    "shortcuts": True,
    "input_gate_bias": -3.0,
    **adam(0.01),
}


def added(row: Row) -> Row:
    """A row of the paper's LSTM with the common setting as well."""
    first = row.settings[0]
    if isinstance(first.net, Plain) or row.name in ALIKE:
        return row
    numbers = isinstance(row.task, TwoMarked | TwoSequences)
    options = merged(NET, nets.IDENTITY) if numbers else merged(NET, nets.SOFTMAX, SPARSE)
    # Where the stop is a lucky draw it is the stricter one of the best settings.
    best = next(setting for setting in row.settings if setting.part == "best")
    cap = min(first.cap, 3 * row.published)
    setting = Setting("common", NAME, options, cap, best.batch, best.criterion, best.task)
    return replace(row, settings=(*row.settings, setting))


# Rows that differ from another one by a constant that the common setting has not.
ALIKE = ("4x1, rate 0.1", "3x2, rate 0.1", "3x2, rate 0.2", "4x1, rate 0.5")
