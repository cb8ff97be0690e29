"""Tables 4 to 9: noise, sums and products of real numbers, and the order of symbols."""

from __future__ import annotations

from dataclasses import replace

from .. import nets
from ..criteria import Held, Window
from ..rows import FORGETTING, Row, adam, best, falling, literal, sgd
from ..tasks import TemporalOrder, TwoMarked, TwoSequences

TESTS = 2_560
_CRITERIA = {4: Held(0.2, 0.01), 5: Held(0.2, 0.04, 6), 6: Held(0.1, 0.015, joint=True)}
# By table and N. The paper's stop, at the first lucky 256, leaves more of 2,560 wrong than it
# published; these ask for as few among the sequences learned last, too.
_STRICTER = {
    # Where next to nothing may be wrong a larger set says whether the last step spoilt something.
    (4, 3): replace(_CRITERIA[4], size=TESTS, recent=Window(0.1, length=4_000)),
    (4, 1): replace(_CRITERIA[4], size=TESTS, recent=Window(0.1, length=4_000)),
    (5, 3): replace(_CRITERIA[5], recent=Window(0.2, wrong=10)),
    # With N = 1 noise turns 1.27 % of the sequences into the other class. In some sets of 256 these
    # are 6 or more, and no net can pass; so the set is larger, and the same share may be wrong. How
    # many of a set are turned is a matter of luck as well, so that a share cannot say whether the
    # last step spoilt something: a net that passed had 75 wrong of another set, of which noise had
    # turned 32. The fewest of ten looks can.
    (5, 1): Held(0.2, 0.04, 60, size=TESTS, recent=Window(0.2, wrong=134, length=10_000), looks=10),
    (6, 3): replace(_CRITERIA[6], recent=Window(0.1, wrong=6)),
    (6, 1): replace(_CRITERIA[6], recent=Window(0.1, wrong=5)),
}
UNBIASED = "cell inputs without biases"
SUM = (nets.ADDING, nets.SEQUENCE, nets.HUBER, falling(0.02))
SUM_NAME = "8 cells, none, linear cells, input gates biased -8, huber, Adam .02 falling"
TWO_CLASSES = (nets.TWELVE_CELLS, nets.SEQUENCE, nets.BOUNDED, falling(0.03))
TWO_CLASSES_NAME = "12 cells, CIFG, input gates biased -9, bounded log loss, Adam .03 falling"
ORDER = (nets.ORDER, nets.SEQUENCE, nets.SOFTMAX, falling(0.03))
ORDER_NAME = "8 cells, none, CIFG, linear cells, input gates biased -9, softmax, Adam .03 falling"


def _two(table: int, T: int, N: int, ST1: int, published: int, wrong: float) -> Row:
    noisy_targets = table == 6
    task = TwoSequences(T, N, noisy=table == 5, noisy_targets=noisy_targets)
    shared = (nets.F, nets.THREE_CELLS, nets.SEQUENCE)
    rate, batch = sgd(0.1 if noisy_targets else 1.0), 100 if T == 100 else 500
    cap = (3 if T == 100 else 2) * published
    settings = [literal("f'", cap, *shared, nets.SIGMOID_SLOPE, rate, batch=batch, loop=True)]
    if table < 6 and (table, T) != (4, 1000):  # that one is learned with biases
        unbiased = (*shared, nets.SIGMOID_SLOPE, rate, nets.GATES_BIASED)
        settings.append(literal(f"f', {UNBIASED}", cap, *unbiased, batch=batch, loop=True))
    if noisy_targets:
        settings.append(
            literal("linear output", cap, *shared, nets.IDENTITY, rate, batch=batch, loop=True)
        )
    stricter = _STRICTER[table, N]
    settings.append(
        best(TWO_CLASSES_NAME, 2 * published, *TWO_CLASSES, batch=batch, criterion=stricter)
    )
    name, tolerance = f"T = {T}, N = {N}", 0.1 if noisy_targets else 0.2
    rest = (published, 102, 1.0, tolerance, TESTS * wrong, ST1)
    return Row(table, name, task, _CRITERIA[table], tuple(settings), *rest)


