"""The two ends of a forward pass, before and after the recurrence."""

from functools import reduce

import numpy as np

from . import mixing, parts, plan
from .graph import Graph, Values
from .snapshot import Networks, Snapshot


def states(g: Graph, numbers: Networks) -> dict[str, Values]:
    """Declare the states of all networks as inputs: by what their names begin with, by name."""
    return {
        of: {
            name: g.input(f"{of}{name}", ("batch", len(value)), value[None])
            for name, value in one.state.items()
        }
        for of, one in numbers.named
    }


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


def mixed(g: Graph, numbers: Networks, each: list[str]) -> str:
    """What is said (B, O) of the forecasts of all networks (B, O)."""
    y = each[0]
    if len(each) > 1:
        with_shares = zip(plan.prefixes(len(each)), each, numbers.shares, strict=True)
        parted = [g.op("Mul", y, g.number(f"{of}share", share)) for of, y, share in with_shares]
        y = reduce(lambda one, other: g.op("Add", one, other), parted)
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
