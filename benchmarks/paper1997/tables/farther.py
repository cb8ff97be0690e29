"""How far the same nets carry, and what truncation cannot learn: tasks that the paper has not."""

from __future__ import annotations

from .. import nets
from ..criteria import Run, Window
from ..nets import Options
from ..rows import FARTHER, SPARSE, Row, Setting, adam, merged
from ..tasks import DelayedXor, Distractors, TemporalOrder, TwoMarked
from .numbers import ORDER, ORDER_NAME, SUM, SUM_NAME


def _at_a_time(rows: int) -> int:
    """Sequences of a batch, for a million rows: what takes memory is rows."""
    return max(1, 1_000_000 // rows)


def _long_lag(q: int) -> Row:
    options = (nets.TWO_CELLS, nets.SIGMOID_SLOPE, nets.SEQUENCE, SPARSE, nets.NONE, adam(0.03))
    biased = {"bias": ("gates",), "input_gate_bias": -9.0}
    name, net = "none, input gates biased -9, Adam .03", merged(*options, biased)
    setting = Setting("farther", name, net, 20_000, _at_a_time(q), loop=True)
    name, criterion = f"2c with a lag of {q:,}", Run(0.2, last=True)
    return Row(FARTHER, name, Distractors(q, 50), criterion, (setting,), 0, 0)


def _long_adding(T: int) -> Row:
    name, net = SUM_NAME, merged(*SUM)
    if T > 10_000:
        # What unmarked rows let in grows with the root of T. So less is let in at first, and
        # weights are large enough for some cells to tell a mark from the start.
        name = SUM_NAME.replace("biased -8", "biased -13, weights within 2 at first")
        net = merged(*SUM, {"init_range": 2.0, "input_gate_bias": -13.0})
    setting = Setting("farther", name, net, 60_000, _at_a_time(T))
    name, criterion = f"adding, T = {T:,}", Window(0.04, 0.01)
    return Row(FARTHER, name, TwoMarked(T), criterion, (setting,), 0, 0, tolerance=0.04)


def _long_order(T: int, wired: bool = False) -> Row:
    """wired: also with cells that see each other."""
    options = (nets.ORDER_2, nets.SIGMOID, nets.SEQUENCE, nets.CELLS, adam(0.03))
    biased = {"input_gate_bias": (-7.0, -9.0)}
    name = "cells, no f', input gates biased -7 and -9, Adam .03"
    other = Setting("farther", name, merged(*options, biased), 20_000, 10, loop=True)
    setting = Setting("farther", ORDER_NAME, merged(*ORDER), 20_000, 10)
    settings = (other, setting) if wired else (setting,)
    name, criterion = f"temporal order, T = {T:,}", Window(0.3, 0.1)
    return Row(FARTHER, name, TemporalOrder(2, T), criterion, settings, 0, 0, tolerance=0.3)


def _delayed_xor(T: int) -> Row:
    shared = {**nets.SIGMOID, **nets.SEQUENCE, **adam(0.01)}
    lstm: Options = {"hidden_size": 8, "forget_bias": 3.0}
    kinds: dict[str, Options] = {
        "lstm of 8, rule truncated": {**lstm, "rule": "truncated"},
        "lstm of 8, rule snap1": {**lstm, "rule": "snap1"},
        "lstm of 4, rule full": {**lstm, "rule": "full", "hidden_size": 4},
        "elstm of 8": {"cell": "elstm", "hidden_size": 8},
    }
    settings = tuple(
        Setting("farther", name, {**shared, **kind}, 60_000 if "full" in name else 200_000)
        for name, kind in kinds.items()
    )
    name, criterion = f"delayed XOR, T = {T}", Window(0.3, 0.1)
    return Row(FARTHER, name, DelayedXor(T), criterion, settings, 0, 0, tolerance=0.3)


ROWS: tuple[Row, ...] = (
    _long_lag(10_000),
    _long_lag(100_000),
    _long_adding(10_000),
    _long_adding(100_000),
    _long_order(10_000, wired=True),
    _long_order(100_000),
    _delayed_xor(20),
    _delayed_xor(50),
)