def _adding(T: int, published: int, wrong: int) -> Row:
    shared, rate, cap = (nets.TWO_BLOCKS, nets.SEQUENCE), sgd(0.5), 2 * published
    short = 3 * published // 2 if T == 1000 else cap
    none = (*shared, nets.IDENTITY, nets.NONE, rate)
    unbiased = (*none, nets.ALL_BUT_CELLS_BIASED)
    settings = [
        literal("linear output, none", short, *none, loop=True),
        literal(f"linear output, none, {UNBIASED}", cap, *unbiased, loop=True),
    ]
    if T == 100:
        settings += [
            literal(
                "linear output, cells", cap, *shared, nets.IDENTITY, nets.CELLS, rate, loop=True
            ),
            literal("linear output, F", cap, *shared, nets.IDENTITY, nets.F, rate, loop=True),
            literal("f', F", cap, *shared, nets.SIGMOID_SLOPE, nets.F, rate, loop=True),
        ]
    settings.append(best(SUM_NAME, cap, *SUM, criterion=Window(0.03, 0.01)))
    rest = (published, 93, 1.0, 0.04, wrong)
    return Row(7, f"T = {T}", TwoMarked(T), Window(0.04, 0.01), tuple(settings), *rest)


def _product(allowed: int, published: int, wrong: int) -> Row:
    shared = (nets.TWO_BLOCKS, nets.SEQUENCE)
    modern = (*shared, nets.IDENTITY, nets.CELLS, FORGETTING, adam(0.003))
    name, stricter = (
        "forget gates, cells, linear output, Adam .003",
        Window(0.04, wrong=int(0.7 * allowed)),
    )
    settings = (
        literal("linear output, F", 2_500_000, *shared, nets.IDENTITY, nets.F, sgd(0.1), loop=True),
        literal("f', F", 2_500_000, *shared, nets.SIGMOID_SLOPE, nets.F, sgd(0.1), loop=True),
        best(name, 1_000_000, *modern, criterion=stricter),
    )
    criterion, task = Window(0.04, wrong=allowed), TwoMarked(100, product=True)
    rest = (published, 93, 1.0, 0.04, wrong)
    return Row(8, f"n_seq = {allowed}", task, criterion, settings, *rest)


def _order(places: int, published: int, wrong: int) -> Row:
    net, rate = (nets.ORDER_2, 0.5) if places == 2 else (nets.ORDER_3, 0.1)
    as_written = (net, nets.SEQUENCE, nets.F, nets.SIGMOID_SLOPE, sgd(rate))
    stricter = Window(0.2, 0.1, length=4_000)
    settings = (
        literal("F, f'", 3 * published, *as_written, loop=True),
        best(ORDER_NAME, 100_000, *ORDER, batch=100, criterion=stricter),
    )
    name, weights = ("6a", 156) if places == 2 else ("6b", 308)
    task, criterion = TemporalOrder(places), Window(0.3, 0.1)
    return Row(9, name, task, criterion, settings, published, weights, 1.0, 0.3, wrong)


ROWS: tuple[Row, ...] = (
    _two(4, 100, 3, 27_380, 39_850, 0.000195),
    _two(4, 100, 1, 58_370, 64_330, 0.000117),
    _two(4, 1000, 3, 446_850, 452_460, 0.000078),
    _two(5, 100, 3, 41_740, 43_250, 0.00828),
    _two(5, 100, 1, 74_950, 78_430, 0.015),
    _two(5, 1000, 1, 481_060, 485_080, 0.01207),
    _two(6, 100, 3, 0, 269_650, 0.00558),
    _two(6, 100, 1, 0, 565_640, 0.00441),
    _adding(100, 74_000, 1),
    _adding(500, 209_000, 0),
    _adding(1000, 853_000, 1),
    _product(140, 482_000, 139),
    _product(13, 1_273_000, 14),
    _order(2, 31_390, 1),
    _order(3, 571_100, 2),
)
