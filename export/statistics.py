"""Running mean and spread of inputs and targets as nodes (Welford 1962), always in float64.

As in the engine's `kernels/scaling.py`: a number joins the statistics before it is scaled by them.
"""

from dataclasses import dataclass

import numpy as np

from rtrl_lstm.kernels.words import FARTHEST, SETTLED
from rtrl_lstm.spec import Spec

from .graph import Graph, Values

COUNTABLE = 2.0**53
PARTS = ("count", "mean", "m2")


@dataclass(frozen=True)
class Statistics:
    """Count, mean and sum of squared deviations, each (B, k) and wide."""

    count: str
    mean: str
    m2: str

    @classmethod
    def of(cls, numbers: Values, which: str) -> "Statistics":
        """Those of "input" or "target"."""
        return cls(*(numbers[f"{which}.{part}"] for part in PARTS))

    def named(self, which: str) -> dict[str, str]:
        """The inverse of `of`."""
        return {f"{which}.{part}": getattr(self, part) for part in PARTS}


def observed(g: Graph, before: Statistics, value: str, known: str) -> Statistics:
    """The statistics with a value (B, k) more, where `known` is 1; both wide.

    Where `known` is 0, nothing moves.
    """
    count = g.op("Add", before.count, known)
    step = g.op("Mul", g.op("Sub", value, before.mean), known)
    divisor = g.op("Max", count, g.constant(1.0, wide=True))
    mean = g.op("Add", before.mean, g.op("Div", step, divisor))
    m2 = g.op("Add", before.m2, g.op("Mul", step, g.op("Sub", value, mean)))
    return Statistics(count, mean, m2)


def spread(g: Graph, found: Statistics) -> tuple[str, str]:
    """The population standard deviation, 1 where it is 0; and where it is not (truth values)."""
    moves = g.op("Greater", found.m2, g.constant(0.0, wide=True))
    variance = g.op("Div", found.m2, g.op("Max", found.count, g.constant(1.0, wide=True)))
    return g.op("Sqrt", g.op("Where", moves, variance, g.constant(1.0, wide=True))), moves


def bounded(g: Graph, value: str, before: Statistics) -> str:
    """A value (B, k) as it joins: once enough are known, at most at the limit's distance.

    Where more than can be counted are known, the statistics are to stay as they are (see
    `model_session`), and as in a frozen learner nothing is bounded.
    """
    sd, _ = spread(g, before)  # 1 where there is none, which is the least of the limit's parts
    other = g.op("Sub", g.constant(0.0, wide=True), before.mean)
    size = g.op("Max", sd, before.mean, other, g.constant(1.0, wide=True))
    limit = g.op("Mul", size, g.constant(FARTHEST, wide=True))
    low, high = g.op("Sub", before.mean, limit), g.op("Add", before.mean, limit)
    kept = g.op("Min", g.op("Max", value, low), high)
    early = g.op("Less", before.count, g.constant(float(SETTLED), wide=True))
    frozen = g.op("Greater", before.count, g.constant(COUNTABLE, wide=True))
    return g.op("Where", early, value, g.op("Where", frozen, value, kept))


def scale_inputs(
    g: Graph, spec: Spec, x: str, before: Statistics, ones: str
) -> tuple[str, Statistics]:
    """z (B, I), the raw row x scaled, and the statistics with x in them.

    An input without spread is 0, one that is not scaled is itself. Those that the network does not
    see have no statistics.
    """
    taken = np.array(spec.scaled_inputs, float)
    taken[list(spec.combine_only)] = 0.0
    share = g.op("Mul", g.widened(ones), g.number("input.scaled", taken[None], wide=True))
    wide = bounded(g, g.widened(x), before)
    after = observed(g, before, wide, share)
    sd, moves = spread(g, after)
    z = g.op("Div", g.op("Sub", wide, after.mean), sd)
    z = g.narrowed(g.op("Where", moves, z, g.constant(0.0, wide=True)))
    if not taken.all():
        z = g.op("Add", z, g.op("Mul", x, g.number("input.as_is", 1.0 - taken[None])))
    return z, after
