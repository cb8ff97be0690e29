"""The network's forecast combined with others by recursive least squares, as nodes in float64.

As in the engine's `kernels/combination.py`: over the terms [1, the network's forecast, inputs that
are forecasts themselves] (B, C), all but the 1 standardised by the target's mean and spread.
"""

import numpy as np

from rtrl_lstm.kernels.slots import FADING, FIRST_COUNTS, FORGETTING, GREATEST_COVARIANCE
from rtrl_lstm.optimizers import ClipCredit
from rtrl_lstm.spec import Spec

from .graph import Graph, Values

Scale = tuple[str, str]
"""The target's mean and spread, (B, 1) and wide."""

_FRESH = 1.0 - np.array(FADING)[None, None]
LAST = 2**31 - 1
"""To the end of an axis."""


def combine(
    g: Graph, spec: Spec, numbers: Values, y_net: str, scale: Scale, ones: str
) -> tuple[str, str]:
    """The combined forecast (B, 1), raw and wide, and what is kept of the row for its label.

    It is the mean of least squares', of the inputs alone and of the target's mean, by their recent
    losses. Kept are the terms and that mean (B, C + 1), raw, with what least squares said in the
    place of the 1; NaN before the target's first label.
    """
    inputs = g.op("Gather", g.widened(numbers["x"]), g.integers(*spec.combine_with), axis=1)
    found = g.concat([g.widened(ones), y_net, inputs], axis=1)
    u = _standardised(g, found, scale, ones)
    combined = g.op("ReduceSum", g.op("Mul", numbers["combination"], u), g.integers(1))
    few, many, count = g.split(numbers["combination.losses"], 3, axis=2)
    losses = g.op("Squeeze", g.op("Mul", few, many), g.integers(2))
    zero, one = g.constant(0.0, True), g.constant(1.0, True)
    counts = g.op("Greater", g.op("Squeeze", count, g.integers(2)), zero)
    size = g.op("Where", counts, losses, g.constant(float("inf"), True))
    best = g.op("Sub", zero, g.op("ReduceMax", g.op("Sub", zero, size), axes=[1]))
    ratio = g.op("Where", g.op("Greater", size, zero), g.op("Div", best, size), one)
    square = g.op("Mul", ratio, ratio)
    counts_more = np.array([[1.0, FIRST_COUNTS] + [1.0] * len(spec.combine_with)])
    more = g.number("combination.more", counts_more, wide=True)
    share = g.op("Mul", g.op("Mul", square, square), more)
    centre = g.op("Mul", g.widened(ones), zero)
    alone = g.concat([combined, _inputs(g, u), centre], axis=1)
    total = g.op("ReduceSum", share, g.integers(1))
    mixed = g.op("Div", g.op("ReduceSum", g.op("Mul", share, alone), g.integers(1)), total)
    said = g.op("Where", g.op("Greater", total, g.constant(0.0, True)), mixed, combined)
    begun = g.op("Greater", numbers["target.count"], g.constant(0.0, wide=True))
    squares = g.op("Add", scale[0], g.op("Mul", scale[1], combined))
    squares = g.op("Where", begun, squares, g.constant(float("nan"), wide=True))
    y_hat = g.op("Add", scale[0], g.op("Mul", scale[1], said))
    mean = g.op("Add", centre, scale[0])
    return y_hat, g.concat([squares, y_net, inputs, mean], axis=1)


