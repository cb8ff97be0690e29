"""The network's forecast combined with others by recursive least squares, as nodes in float64.

As in the engine's `kernels/combination.py`: for each of O outputs over the terms [1, the network's
forecast, inputs that are forecasts themselves] (B, O, C), all but the 1 standardised by the
target's mean and spread.
"""

import numpy as np

from rtrl_lstm.kernels.slots import BEYOND, FADING, FIRST_COUNTS, FORGETTING, GREATEST_COVARIANCE
from rtrl_lstm.optimizers import ClipCredit
from rtrl_lstm.spec import Spec

from . import advantage
from .graph import Graph, Values

Scale = tuple[str, str]
"""The target's mean and spread, (B, O) and wide."""

_FRESH = 1.0 - np.array(FADING)[None, None, None]
LAST = 2**31 - 1
"""To the end of an axis."""


def combine(
    g: Graph, spec: Spec, numbers: Values, y_net: str, scale: Scale, ones: str
) -> tuple[str, str]:
    """The combined forecast (B, O), raw and wide, and what is kept of the row for its label.

    It is the mean of least squares', of the inputs alone and of the target's mean, by their recent
    losses, beside two simple forecasts. Kept are the terms, the target's mean and that of all
    (B, O, C + 2), raw, with what least squares said in the place of the 1; NaN before the target's
    first label.
    """
    places = g.places("combination.places", spec.combined)
    inputs = g.op("Gather", g.widened(numbers["x"]), places, axis=1)
    one = _each(g, spec, ones)
    mean, sd = (_last(g, part) for part in scale)
    found = g.concat([one, _last(g, y_net), inputs], axis=2)
    u = _standardised(g, found, (mean, sd), one)
    combined = g.op("ReduceSum", g.op("Mul", numbers["combination"], u), g.integers(2))
    combined = _within_reach(g, combined, u, one)
    few, many, count = g.split(numbers["combination.losses"], 3, axis=3)
    losses = g.op("Squeeze", g.op("Mul", few, many), g.integers(3))
    zero, unit = g.constant(0.0, True), g.constant(1.0, True)
    count = g.op("Squeeze", count, g.integers(3))
    counts = g.op("Greater", count, zero)
    size = g.op("Where", counts, losses, g.constant(float("inf"), True))
    best = g.op("Sub", zero, g.op("ReduceMax", g.op("Sub", zero, size), axes=[2]))
    ratio = g.op("Where", g.op("Greater", size, zero), g.op("Div", best, size), unit)
    square = g.op("Mul", ratio, ratio)
    counts_more = np.array([[[1.0, FIRST_COUNTS] + [1.0] * len(spec.combined[0])]])
    more = g.number("combination.more", counts_more, wide=True)
    share = g.op("Mul", g.op("Mul", square, square), more)
    centre = g.op("Mul", one, zero)
    alone = g.concat([combined, _inputs(g, u), centre], axis=2)
    total = g.op("ReduceSum", share, g.integers(2))
    mixed = g.op("Div", g.op("ReduceSum", g.op("Mul", share, alone), g.integers(2)), total)
    said = g.op("Where", g.op("Greater", total, zero), mixed, combined)
    begun = g.op("Greater", _last(g, numbers["target.count"]), zero)
    squares = g.op("Add", mean, g.op("Mul", sd, combined))
    squares = g.op("Where", begun, squares, g.constant(float("nan"), wide=True))
    mixed = g.op("Add", mean, g.op("Mul", sd, said))
    centre = g.op("Add", centre, mean)
    simple = g.concat([_one(g, inputs, 0), centre], axis=2)
    counted = g.op("Greater", _one(g, count, 1), zero)
    y_hat = advantage.beside(g, numbers["combination.advantage"], mixed, simple, counted)
    kept = g.concat([squares, _last(g, y_net), inputs, centre, mixed], axis=2)
    return g.op("Squeeze", y_hat, g.integers(2)), kept


