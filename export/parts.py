"""The parts of a forward step as ONNX nodes, each a function from values to values.

They mirror the engine's stages (scaling, projection, cell, readout) and hold no numbers of their
own, so that a graph over time or one that learns can be put together from the same ones.
Shapes: B rows in a batch, I inputs, n units, O outputs.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .graph import Graph

FloatArray = NDArray[np.float64]


def standardise(g: Graph, x: str, mean: FloatArray, scale: FloatArray) -> str:
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


def project(g: Graph, u: str, weight_ih: str, bias: str | None, h_tm1: str, weight_hh: str) -> str:
    """Gate sums W u + b + R h': u (B, I), h' (B, n) -> (B, 4n) for an LSTM.

    Two products and a sum instead of one product over [u, h']: the weights keep torch's shapes,
    and a state of one row serves a batch of any size.
    """
    biases = () if bias is None else (bias,)
    from_input = g.op("Gemm", u, weight_ih, *biases, transB=1)
    return g.op("Add", from_input, g.op("Gemm", h_tm1, weight_hh, transB=1))


def lstm_cell(g: Graph, z: str, c_tm1: str) -> tuple[str, str]:
    """c = f c' + i g, h = o tanh(c); z (B, 4n) in torch's order i, f, g, o. Returns h, c."""
    z_i, z_f, z_g, z_o = g.split(z, 4)
    i, f, o = g.op("Sigmoid", z_i), g.op("Sigmoid", z_f), g.op("Sigmoid", z_o)
    kept = g.op("Mul", f, c_tm1)
    c = g.op("Add", kept, g.op("Mul", i, g.op("Tanh", z_g)))
    return g.op("Mul", o, g.op("Tanh", c)), c


def readout(
    g: Graph, h: str, weight: str, bias: str | None, shortcut: tuple[str, str] | None
) -> str:
    """a = V h + b (+ D u): h (B, n) -> (B, O). `shortcut` is D (O, I) and u (B, I)."""
    biases = () if bias is None else (bias,)
    a = g.op("Gemm", h, weight, *biases, transB=1)
    if shortcut is None:
        return a
    d, u = shortcut
    return g.op("Gemm", u, d, a, transB=1)


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
    combination: Mapping[str, FloatArray],
    scaling: Mapping[str, FloatArray],
) -> str:
    """bias + network * y + inputs . (x - target_mean) / target_scale; x (B, I) raw, y (B, 1).

    The network's forecast combined with inputs that are forecasts themselves.
    """
    centred = g.op("Sub", x, g.number("combination.mean", scaling["target_mean"]))
    others = g.op("Mul", centred, g.number("combination.scale", 1.0 / scaling["target_scale"]))
    own = g.op("Mul", y, g.number("combination.network", combination["network"]))
    sum_ = g.op("Add", own, g.number("combination.bias", combination["bias"]))
    weights = g.number("combination.inputs", combination["inputs"][None, :])
    return g.op("Gemm", others, weights, sum_, transB=1)


def unstandardise(g: Graph, y: str, mean: FloatArray, scale: FloatArray) -> str:
    """mean + scale * y: back to the target's own units; y (B, O), mean and scale (O,)."""
    scaled = g.op("Mul", y, g.number("target_scale", scale))
    return g.op("Add", scaled, g.number("target_mean", mean))
