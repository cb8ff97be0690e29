"""The parts of a forward pass as ONNX nodes, each a function from values to values.

They mirror the engine's stages (scaling, projection, readout; the cells are in `cells`) and hold no
numbers of their own. Shapes: B rows, I inputs, n units, O outputs.
"""

import numpy as np

from rtrl_lstm.fields import Array
from rtrl_lstm.spec import Spec

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


def seen(g: Graph, spec: Spec, x: str, axis: int) -> str:
    """Of rows (B, I) or (T, B, I) the inputs that the network sees; `axis` is that of I."""
    if not spec.combine_only:
        return x
    return g.op("Gather", x, g.places("input.seen", spec.seen_inputs), axis=axis)


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


def unstandardise(g: Graph, y: str, mean: Array, scale: Array) -> str:
    """mean + scale * y: back to the target's own units; y (B, O), mean and scale (O,)."""
    scaled = g.op("Mul", y, g.number("target_scale", scale))
    return g.op("Add", scaled, g.number("target_mean", mean))
