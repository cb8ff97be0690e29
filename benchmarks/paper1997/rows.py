"""The rows of the paper's tables, and the settings that each is run with.

A setting is *literal* if all its constants are the paper's; where the text leaves a choice there
are several, called by what they choose. *best* settings keep task and criterion and may take
anything else that the engine has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rtrl_lstm import Adam, InverseTime

from . import nets
from .criteria import Criterion, Held, LegalNext, Run, Window
from .nets import Options
from .tasks import (
    DelayedXor,
    Distractors,
    EmbeddedReber,
    NoiseFree,
    Task,
    TemporalOrder,
    TwoMarked,
    TwoSequences,
)

FARTHER = 10


@dataclass(frozen=True)
class Setting:
    """How a row is run.

    Attributes:
        part: "literal", "best" or "farther".
        name: what it chooses.
        options: of the Learner.
        cap: sequences after which a trial is given up.
        batch: sequences at a time; a criterion that looks at a held-out set looks so often.
    """

    part: str
    name: str
    options: Options
    cap: int
    batch: int = 500


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        table: the paper's; FARTHER for what it has not.
        published: sequences until success, mean over the successful trials; 0: it is not there.
        rate: the published share of trials that succeeded.
        weights: the published number of weights; 0: there is none.
        tolerance: for the test on 2,560 further sequences; None: there is none in the paper.
        wrong: how many of them were wrong in the paper.
    """

    table: int
    name: str
    task: Task
    criterion: Criterion
    settings: tuple[Setting, ...]
    published: int
    weights: int
    rate: float = 1.0
    tolerance: float | None = None
    wrong: float | None = None

    @property
    def key(self) -> str:
        return f"{self.table} {self.name}"


def _sgd(rate: float) -> Options:
    return {"optimizer": "sgd", "learning_rate": rate}


def _adam(rate: float) -> Options:
    return {"optimizer": Adam(), "learning_rate": rate}


def _merged(*parts: Options) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


FORGETTING: Options = {"forget_gate": True, "forget_bias": 5.0}
SPARSE: Options = {"sparse_inputs": True}  # a matter of time alone: not a bit differs


def _literal(name: str, cap: int, *parts: Options, batch: int = 500) -> Setting:
    return Setting("literal", name, _merged(*parts), cap, batch)


def _best(name: str, cap: int, *parts: Options, batch: int = 500) -> Setting:
    return Setting("best", name, _merged(*parts), cap, batch)


# --- experiment 1 ------------------------------------------------------------------------------


def _reber(size: str, rate: float, published: int, success: float) -> Row:
    net, weights = {"3x2": (nets.REBER_3X2, 276), "4x1": (nets.REBER_4X1, 264)}[size]
    biases = {"output_gate_bias": tuple(-1.0 - k for k in range(int(size[0])))}
    shared = (net, biases, _sgd(rate))
    by_sequence = (nets.F, nets.SIGMOID_SLOPE, nets.SEQUENCE)
    settings = [
        _literal("F, f', per sequence", 100_000, *by_sequence, *shared),
        _literal("F, no f', per step", 100_000, nets.F, nets.SIGMOID, nets.STEP, *shared),
    ]
    if (size, rate) == ("3x2", 0.1):
        other = {"shortcuts": True, "input_gate_bias": (-1.0, -2.0, -3.0)}
        parts = (nets.CELLS, nets.SIGMOID, nets.STEP, *shared, other)
        name = "not the paper's net: cells, shortcuts, no f', per step"
        settings.append(_literal(name, 100_000, *parts))
    if (size, rate) == ("3x2", 0.5):
        modern = {"hidden_size": 16, "bias": ("gates",), "init_range": 0.2}
        parts = (nets.CELLS, nets.SOFTMAX, nets.STEP, modern, _adam(0.02))
        settings.append(_best("16x1, cells, softmax, per step, Adam .02", 20_000, *parts, batch=10))
    name, task = f"{size}, rate {rate:g}", EmbeddedReber(256)
    return Row(1, name, task, LegalNext(), tuple(settings), published, weights, success)


# --- experiment 2 ------------------------------------------------------------------------------


