"""The first input and the mean beside the mixture of all forecasts, as nodes in float64.

As in the engine's `kernels/advantage.py`: for each of O outputs and of the two the sum,
the variance, the differences of late and their mean size, (B, O, 2, 4).
"""

import numpy as np

from rtrl_lstm.kernels.slots import (
    GREATEST_DIFFERENCE,
    GREATEST_SURENESS,
    REMEMBERS_DIFFERENCES,
    SAME,
    SIMPLE_ODDS,
    SURE_AGAINST,
    SURE_FOR,
)
from rtrl_lstm.spec import Spec

from .graph import Graph


def beside(g: Graph, advantage: str, mixed: str, simple: str, counts: str) -> str:
    """What is said (B, O, 1), the mixture beside both simple forecasts; alone where not ``counts``.

    ``simple`` (B, O, 2) are the first input and the target's mean.
    """
    zero, one = g.constant(0.0, wide=True), g.constant(1.0, wide=True)
    total, variance, *_ = g.split(advantage, 4, axis=3)
    varies = g.op("Greater", variance, zero)
    t = g.op("Div", total, g.op("Sqrt", g.op("Where", varies, variance, one)))
    t = g.op("Where", varies, t, zero)
    better, worse = g.constant(-SURE_FOR, wide=True), g.constant(SURE_AGAINST, wide=True)
    times = g.op("Where", g.op("Greater", t, zero), better, worse)
    sure = g.op("Mul", times, g.op("Mul", t, t))
    bounds = (g.constant(sign * GREATEST_SURENESS, wide=True) for sign in (-1.0, 1.0))
    sure = g.op("Exp", g.op("Squeeze", g.op("Clip", sure, *bounds), g.integers(3)))
    first = g.number("combination.odds", np.array([[SIMPLE_ODDS]]), wide=True)
    odds = g.op("Mul", first, sure)
    total = g.op("Add", one, g.op("ReduceSum", odds, g.integers(2)))
    said = g.op("Add", mixed, g.op("ReduceSum", g.op("Mul", odds, simple), g.integers(2)))
    return g.op("Where", counts, g.op("Div", said, total), mixed)


def learned(g: Graph, spec: Spec, before: str, y: str, said: tuple[str, str], labels: str) -> str:
    """The advantages (B, O, 2, 4) after label y; ``labels`` there were, with this one: (B, O, 1).

    ``said`` is the mixture's forecast (B, O, 1) and the two simple ones (B, O, 2).
    """
    zero, one = g.constant(0.0, wide=True), g.constant(1.0, wide=True)
    mixed, simple = said
    apart = _size(g, g.op("Sub", mixed, simple))
    sizes = g.op("Add", _size(g, mixed), _size(g, simple))
    least = g.op("Mul", g.constant(SAME, wide=True), sizes)
    errors = [_size(g, g.op("Sub", y, value)) for value in (simple, mixed)]
    difference = g.op("Where", g.op("Greater", apart, least), g.op("Sub", *errors), zero)
    difference = g.op("Unsqueeze", difference, g.integers(3))

    total, variance, lately, size = g.split(before, 4, axis=3)
    steps = np.arange(1.0, 1.0 + spec.output_size) if spec.every_step else max(spec.horizon, 1)
    ahead = np.broadcast_to(np.float64(steps), (spec.output_size,))[None, :, None, None]
    fades = g.number("combination.fades", 1.0 / (REMEMBERS_DIFFERENCES * ahead), wide=True)
    rate = g.op("Max", fades, g.op("Div", one, g.op("Unsqueeze", labels, g.integers(3))))
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
    return g.concat([total, variance, lately, size], axis=3)


def _size(g: Graph, value: str) -> str:
    return g.op("Max", value, g.op("Sub", g.constant(0.0, wide=True), value))
