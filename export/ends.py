"""The two ends of a forward pass, before and after the recurrence."""

from collections.abc import Callable
from functools import reduce

import numpy as np

from . import mixing, parts
from .graph import Graph, Values
from .snapshot import Networks, Snapshot

Forward = Callable[[Snapshot, Values], tuple[str, Values]]
"""(a network, its states) -> (what it says, its states after that)."""


def of_all(g: Graph, numbers: Networks, forward: Forward) -> tuple[str, list[Values]]:
    """Declare the states of all networks as inputs, and draw `forward` for each.

    Returns:
        What is said of the forecasts of all, and the states of each after that, for `put_out`.
    """
    states = [
        {
            name: g.input(f"{of}{name}", ("batch", len(value)), value[None])
            for name, value in one.state.items()
        }
        for of, one in numbers.named
    ]
    said, after = [], []
    for (of, one), before in zip(numbers.named, states, strict=True):
        with g.of(of):
            y, following = forward(one, before)
        said.append(y)
        after.append(following)
    return _mixed(g, numbers, said), after


def put_out(g: Graph, numbers: Networks, after: list[Values]) -> None:
    """Declare the states after a row, or after many, outputs."""
    for (of, one), following in zip(numbers.named, after, strict=True):
        for name, value in one.state.items():
            g.output(f"{of}{name}_out", following[name], ("batch", len(value)))


def scaled(g: Graph, numbers: Snapshot, x: str, axis: int) -> str:
    """What the network sees of the raw rows x, (B, I) or (T, B, I); `axis` is that of I."""
    mean, scale = numbers.scaling["input_mean"], numbers.scaling["input_scale"]
    seen = list(numbers.spec.seen_inputs)
    mean, scale = mean[seen], scale[seen]
    x = parts.seen(g, numbers.spec, x, axis)
    if not mean.any() and (scale == 1).all():
        return x
    return parts.standardise(g, x, mean, scale)


def forecast(g: Graph, numbers: Snapshot, h: str, u: str, x: str) -> str:
    """y (B, O) from the top layer's h (B, n), from u (B, m) and from the raw rows x (B, I)."""
    spec, scaling = numbers.spec, numbers.scaling
    y = parts.activate(g, _readout(g, numbers, h, u), spec.activation)
    if numbers.combination:
        y = mixing.combine(g, numbers, y, x)
    if spec.scale_target:
        y = parts.unstandardise(g, y, scaling["target_mean"], scaling["target_scale"])
    return y


def _mixed(g: Graph, numbers: Networks, each: list[str]) -> str:
    """What is said (B, O) of the forecasts of all networks (B, O)."""
    y = each[0]
    if len(each) > 1:
        with_shares = zip(numbers.named, each, numbers.shares, strict=True)
        parts_of_it = [
            g.op("Mul", one, g.number(f"{of}share", share)) for (of, _), one, share in with_shares
        ]
        y = reduce(lambda one, other: g.op("Add", one, other), parts_of_it)
    if numbers.floors:
        y = g.op("Max", y, g.number("floors", np.array(numbers.floors)))
    return y


def _readout(g: Graph, numbers: Snapshot, h: str, u: str) -> str:
    given = numbers.parameters
    weight = g.weight("readout.weight", given["readout.weight"])
    bias = g.number("readout.bias", given["readout.bias"]) if "readout.bias" in given else None
    name = "readout.shortcut"
    shortcut = (g.weight(name, given[name]), u) if name in given else None
    return parts.readout(g, h, weight, bias, shortcut)
