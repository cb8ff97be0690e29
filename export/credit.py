"""What a readout says, and what a label makes of it, as nodes. As the engine's `kernels/losses.py`.

a, y_hat and dL/da are (B, O), labels (B, K); NaN in a label says that there is none.
"""

from typing import NamedTuple

import numpy as np

from rtrl_lstm.optimizers import Clip, ClipCredit
from rtrl_lstm.spec import Spec

from . import parts
from .graph import Graph


class Label(NamedTuple):
    """A label with its gaps.

    Attributes:
        value: (B, K) finite; 0 where there is none.
        known: (B, K), of truth values.
    """

    value: str
    known: str


def read_label(g: Graph, y: str) -> Label:
    """The label y (B, K) of a row."""
    unknown = g.op("IsNaN", y)
    return Label(g.op("Where", unknown, g.constant(0.0), y), g.op("Not", unknown))


def slope(g: Graph, spec: Spec, a: str, label: Label, weight: str) -> str:
    """dL/da of a label in units of the scaled target, times the weight (B, 1), bounded."""
    e = g.op("Mul", _slope(g, spec, a, label.value), weight)
    e = g.op("Where", label.known, e, g.constant(0.0))
    if isinstance(spec.clip, ClipCredit):
        return clipped(g, e, spec.clip)
    return e


def clipped(g: Graph, value: str, clip: Clip) -> str:
    """A value cut to [-limit, limit]."""
    return g.op("Clip", value, g.constant(-clip.limit), g.constant(clip.limit))


def _slope(g: Graph, spec: Spec, a: str, y: str) -> str:
    said = parts.activate(g, a, spec.activation)
    if spec.loss == "cross_entropy":
        classes = g.number("classes", np.arange(spec.output_size)[None])
        return g.op("Sub", said, g.cast(g.op("Equal", y, classes)))
    error = g.op("Sub", said, y)
    match spec.loss:
        case "log_loss" | "poisson":
            return error  # the slope of the activation is in it
        case "absolute_error":
            error = g.op("Sign", error)
        case "huber":
            bounds = g.constant(-spec.huber_delta), g.constant(spec.huber_delta)
            error = g.op("Clip", error, *bounds)
        case "quantile":  # 1 - q above, -q below, 0 at the label
            sign, levels = g.op("Sign", error), g.number("quantiles", [spec.quantiles])
            share = g.op("Mul", levels, g.op("Mul", sign, sign))
            error = g.op("Sub", g.op("Relu", sign), share)
        case "squared_error":
            pass
        case _:
            raise ValueError(f"no graph is known for the loss {spec.loss!r}")
    if spec.activation == "sigmoid":
        rest = g.op("Sub", g.constant(1.0), said)
        error = g.op("Mul", error, g.op("Mul", said, rest))
    return error
