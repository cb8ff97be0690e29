"""The combination of forecasts with the numbers of one moment, as nodes in the graph's dtype.

What `combining` draws for a learner that goes on, for one that stays as it is: shares by past
errors are numbers here.
"""

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.slots import BEYOND
from rtrl_lstm.spec import Spec

from .graph import Graph
from .snapshot import Snapshot


def combine(g: Graph, numbers: Snapshot, y: str, x: str) -> str:
    """What is said (B, O), standardised, from the network's y (B, O) and raw rows x (B, I).

    To lose no digits, inputs are centred on the target's mean as the graph's dtype has it, which
    is what is added in the end.
    """
    spec, given = numbers.spec, numbers.combination
    inputs = _standardised(g, numbers, x)
    terms = g.concat([g.op("Unsqueeze", y, g.integers(-1)), inputs], axis=2)
    weights = np.column_stack((given["network"], of_combined(spec, given["inputs"])))
    bias = g.number("combination.bias", given["bias"][:, None])
    squares = g.op("Add", _sum(g, terms, g.number("combination.weights", weights)), bias)
    total = 1.0 + given["first"] + given["mean"]
    share = g.number("combination.squares", (given["squares"] / total)[:, None])
    alone = of_combined(spec, given["alone"])
    alone[:, 0] += given["first"]
    shares = g.number("combination.alone", alone / total[:, None])
    said = g.op("Mul", share, _within_reach(g, squares, terms))
    said = g.op("Add", said, _sum(g, inputs, shares))
    return g.op("Squeeze", said, g.integers(-1))


def of_combined(spec: Spec, values: Array) -> Array:
    """What is of all inputs (O, I), of those that each output combines (O, C)."""
    return np.take_along_axis(values, np.array(spec.combined), axis=1)


def _standardised(g: Graph, numbers: Snapshot, x: str) -> str:
    """The inputs that are forecasts (B, O, C), around the target's mean and in its spread."""
    mean, scale = (numbers.scaling[f"target_{part}"][:, None] for part in ("mean", "scale"))
    inputs = g.op("Gather", x, g.places("combination.places", numbers.spec.combined), axis=1)
    centred = g.op("Sub", inputs, g.number("combination.mean", mean))
    return g.op("Mul", centred, g.number("combination.scale", 1.0 / scale))


def _sum(g: Graph, values: str, weights: str) -> str:
    return g.op("ReduceSum", g.op("Mul", values, weights), g.integers(-1))


def _within_reach(g: Graph, squares: str, terms: str) -> str:
    """What least squares says (B, O, 1), not far beyond its terms (B, O, 1 + C) and 0."""
    zero = g.constant(0.0)
    high = g.op("Max", g.op("ReduceMax", terms, axes=[-1]), zero)
    low = g.op("Max", g.op("ReduceMax", g.op("Sub", zero, terms), axes=[-1]), zero)
    beyond = g.op("Mul", g.constant(BEYOND), g.op("Add", high, low))
    least = g.op("Sub", zero, g.op("Add", low, beyond))
    return g.op("Min", g.op("Max", squares, least), g.op("Add", high, beyond))
