"""The first input beside the mixture of all forecasts, as nodes in float64.

As in the engine's `kernels/advantage.py`: for each of O outputs sum, variance, the differences of
late and their mean size, (B, O, 4).
"""

import numpy as np

from rtrl_lstm.kernels.slots import (
    GREATEST_DIFFERENCE,
    GREATEST_SURENESS,
    ODDS_AT_FIRST,
    REMEMBERS_DIFFERENCES,
    SAME,
    SURE_AGAINST,
    SURE_FOR,
)
from rtrl_lstm.spec import Spec

from .graph import Graph


def beside(g: Graph, advantage: str, mixed: str, first: str, counts: str) -> str:
    """What is said (B, O, 1), the mixture beside the first input; alone where not ``counts``."""
    zero, one = g.constant(0.0, wide=True), g.constant(1.0, wide=True)
    total, variance, *_ = g.split(advantage, 4, axis=2)
    varies = g.op("Greater", variance, zero)
    t = g.op("Div", total, g.op("Sqrt", g.op("Where", varies, variance, one)))
    t = g.op("Where", varies, t, zero)
    better, worse = g.constant(SURE_FOR, wide=True), g.constant(-SURE_AGAINST, wide=True)
    times = g.op("Where", g.op("Greater", t, zero), better, worse)
    sure = g.op("Mul", times, g.op("Mul", t, t))
    bounds = (g.constant(sign * GREATEST_SURENESS, wide=True) for sign in (-1.0, 1.0))
    odds = g.op("Mul", g.constant(ODDS_AT_FIRST, True), g.op("Exp", g.op("Clip", sure, *bounds)))
    share = g.op("Div", one, g.op("Add", one, odds))
    said = g.op("Add", mixed, g.op("Mul", share, g.op("Sub", first, mixed)))
    return g.op("Where", counts, said, mixed)


def learned(g: Graph, spec: Spec, before: str, y: str, said: tuple[str, str], labels: str) -> str:
    """The advantage after the label y; ``labels`` there were, with this one. All (B, O, 1).

    ``said`` is the mixture's forecast and the first input.
    """
    zero, one = g.constant(0.0, wide=True), g.constant(1.0, wide=True)
    mixed, first = said
    apart = _size(g, g.op("Sub", mixed, first))
    least = g.op("Mul", g.constant(SAME, wide=True), g.op("Add", *(_size(g, v) for v in said)))
    errors = [_size(g, g.op("Sub", y, value)) for value in (first, mixed)]
    difference = g.op("Where", g.op("Greater", apart, least), g.op("Sub", *errors), zero)

    total, variance, lately, size = g.split(before, 4, axis=2)
    steps = np.arange(1.0, 1.0 + spec.output_size) if spec.every_step else max(spec.horizon, 1)
    ahead = np.broadcast_to(np.float64(steps), (spec.output_size,))[None, :, None]
    fades = g.number("combination.fades", 1.0 / (REMEMBERS_DIFFERENCES * ahead), wide=True)
    rate = g.op("Max", fades, g.op("Div", one, labels))
    fresh = g.op("Sub", _size(g, difference), size)
    size = g.op("Add", size, g.op("Mul", rate, fresh))
    bound = g.op("Mul", g.constant(GREATEST_DIFFERENCE, wide=True), size)
    d = g.op("Min", g.op("Max", difference, g.op("Sub", zero, bound)), bound)
    overlap = g.number("combination.overlap", 1.0 - 1.0 / ahead, wide=True)
    lately = g.op("Add", g.op("Mul", overlap, lately), d)
    stays = g.op("Sub", one, fades)
    twice = g.op("Mul", g.constant(2.0, wide=True), lately)
    together = g.op("Mul", d, g.op("Sub", twice, d))
    total = g.op("Add", g.op("Mul", stays, total), d)
    variance = g.op("Add", g.op("Mul", stays, variance), together)
    return g.concat([total, variance, lately, size], axis=2)


def _size(g: Graph, value: str) -> str:
    return g.op("Max", value, g.op("Sub", g.constant(0.0, wide=True), value))
