"""The network's forecast combined with others by recursive least squares, as nodes in float64.

As in the engine's `kernels/combination.py`: over the terms [1, the network's forecast, inputs that
are forecasts themselves] (B, C), all but the 1 standardised by the target's mean and spread.
"""

import numpy as np

from rtrl_lstm.kernels.slots import FORGETTING, GREATEST_COVARIANCE
from rtrl_lstm.optimizers import ClipCredit
from rtrl_lstm.spec import Spec

from .graph import Graph, Values

Scale = tuple[str, str]
"""The target's mean and spread, (B, 1) and wide."""

LAST = 2**31 - 1
"""To the end of an axis."""


def terms(g: Graph, spec: Spec, y_net: str, x: str, count: str) -> str:
    """What a row's combination weighs, raw; the 1 is NaN before the target's first label."""
    begun = g.op("Greater", count, g.constant(0.0, wide=True))
    one = g.op("Where", begun, g.constant(1.0, wide=True), g.constant(float("nan"), wide=True))
    inputs = g.op("Gather", g.widened(x), g.integers(*spec.combine_with), axis=1)
    return g.concat([one, y_net, inputs], axis=1)


def combine(g: Graph, weights: str, found: str, scale: Scale, ones: str) -> str:
    """The combined forecast (B, 1), raw and wide, of terms (B, C)."""
    u = _standardised(g, found, scale, ones)
    said = g.op("ReduceSum", g.op("Mul", weights, u), g.integers(1))
    return g.op("Add", scale[0], g.op("Mul", scale[1], said))


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
    u = _standardised(g, found, scale, ones)
    weights, covariance = numbers["combination"], numbers["combination.covariance"]

    said = g.op("ReduceSum", g.op("Mul", weights, u), g.integers(1))
    error = g.op("Sub", g.op("Div", g.op("Sub", y, scale[0]), scale[1]), said)
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
    eye = g.number("combination.diagonal", np.eye(2 + len(spec.combine_with))[None], wide=True)
    trace = g.op("ReduceSum", g.op("Mul", rest, eye), g.integers(1, 2))
    bound = g.constant(GREATEST_COVARIANCE, True)
    rest = g.op("Mul", rest, g.op("Div", bound, g.op("Max", trace, bound)))
    move_all = g.op("Unsqueeze", moves, third)
    return {
        "combination": g.op("Where", moves, after, weights),
        "combination.covariance": g.op("Where", move_all, rest, covariance),
    }


def _standardised(g: Graph, found: str, scale: Scale, ones: str) -> str:
    """Terms (B, C) as least squares sees them: 1, and the others in the target's spread.

    One that has come up since, and is NaN, is 0, so that nothing is learned about it.
    """
    ends = g.integers(1), g.integers(LAST), g.integers(1)
    others = g.op("Slice", found, *ends)
    u = g.op("Div", g.op("Sub", others, scale[0]), scale[1])
    u = g.op("Where", g.op("IsNaN", others), g.constant(0.0, wide=True), u)
    return g.concat([g.widened(ones), u], axis=1)