def learn(
    g: Graph,
    spec: Spec,
    numbers: Values,
    found: str,
    label: tuple[str, str],
    scale: Scale,
    ones: str,
) -> dict[str, str]:
    """The combination after the label of the row with those terms; all wide.

    `label` is y (B, 1) and its weight (B, 1). Nothing moves where the weight is 0, or the terms
    are of before the first label.
    """
    y, weight = label
    zero, one = g.constant(0.0, wide=True), g.constant(1.0, wide=True)
    first = g.op("Slice", found, g.integers(0), g.integers(1), g.integers(1))
    begun = g.op("Not", g.op("IsNaN", first))
    moves = g.op("And", begun, g.op("Greater", weight, zero))
    terms = 2 + len(spec.combine_with)
    own = g.op("Slice", found, g.integers(0), g.integers(terms), g.integers(1))
    u = _standardised(g, own, scale, ones)
    weights, covariance = numbers["combination"], numbers["combination.covariance"]

    said = g.op("ReduceSum", g.op("Mul", weights, u), g.integers(1))
    target = g.op("Div", g.op("Sub", y, scale[0]), scale[1])
    error = g.op("Sub", target, said)
    alone = g.concat([first, _inputs(g, found)], axis=1)
    losses = _losses(g, numbers["combination.losses"], g.op("Sub", y, alone), found, ones)
    if isinstance(spec.clip, ClipCredit):
        limit = spec.clip.limit
        error = g.op("Clip", error, g.constant(-limit, True), g.constant(limit, True))
    column = g.op("Unsqueeze", u, g.integers(2))
    reach = g.op("Squeeze", g.op("MatMul", covariance, column), g.integers(2))
    uncertainty = g.op("ReduceSum", g.op("Mul", u, reach), g.integers(1))
    share = g.op("Div", g.constant(FORGETTING, True), g.op("Where", moves, weight, one))
    part = g.op("Div", one, g.op("Add", share, uncertainty))
    after = g.op("Add", weights, g.op("Mul", error, g.op("Mul", part, reach)))

    third = g.integers(2)
    # Symmetric to the last bit, as in the engine: what is not grows with every label.
    outer = g.op("Mul", g.op("Unsqueeze", reach, third), g.op("Unsqueeze", reach, g.integers(1)))
    rest = g.op("Sub", covariance, g.op("Mul", g.op("Unsqueeze", part, third), outer))
    rest = g.op("Div", rest, g.constant(FORGETTING, True))
    eye = g.number("combination.diagonal", np.eye(terms)[None], wide=True)
    trace = g.op("ReduceSum", g.op("Mul", rest, eye), g.integers(1, 2))
    bound = g.constant(GREATEST_COVARIANCE, True)
    rest = g.op("Mul", rest, g.op("Div", bound, g.op("Max", trace, bound)))
    move_all = g.op("Unsqueeze", moves, third)
    return {
        "combination": g.op("Where", moves, after, weights),
        "combination.covariance": g.op("Where", move_all, rest, covariance),
        "combination.losses": g.op("Where", move_all, losses, numbers["combination.losses"]),
    }


def _losses(g: Graph, before: str, errors: str, found: str, ones: str) -> str:
    """The losses (B, E, 3) of least squares, the inputs alone and the mean after a label, wide.

    `before` may be of a batch of 1, as at first, where the errors are of more.
    """
    last = g.integers(2)
    one = g.op("Unsqueeze", g.widened(ones), last)
    size = g.op("Max", errors, g.op("Sub", g.constant(0.0, True), errors))
    few, many, count_before = g.split(before, 3, axis=2)
    count = g.op("Add", count_before, one)
    rates = g.op("Max", g.number("combination.fresh", _FRESH, wide=True), g.op("Div", one, count))
    two = g.concat([few, many], axis=2)
    moved = g.op("Mul", rates, g.op("Sub", g.op("Unsqueeze", size, last), two))
    after = g.concat([g.op("Add", two, moved), count], axis=2)
    # An input that has come up since the row said nothing there; y_net stands for least squares.
    silent = g.op("Unsqueeze", g.op("IsNaN", _inputs(g, found, first=1)), last)
    # The count of one that is not averaged is below 0 for ever.
    never = g.op("Greater", g.constant(0.0, True), count_before)
    return g.op("Where", silent, before, g.op("Where", never, before, after))


def _inputs(g: Graph, terms: str, first: int = 2) -> str:
    """The terms from number `first` on; 2: behind the 1 and the network's."""
    return g.op("Slice", terms, g.integers(first), g.integers(LAST), g.integers(1))


def _standardised(g: Graph, found: str, scale: Scale, ones: str) -> str:
    """Terms (B, C) as least squares sees them: 1, and the others in the target's spread.

    One that has come up since, and is NaN, is 0, so that nothing is learned about it.
    """
    ends = g.integers(1), g.integers(LAST), g.integers(1)
    others = g.op("Slice", found, *ends)
    u = g.op("Div", g.op("Sub", others, scale[0]), scale[1])
    u = g.op("Where", g.op("IsNaN", others), g.constant(0.0, wide=True), u)
    return g.concat([g.widened(ones), u], axis=1)