def learn(
    g: Graph,
    spec: Spec,
    numbers: Values,
    found: str,
    label: tuple[str, str],
    scale: Scale,
    ones: str,
) -> dict[str, str]:
    """The combination after the labels of the terms (B, O, C + 2) that were found; all wide.

    `label` is y and its weight, (B, O) or (B, 1). Nothing moves where the weight is 0, or the
    terms are of before the first label.
    """
    y, weight = (_last(g, part) for part in label)
    mean, sd = (_last(g, part) for part in scale)
    zero, one = g.constant(0.0, wide=True), g.constant(1.0, wide=True)
    terms = 2 + len(spec.combined[0])
    mixed = _one(g, found, terms + 1)
    found = g.op("Slice", found, g.integers(0), g.integers(terms + 1), g.integers(2))
    first = _one(g, found, 0)
    begun = g.op("Not", g.op("IsNaN", first))
    moves = g.op("And", begun, g.op("Greater", weight, zero))
    own = g.op("Slice", found, g.integers(0), g.integers(terms), g.integers(2))
    u = _standardised(g, own, (mean, sd), _each(g, spec, ones))
    weights, covariance = numbers["combination"], numbers["combination.covariance"]

    squares = g.op("ReduceSum", g.op("Mul", weights, u), g.integers(2))
    target = g.op("Div", g.op("Sub", y, mean), sd)
    error = g.op("Sub", target, squares)
    alone = g.concat([first, _inputs(g, found)], axis=2)
    losses = _losses(g, numbers["combination.losses"], g.op("Sub", y, alone), found, ones)
    better = _advantage(g, spec, numbers["combination.advantage"], y, (mixed, found), losses)
    if isinstance(spec.clip, ClipCredit):
        limit = spec.clip.limit
        error = g.op("Clip", error, g.constant(-limit, True), g.constant(limit, True))
    column = _last(g, u)
    reach = g.op("Squeeze", g.op("MatMul", covariance, column), g.integers(3))
    uncertainty = g.op("ReduceSum", g.op("Mul", u, reach), g.integers(2))
    share = g.op("Div", g.constant(FORGETTING, True), g.op("Where", moves, weight, one))
    part = g.op("Div", one, g.op("Add", share, uncertainty))
    after = g.op("Add", weights, g.op("Mul", error, g.op("Mul", part, reach)))

    # Symmetric to the last bit, as in the engine: what is not grows with every label.
    outer = g.op("Mul", _last(g, reach), g.op("Unsqueeze", reach, g.integers(2)))
    rest = g.op("Sub", covariance, g.op("Mul", _last(g, part), outer))
    rest = g.op("Div", rest, g.constant(FORGETTING, True))
    eye = g.number("combination.diagonal", np.eye(terms)[None, None], wide=True)
    trace = g.op("ReduceSum", g.op("Mul", rest, eye), g.integers(2, 3))
    bound = g.constant(GREATEST_COVARIANCE, True)
    rest = g.op("Mul", rest, g.op("Div", bound, g.op("Max", trace, bound)))
    move_all = _last(g, moves)
    return {
        "combination": g.op("Where", moves, after, weights),
        "combination.covariance": g.op("Where", move_all, rest, covariance),
        "combination.losses": g.op("Where", move_all, losses, numbers["combination.losses"]),
        "combination.advantage": g.op("Where", move_all, better, numbers["combination.advantage"]),
    }


def of_each_step(g: Graph, spec: Spec, ring: str) -> str:
    """Of a ring (B, H, H, C), the oldest row first, what was kept of step k in the row k ago."""
    mask = g.number("combination.due", np.eye(spec.horizon)[None, ::-1, :, None], wide=True)
    zero = g.constant(0.0, wide=True)
    due = g.op("Where", g.op("Greater", mask, zero), ring, zero)
    return g.op("ReduceSum", due, g.integers(1), keepdims=0)


