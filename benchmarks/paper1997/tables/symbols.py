"""Tables 1 to 3: the embedded Reber grammar and long lags between symbols."""

from __future__ import annotations

from typing import Any

from .. import nets
from ..criteria import LegalNext, Run
from ..nets import Options
from ..plain import Plain
from ..rows import SPARSE, Row, Setting, adam, best, literal, sgd
from ..tasks import Distractors, EmbeddedReber, NoiseFree

OTHER = "another net: cells, inputs to outputs, biased outputs"
MODERN_REBER: Options = {"hidden_size": 16, "bias": ("gates",), "init_range": 0.2}


def _recurrent(hidden: int, rate: float, published: int, cap: int) -> Row:
    """Table 1's competitor: outputs and hidden units all see each other."""
    net = Plain(7, hidden + 7, hidden + 7, 7, "rtrl", rate)
    setting = Setting("literal", "full RTRL, per sequence", net, cap)
    name = f"RTRL, {hidden} hidden, rate {rate:g}"
    criterion, task = LegalNext(), EmbeddedReber(256)
    return Row(1, name, task, criterion, (setting,), published, net.weights, None)


def _reber(size: str, rate: float, published: int, success: float) -> Row:
    net, weights = {"3x2": (nets.REBER_3X2, 276), "4x1": (nets.REBER_4X1, 264)}[size]
    biases = {"output_gate_bias": tuple(-1.0 - k for k in range(int(size[0])))}
    shared, cap = (net, biases, sgd(rate)), 60_000
    slope, none = nets.SIGMOID_SLOPE, nets.SIGMOID
    more = {"shortcuts": True, "bias": ("gates", "readout")}
    readings = {
        "F, f', per sequence": (nets.F, slope, nets.SEQUENCE),
        "F, f', per step": (nets.F, slope, nets.STEP),
        "F, no f', per step": (nets.F, none, nets.STEP),
        f"{OTHER}, f', per sequence": (nets.CELLS, slope, nets.SEQUENCE, more),
        f"{OTHER}, no f', per step": (nets.CELLS, none, nets.STEP, more),
    }
    settings = [
        literal(name, cap, *shared, *reading, batch=20) for name, reading in readings.items()
    ]
    parts = (nets.CELLS, nets.SOFTMAX, nets.STEP, MODERN_REBER, adam(0.02))
    settings.append(best("16x1, cells, softmax, per step, Adam .02", 20_000, *parts, batch=10))
    name, task = f"{size}, rate {rate:g}", EmbeddedReber(256)
    return Row(1, name, task, LegalNext(), tuple(settings), published, weights, success)


def _one_unit(p: int, rule: str, rate: float, published: int, success: float, cap: int) -> Row:
    """Table 2's competitor: one recurrent unit, and shortcuts."""
    net = Plain(p + 1, p + 2, 1, p + 1, rule, rate)
    setting = Setting("literal", "per sequence", net, cap)
    name, criterion = f"{rule.upper()}, p = {p}, rate {rate:g}", Run(0.25)
    return Row(2, name, NoiseFree(p), criterion, (setting,), published, net.weights, success)


def _noise_free(local: bool, published: int) -> Row:
    net, task = (nets.ONE_CELL, SPARSE), NoiseFree(100, local)
    readings = {
        "no f', per step": (nets.SIGMOID, nets.STEP),
        "no f', per sequence": (nets.SIGMOID, nets.SEQUENCE),
        "f', per sequence": (nets.SIGMOID_SLOPE, nets.SEQUENCE),
    }
    settings = [
        literal(name, 25_000, *net, *reading, sgd(1.0)) for name, reading in readings.items()
    ]
    modern, batch = (*net, nets.SOFTMAX, nets.SEQUENCE, adam(0.3)), 100
    none = (*net, nets.SIGMOID, nets.STEP, sgd(1.0))
    if local:
        settings += _added_later("no f', per step", none)
        settings.append(best("softmax, per sequence, Adam .3", 30_000, *modern, batch=batch))
    else:
        end: dict[str, Any] = {"task": NoiseFree(100, local, end=True)}
        name = "error at the end alone"
        settings += [
            literal(f"{name}, no f'", 25_000, *none, **end),
            literal(f"{name}, f'", 25_000, *net, nets.SIGMOID_SLOPE, nets.STEP, sgd(1.0), **end),
            *_added_later(f"{name}, no f'", none, **end),
        ]
        settings.append(best(f"{name}, softmax, Adam .3", 30_000, *modern, batch=batch, **end))
    name = "p = 100" if local else "2b, p = 100"
    return Row(2, name, task, Run(0.25, last=not local), tuple(settings), published, 10_504)


def _added_later(name: str, parts: tuple[Options, ...], **more: Any) -> list[Setting]:
    """The paper adds the cell when the error falls no more; in how many sequences is not said."""
    return [
        literal(
            f"{name}, cell added once {n} are no better than {n} before",
            40_000,
            *parts,
            batch=n,
            at_first=nets.NO_CELL,
            **more,
        )
        for n in (500, 100)
    ]


def _distractors(q: int, p: int, published: int) -> Row:
    shared, batch = (nets.TWO_CELLS, nets.SIGMOID_SLOPE, nets.SEQUENCE, SPARSE), 50_000 // q
    settings = [
        literal("none", 3 * published, *shared, nets.NONE, sgd(0.01), batch=batch, loop=True)
    ]
    if q <= 50:
        settings.append(
            literal("cells", 200_000, *shared, nets.CELLS, sgd(0.01), batch=batch, loop=True)
        )
    if q <= 100:
        settings.append(literal("F", 200_000, *shared, nets.F, sgd(0.01), batch=batch, loop=True))
    biased = {"bias": ("gates",), "input_gate_bias": -5.0}
    modern = (*shared, nets.CELLS, adam(0.03), biased)
    settings.append(best("cells, input gates biased -5, Adam .03", 20_000, *modern, batch=batch))
    criterion, task = Run(0.2, last=True), Distractors(q, p)
    return Row(3, f"{q}/{p}", task, criterion, tuple(settings), published, 6 * p + 64)


ROWS: tuple[Row, ...] = (
    _recurrent(3, 0.05, 173_000, 200_000),
    _recurrent(12, 0.1, 25_000, 50_000),
    _reber("4x1", 0.1, 39_740, 1.0),
    _reber("3x2", 0.1, 21_730, 1.0),
    _reber("3x2", 0.2, 14_060, 0.97),
    _reber("4x1", 0.5, 9_500, 0.97),
    _reber("3x2", 0.5, 8_440, 1.0),
    _one_unit(4, "rtrl", 1.0, 1_043_000, 0.78, 5_000_000),
    _one_unit(4, "rtrl", 4.0, 892_000, 0.56, 5_000_000),
    _one_unit(4, "rtrl", 10.0, 254_000, 0.22, 5_000_000),
    _one_unit(10, "rtrl", 1.0, 0, 0.0, 200_000),
    _one_unit(100, "rtrl", 1.0, 0, 0.0, 20_000),
    _one_unit(100, "bptt", 1.0, 0, 0.0, 20_000),
    _noise_free(True, 5_040),
    _noise_free(False, 5_680),
    _distractors(50, 50, 30_000),
    _distractors(100, 100, 31_000),
    _distractors(200, 200, 33_000),
    _distractors(500, 500, 38_000),
    _distractors(1000, 1000, 49_000),
    _distractors(1000, 500, 49_000),
    _distractors(1000, 200, 75_000),
    _distractors(1000, 100, 135_000),
    _distractors(1000, 50, 203_000),
)
