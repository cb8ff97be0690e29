"""How far the same nets carry, and what truncation cannot learn: tasks that the paper has not."""

from __future__ import annotations

from .. import nets
from ..criteria import Run, Window
from ..nets import Options
from ..rows import FARTHER, SPARSE, Row, Setting, adam, merged
from ..tasks import DelayedXor, Distractors, TwoMarked


def _long_lag(q: int, run: int) -> Row:
    biased = {"bias": ("gates",), "input_gate_bias": -5.0}
    options = (nets.TWO_CELLS, nets.SIGMOID_SLOPE, nets.SEQUENCE, SPARSE, nets.CELLS, adam(0.03))
    batch = max(1, 100_000 // q)
    setting = Setting("farther", "as best in Table 3", merged(*options, biased), 20_000, batch)
    name, criterion = f"2c with a lag of {q:,}", Run(0.2, run, last=True)
    return Row(FARTHER, name, Distractors(q, 50), criterion, (setting,), 0, 0)


def _long_adding(T: int) -> Row:
    options = merged(nets.TWO_BLOCKS, nets.IDENTITY, nets.SEQUENCE, nets.NONE, adam(0.003))
    setting = Setting("farther", "as best in Table 7", options, 60_000, 100)
    name, criterion = f"adding, T = {T:,}", Window(0.04, 0.01)
    return Row(FARTHER, name, TwoMarked(T), criterion, (setting,), 0, 0, tolerance=0.04)


def _delayed_xor(T: int) -> Row:
    net = {"hidden_size": 4, **nets.SIGMOID, **nets.SEQUENCE, **adam(0.01)}
    kinds: dict[str, Options] = {
        **{
            f"lstm, rule {rule}": {"rule": rule, "forget_bias": 3.0}
            for rule in ("truncated", "snap1", "full")
        },
        "elstm": {"cell": "elstm"},
    }
    settings = tuple(
        Setting("farther", name, {**net, **kind}, 40_000) for name, kind in kinds.items()
    )
    name, criterion = f"delayed XOR, T = {T}", Window(0.3, 0.1)
    return Row(FARTHER, name, DelayedXor(T), criterion, settings, 0, 0, tolerance=0.3)


ROWS: tuple[Row, ...] = (
    _long_lag(10_000, 1_000),
    _long_lag(100_000, 100),
    _long_adding(5_000),
    _delayed_xor(20),
)