def _noise_free(local: bool, published: int) -> Row:
    modern = (nets.ONE_CELL, nets.SOFTMAX, nets.SEQUENCE, _adam(0.3), SPARSE)
    literal = (nets.ONE_CELL, nets.SIGMOID, nets.STEP, _sgd(1.0), SPARSE)
    settings = (
        _literal("no f', per step", 100_000, *literal),
        _best("softmax, per sequence, Adam .3", 100_000, *modern, batch=100),
    )
    task, name = NoiseFree(100, local), "p = 100" if local else "2b, p = 100"
    return Row(2, name, task, Run(0.25, last=not local), settings, published, 10_504)


def _distractors(q: int, p: int, published: int) -> Row:
    shared, batch = (nets.TWO_CELLS, nets.SIGMOID_SLOPE, nets.SEQUENCE, SPARSE), 50_000 // q
    settings = [_literal("none", 1_000_000, *shared, nets.NONE, _sgd(0.01), batch=batch)]
    if q <= 100:
        settings.append(_literal("F", 300_000, *shared, nets.F, _sgd(0.01), batch=batch))
    biased = {"bias": ("gates",), "input_gate_bias": -5.0}
    modern = (*shared, nets.CELLS, _adam(0.03), biased)
    settings.append(_best("cells, input gates biased -5, Adam .03", 100_000, *modern, batch=batch))
    criterion = Run(0.2, last=True)
    task = Distractors(q, p)
    return Row(3, f"{q}/{p}", task, criterion, tuple(settings), published, 6 * p + 64)


# --- experiment 3 ------------------------------------------------------------------------------


def _two(table: int, T: int, N: int, published: int, wrong: float) -> Row:
    noisy_targets = table == 6
    task = TwoSequences(T, N, noisy=table == 5, noisy_targets=noisy_targets)
    criterion = {4: Held(0.2, 0.01), 5: Held(0.2, 0.04, 6), 6: Held(0.1, 0.015, joint=True)}[table]
    shared = (nets.F, nets.THREE_CELLS, nets.SEQUENCE)
    sgd, batch, cap = _sgd(0.1 if noisy_targets else 1.0), 100 if T == 100 else 250, 5 * published
    settings = [_literal("f'", cap, *shared, nets.SIGMOID_SLOPE, sgd, batch=batch)]
    if noisy_targets:
        settings.append(_literal("linear output", cap, *shared, nets.IDENTITY, sgd, batch=batch))
        decay = {"schedule": InverseTime(3000.0)}
        name, modern = "f', Adam .01 that falls", (nets.SIGMOID_SLOPE, _adam(0.01), decay)
    else:
        name, modern = "no f', output biased, Adam .01", (nets.SIGMOID, _adam(0.01))
    settings.append(_best(name, cap, *shared, *modern, {"bias": True}, batch=batch))
    name, tolerance = f"T = {T}, N = {N}", 0.1 if noisy_targets else 0.2
    rest = (published, 102, 1.0, tolerance, 2560 * wrong)
    return Row(table, name, task, criterion, tuple(settings), *rest)


# --- experiments 4 to 6 ------------------------------------------------------------------------


def _adding(T: int, published: int, wrong: int) -> Row:
    shared, sgd, cap = (nets.TWO_BLOCKS, nets.SEQUENCE), _sgd(0.5), 2 * published
    settings = [_literal("linear output, none", cap, *shared, nets.IDENTITY, nets.NONE, sgd)]
    if T == 100:
        settings += [
            _literal("linear output, F", cap, *shared, nets.IDENTITY, nets.F, sgd),
            _literal("f', F", cap, *shared, nets.SIGMOID_SLOPE, nets.F, sgd),
        ]
    modern = (*shared, nets.IDENTITY, nets.NONE, _adam(0.003))
    settings.append(_best("linear output, none, Adam .003", cap, *modern))
    rest = (published, 93, 1.0, 0.04, wrong)
    return Row(7, f"T = {T}", TwoMarked(T), Window(0.04, 0.01), tuple(settings), *rest)


def _product(allowed: int, published: int, wrong: int) -> Row:
    shared = (nets.TWO_BLOCKS, nets.SEQUENCE, nets.IDENTITY)
    name = "forget gates, cells, linear output, Adam .003"
    settings = (
        _literal("linear output, F", 5_000_000, *shared, nets.F, _sgd(0.1)),
        _best(name, 1_000_000, *shared, nets.CELLS, FORGETTING, _adam(0.003)),
    )
    criterion, task = Window(0.04, wrong=allowed), TwoMarked(100, product=True)
    rest = (published, 93, 1.0, 0.04, wrong)
    return Row(8, f"n_seq = {allowed}", task, criterion, settings, *rest)


