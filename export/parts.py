"""The parts of a forward pass as ONNX nodes, each a function from values to values.

They mirror the engine's stages (scaling, projection, readout; the cells are in `cells`) and hold no
numbers of their own. Shapes: B rows, I inputs, n units, O outputs.
"""

from collections.abc import Mapping

import numpy as np

from rtrl_lstm.fields import Array

from .graph import Graph


def standardise(g: Graph, x: str, mean: Array, scale: Array) -> str:
    """z = (x - mean) * scale, x (B, I); mean and scale (I,) are stored as ``input_mean`` ….

    In float32 the mean is subtracted in two parts, its float32 value and what that leaves over.
    With one part alone, an input far from zero (mean 1e6, standard deviation 1) would lose digits
    that the engine, which keeps its statistics in float64, has.
    """
    nearest = mean.astype(g.dtype).astype(np.float64)
    rest = mean - nearest
    z = g.op("Sub", x, g.number("input_mean", nearest))
    if rest.any():
        z = g.op("Sub", z, g.number("input_mean_rest", rest))
    return g.op("Mul", z, g.number("input_scale", scale))


def linear(g: Graph, u: str, weight: str, bias: str | None = None) -> str:
    """W u + b: u (B, m), W (k, m) as torch has it, b (k,) or (B, k) -> (B, k).

    Not by MatMul: onnxruntime merges it with a Mul by a single number before or after it, such as
    the scale of the only input, and rounds that number to float32 (FusedMatMul's alpha).
    """
    return g.op("Gemm", u, weight, *([] if bias is None else [bias]), transB=1)


def readout(
    g: Graph, h: str, weight: str, bias: str | None, shortcut: tuple[str, str] | None
) -> str:
    """a = V h + b (+ D u): h (B, n) -> (B, O). `shortcut` is D (O, I) and u (B, I)."""
    a = linear(g, h, weight, bias)
    if shortcut is None:
        return a
    d, u = shortcut
    return linear(g, u, d, a)


def activate(g: Graph, a: str, activation: str) -> str:
    """The output's activation: identity, sigmoid, exp, or softmax over the last axis."""
    match activation:
        case "identity":
            return a
        case "sigmoid":
            return g.op("Sigmoid", a)
        case "exp":
            return g.op("Exp", a)
        case "softmax":
            return g.op("Softmax", a, axis=-1)
    raise ValueError(f"no ONNX operator is known for the output activation {activation!r}")


def combine(
    g: Graph,
    y: str,
    x: str,
    inputs: tuple[tuple[int, ...], ...],
    combination: Mapping[str, Array],
    scaling: Mapping[str, Array],
) -> str:
    """bias + network * y + weights . (x - target_mean) / target_scale, for each output.

    The network's forecasts y (B, O) combined with ``inputs`` (O, C), numbers of those in the raw
    rows x (B, I) that are forecasts themselves. To lose no digits, an input is centred on the mean
    of the first output that it is a forecast of; what is missing for others is in their bias.
    """
    weights, scale = combination["inputs"], scaling["target_scale"]
    centre = centres(inputs, scaling["target_mean"], weights.shape[1])
    bias = combination["bias"] + off_centre(weights, centre, scaling)
    centred = g.op("Sub", x, g.number("combination.mean", centre))
    own = g.op("Mul", y, g.number("combination.network", combination["network"]))
    own = g.op("Add", own, g.number("combination.bias", bias))
    none = g.number("combination.none", np.zeros(len(weights)))
    others = linear(g, centred, g.number("combination.inputs", weights), none)
    others = g.op("Mul", others, g.number("combination.scale", 1.0 / scale))
    return g.op("Add", own, others)


def centres(inputs: tuple[tuple[int, ...], ...], mean: Array, count: int) -> Array:
    """For each of ``count`` inputs the mean (O,) of the first output with it, 0 without one."""
    found = np.zeros(count)
    for own, value in zip(reversed(inputs), reversed(mean), strict=True):
        found[list(own)] = value
    return found


def off_centre(weights: Array, centre: Array, scaling: Mapping[str, Array]) -> Array:
    """What is missing for each output (O,) where inputs (I,) lie around other means than its own.

    Inputs that have no weight (O, I) there count nothing.
    """
    away = centre[None] - scaling["target_mean"][:, None]
    found: Array = (weights * away).sum(axis=1) / scaling["target_scale"]
    return found


def unstandardise(g: Graph, y: str, mean: Array, scale: Array) -> str:
    """mean + scale * y: back to the target's own units; y (B, O), mean and scale (O,)."""
    scaled = g.op("Mul", y, g.number("target_scale", scale))
    return g.op("Add", scaled, g.number("target_mean", mean))
