"""`from_onnx`: an ONNX file becomes a learner that goes on learning."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from .. import suspicion
from ..errors import GraphFileError, UnsupportedError, brief
from ..graphfile import MAX_BYTES, unpack
from ..provenance import KEY
from . import own, storage
from .check import same_forecasts
from .network import Net, Network, Scaling
from .recurrent import Layer
from .signals import Signal
from .walk import Trail, walk

SIZES = ((7, 3, 3), (7, 3, 7), (7, 1, 1), (1, 7, 1))
"""What is put in for free dimensions, the input's two and any other: which of them is time is not
known before, and some graphs hold that one of them is 1."""


def from_onnx(
    path: str | Path,
    *,
    input_scaling: Scaling | None = None,
    target_scaling: Scaling | None = None,
    **options: Any,
) -> Net:
    """A network in an ONNX file as a learner, which says the same and goes on learning.

    The network has one LSTM, GRU or RNN operator, or several one on the other, over its first
    input; behind the last there may be linear layers, and at the very end Sigmoid, Softmax or Exp.
    Linear layers and factors in front of a recurrent layer become part of its weights, but for a
    mean and a factor of each input, which become the learner's running scaling. The first output
    counts. States that the file holds are those that the learner begins with; states that are
    inputs of the graph begin at zero. Without a linear layer at the end the outputs are the
    network's h, through a readout that begins as the identity; with ``output_size=K`` through a
    fresh readout of K outputs.

    Any graph that `to_onnx` wrote comes back, too: a learner graph with all there is to it, the
    others with fresh moments and traces.

    The learner is run beside the file in onnxruntime before it is handed out.

    Args:
        path: the file; its numbers may lie in another one beside it, as PyTorch's exporter puts
            them.
        input_scaling, target_scaling: how rows and labels were standardised outside of the network.
            The learner then takes raw rows and gives raw forecasts.
        **options: fields of `Spec` that say how to learn: optimizer, learning_rate, loss, clip,
            rule …; with ``horizon=H`` it becomes a Forecaster. `loss` is by default what goes with
            the network's last activation. A loss that implies one which the network lacks takes its
            outputs as logits: ``loss="cross_entropy"`` for a network trained with PyTorch's.

    Returns:
        A Learner, or a Forecaster where there is a horizon.

    Raises:
        OSError: the file cannot be read.
        GraphFileError: it is no ONNX file, damaged, or asks for what it does not bring.
        UnsupportedError: it holds something that the engine's cells cannot say; the message names
            it.
        ValueError: an option contradicts the network.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise GraphFileError("it is larger than an ONNX file can be")
        return _read(path, options, input_scaling, target_scaling)
    except GraphFileError as error:
        raise GraphFileError(f"{path}: {brief(error)}") from error
    except UnsupportedError as error:
        raise UnsupportedError(f"{path}: it has what no learner can be: {brief(error)}") from error


def _read(
    path: Path,
    options: dict[str, Any],
    input_scaling: Scaling | None,
    target_scaling: Scaling | None,
) -> Net:
    data = path.read_bytes()
    model = suspicion.parse(data)
    if any(entry.key == KEY for entry in model.metadata_props):
        if input_scaling is not None or target_scaling is not None:
            raise ValueError("a graph that rtrl-lstm wrote has its scaling inside")
        return own.learner_of(unpack(data), options)
    if model.functions:
        raise UnsupportedError("functions of its own")
    numbers = storage.arrays_of(model.graph, path.parent)
    trail = _walked(model, numbers)
    network = _network(trail, numbers, scales=options.get("scale_inputs", True) is not False)
    net = network.to_learner(options, input_scaling, target_scaling)
    unscaled = net
    if input_scaling is not None or target_scaling is not None:
        names = ("scale_inputs", "scale_target")
        plain = {name: value for name, value in options.items() if name not in names}
        unscaled = network.to_learner({**plain, "horizon": 0})
    if network.readout is not None or "output_size" not in options:
        same_forecasts(model, numbers, trail, unscaled)
    return net


def _walked(model: onnx.ModelProto, numbers: dict[str, NDArray[Any]]) -> Trail:
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    opset = opsets.get("", opsets.get("ai.onnx", 0))
    if not 7 <= opset <= onnx.defs.onnx_opset_version():
        raise GraphFileError(f"opset {opset} is not one that is read here")
    refusal: Exception | None = None
    for sizes in (*SIZES, *_hinted(numbers)):
        try:
            return walk(model.graph, numbers, opset, sizes)
        except (GraphFileError, UnsupportedError) as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _hinted(numbers: dict[str, NDArray[Any]]) -> list[tuple[int, int, int]]:
    """Sizes that a graph may be fixed to though it says that they are free: those in its shapes."""
    shapes = [v for v in numbers.values() if v.dtype == np.int64 and 2 <= v.size <= 4]
    found = sorted({int(size) for shape in shapes for size in shape.flat if 1 < size < 1000})[:8]
    return [pair for size in found for pair in ((size, 3, 3), (7, size, size))]


def _network(trail: Trail, numbers: dict[str, NDArray[Any]], scales: bool) -> Network:
    """The layers, what lies between them merged into their weights."""
    layers, inputs = [], None
    for k, (layer, below) in enumerate(zip(trail.layers, trail.below, strict=True)):
        if k == 0 and scales and (found := _scaling(below)) is not None:
            inputs = found
            layers.append(layer)
        else:
            layers.append(_merged(layer, below))
    head, double = trail.head, any(value.dtype == np.float64 for value in numbers.values())
    units = layers[-1].parameters["weight_hh"].shape[1]
    readout = None
    if head.factor is not None or head.offset is not None:
        weight = np.eye(units) if head.matrix is None else head.matrix
        readout = (np.array(weight), head.offset)
    return Network(tuple(layers), readout, head.activation, inputs, double)


def _scaling(rows: Signal) -> Scaling | None:
    """The mean and sd by which a graph standardises its rows, number by number."""
    if rows.factor is None and rows.offset is None:
        return None
    factor = np.ones(rows.width) if rows.factor is None else rows.factor
    if factor.ndim != 1 or (factor <= 0).any():
        return None
    offset = np.zeros(rows.width) if rows.offset is None else rows.offset
    return Scaling(-offset / factor, 1.0 / factor)


def _merged(layer: Layer, below: Signal) -> Layer:
    """A layer whose weights do what was done to its input."""
    weights = dict(copy.copy(layer.parameters))
    W = weights["weight_ih"]
    if below.offset is not None:
        bias = W @ below.offset
        weights["bias_ih"] = weights.get("bias_ih", 0.0) + bias
        weights.setdefault("bias_hh", np.zeros_like(bias))
    if below.factor is not None:
        weights["weight_ih"] = W * below.factor if below.factor.ndim == 1 else W @ below.factor
    return layer._replace(parameters=weights)