def _order(places: int, published: int, wrong: int) -> Row:
    net, rate = (nets.ORDER_2, 0.5) if places == 2 else (nets.ORDER_3, 0.1)
    literal = (net, nets.SEQUENCE, nets.F, nets.SIGMOID_SLOPE, _sgd(rate))
    name, modern = "softmax, Adam .03", (net, nets.SEQUENCE, nets.F, nets.SOFTMAX, _adam(0.03))
    if places == 3:
        name, modern = f"{name}, forget gates, cells", (*modern, nets.CELLS, FORGETTING)
    settings = (
        _literal("F, f'", 10 * published, *literal),
        _best(name, 100_000, *modern, batch=100),
    )
    name, weights = ("6a", 156) if places == 2 else ("6b", 308)
    task, criterion = TemporalOrder(places), Window(0.3, 0.1)
    return Row(9, name, task, criterion, settings, published, weights, 1.0, 0.3, wrong)


# --- farther -----------------------------------------------------------------------------------


def _long_lag(q: int, run: int) -> Row:
    biased = {"bias": ("gates",), "input_gate_bias": -5.0}
    options = (nets.TWO_CELLS, nets.SIGMOID_SLOPE, nets.SEQUENCE, SPARSE, nets.CELLS, _adam(0.03))
    batch = max(1, 100_000 // q)
    setting = Setting("farther", "as best in Table 3", _merged(*options, biased), 20_000, batch)
    name, criterion = f"2c with a lag of {q:,}", Run(0.2, run, last=True)
    return Row(FARTHER, name, Distractors(q, 50), criterion, (setting,), 0, 0)


def _long_adding(T: int) -> Row:
    options = _merged(nets.TWO_BLOCKS, nets.IDENTITY, nets.SEQUENCE, nets.NONE, _adam(0.003))
    setting = Setting("farther", "as best in Table 7", options, 60_000, 100)
    criterion = Window(0.04, 0.01)
    return Row(
        FARTHER, f"adding, T = {T:,}", TwoMarked(T), criterion, (setting,), 0, 0, tolerance=0.04
    )


def _delayed_xor(T: int) -> Row:
    net = {"hidden_size": 4, "forget_bias": 3.0, **nets.SIGMOID, **nets.SEQUENCE, **_adam(0.01)}
    settings = tuple(
        Setting("farther", f"lstm, rule {rule}", {**net, "rule": rule}, 40_000)
        for rule in ("truncated", "snap1", "full")
    )
    criterion = Window(0.3, 0.1)
    return Row(
        FARTHER, f"delayed XOR, T = {T}", DelayedXor(T), criterion, settings, 0, 0, tolerance=0.3
    )


ROWS: tuple[Row, ...] = (
    _reber("4x1", 0.1, 39_740, 1.0),
    _reber("3x2", 0.1, 21_730, 1.0),
    _reber("3x2", 0.2, 14_060, 0.97),
    _reber("4x1", 0.5, 9_500, 0.97),
    _reber("3x2", 0.5, 8_440, 1.0),
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
    _two(4, 100, 3, 39_850, 0.000195),
    _two(4, 100, 1, 64_330, 0.000117),
    _two(4, 1000, 3, 452_460, 0.000078),
    _two(5, 100, 3, 43_250, 0.00828),
    _two(5, 100, 1, 78_430, 0.015),
    _two(5, 1000, 1, 485_080, 0.01207),
    _two(6, 100, 3, 269_650, 0.00558),
    _two(6, 100, 1, 565_640, 0.00441),
    _adding(100, 74_000, 1),
    _adding(500, 209_000, 0),
    _adding(1000, 853_000, 1),
    _product(140, 482_000, 139),
    _product(13, 1_273_000, 14),
    _order(2, 31_390, 1),
    _order(3, 571_100, 2),
    _long_lag(10_000, 1_000),
    _long_lag(100_000, 100),
    _long_adding(5_000),
    _delayed_xor(20),
)