def _losses(g: Graph, before: str, errors: str, found: str, ones: str) -> str:
    """The losses (B, O, E, 3) of least squares, the inputs alone and the mean after a label, wide.

    `before` may be of a batch of 1, as at first, where the errors are of more.
    """
    one = g.op("Unsqueeze", g.widened(ones), g.integers(2, 3))
    size = g.op("Max", errors, g.op("Sub", g.constant(0.0, True), errors))
    few, many, count_before = g.split(before, 3, axis=3)
    count = g.op("Add", count_before, one)
    rates = g.op("Max", g.number("combination.fresh", _FRESH, wide=True), g.op("Div", one, count))
    two = g.concat([few, many], axis=3)
    moved = g.op("Mul", rates, g.op("Sub", _last(g, size), two))
    after = g.concat([g.op("Add", two, moved), count], axis=3)
    # An input that has come up since the row said nothing there; y_net stands for least squares.
    silent = _last(g, g.op("IsNaN", _inputs(g, found, first=1)))
    # The count of one that is not averaged is below 0 for ever.
    never = g.op("Greater", g.constant(0.0, True), count_before)
    return g.op("Where", silent, before, g.op("Where", never, before, after))


def _advantage(
    g: Graph, spec: Spec, before: str, y: str, said: tuple[str, str], losses: str
) -> str:
    """The mixture's over simple forecasts (B, O, 2, 4), by the losses after that label, wide.

    As it was where the first input has no losses, or said nothing there. ``said`` is the mixture's
    forecast (B, O, 1), and the terms with the target's mean behind them.
    """
    mixed, found = said
    count = g.split(_one(g, losses, 1), 3, axis=3)[2]
    labels = g.op("Squeeze", count, g.integers(3))
    first = _one(g, found, 2)
    mean = g.op("Slice", found, g.integers(-1), g.integers(LAST), g.integers(2))
    simple = g.concat([first, mean], axis=2)
    after = advantage.learned(g, spec, before, y, (mixed, simple), labels)
    counts = g.op("Greater", labels, g.constant(0.0, wide=True))
    known = g.op("And", counts, g.op("Not", g.op("IsNaN", first)))
    return g.op("Where", _last(g, known), after, before)


def _one(g: Graph, values: str, number: int) -> str:
    """The values of a number along the third axis, which stays as an axis of 1."""
    return g.op("Slice", values, g.integers(number), g.integers(number + 1), g.integers(2))


def _last(g: Graph, value: str) -> str:
    """A value (B, O ...) with an axis of 1 behind the others it has."""
    return g.op("Unsqueeze", value, g.integers(-1))


def _each(g: Graph, spec: Spec, ones: str) -> str:
    """1 for each output (B, O, 1), wide, from ones (B, 1)."""
    outputs = g.constant_ones("combination.outputs", (1, spec.output_size))
    return _last(g, g.op("Mul", g.widened(ones), outputs))


def _inputs(g: Graph, terms: str, first: int = 2) -> str:
    """The terms from number `first` on; 2: behind the 1 and the network's."""
    return g.op("Slice", terms, g.integers(first), g.integers(LAST), g.integers(2))


def _within_reach(g: Graph, combined: str, u: str, one: str) -> str:
    """What least squares says (B, O, 1), not far beyond the terms u (B, O, C) and their mean."""
    zero = g.constant(0.0, wide=True)
    known = g.concat([g.op("Mul", one, zero), _inputs(g, u, first=1)], axis=2)
    high = g.op("ReduceMax", known, axes=[2])
    low = g.op("Sub", zero, g.op("ReduceMax", g.op("Sub", zero, known), axes=[2]))
    beyond = g.op("Mul", g.constant(BEYOND, wide=True), g.op("Sub", high, low))
    least, most = g.op("Sub", low, beyond), g.op("Add", high, beyond)
    return g.op("Min", g.op("Max", combined, least), most)


def _standardised(g: Graph, found: str, scale: Scale, one: str) -> str:
    """Terms (B, O, C) as least squares sees them: 1, and the others in the target's spread.

    One that has come up since, and is NaN, is 0, so that nothing is learned about it.
    """
    others = _inputs(g, found, first=1)
    u = g.op("Div", g.op("Sub", others, scale[0]), scale[1])
    u = g.op("Where", g.op("IsNaN", others), g.constant(0.0, wide=True), u)
    return g.concat([one, u], axis=2)
