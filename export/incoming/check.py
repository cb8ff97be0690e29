"""What came in is run beside what it came from; if it says something else, it is refused."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rtrl_lstm.fields import Array

from ..errors import GraphFileError, UnsupportedError, brief
from ..runtime import start
from .network import Net
from .recurrent import CELLS, INPUTS
from .signals import TIME, UNITS
from .walk import Trail

LIMIT = 1e-4
"""How far a forecast may be off, as a fraction of the largest."""


def same_forecasts(
    model: onnx.ModelProto, numbers: Mapping[str, NDArray[Any]], trail: Trail, net: Net
) -> None:
    """Run a graph and the learner made from it on the same rows.

    Args:
        model: the file's.
        numbers: its initialisers.
        trail: what was found in it; only those of its nodes are run.
        net: what was made of it.

    Raises:
        UnsupportedError: they differ.
        GraphFileError: onnxruntime does not run the graph.
    """
    shape = trail.fed[trail.x]
    rows = np.random.default_rng(0).standard_normal(shape)
    scaling = net.scaling()
    spread = np.where(scaling["input_scale"] > 0, scaling["input_scale"], 1.0)
    rows = (scaling["input_mean"] + rows / spread).astype(np.float32).astype(np.float64)
    single = _runnable(model, numbers, trail)
    fed = {name: np.zeros(size, np.float32) for name, size in trail.fed.items()}
    fed[trail.x] = rows.astype(np.float32)
    kept = {value.name for value in single.graph.input}
    session = start(single.SerializeToString(), "cpu")
    try:
        [said] = session.run(None, {name: value for name, value in fed.items() if name in kept})
    # Its exceptions have no common class of their own.
    except Exception as error:
        raise GraphFileError(f"onnxruntime does not run the graph: {brief(error)}") from error
    if said.shape != trail.head.shape:
        raise UnsupportedError(f"an output of shape {said.shape}")
    found, expected = _in_order(said, trail), _forecasts(net, _streams(rows, trail))
    if trail.head.last:
        expected = expected[-1:]
    if trail.head.activation == "identity":
        found = _activated(found, net.spec.activation)
    scale = net.scaling()
    found = scale["target_mean"] + scale["target_scale"] * found
    off = float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), 1e-30))
    if not off <= LIMIT:
        raise UnsupportedError(f"a part that is not known: what it says differs by {off:.2g}")


def _forecasts(net: Net, streams: Array) -> Array:
    """(T, B, I) -> (T, B, O), each stream from the learner's state."""
    said = []
    for stream in streams.swapaxes(0, 1):
        said.append(copy.copy(net).frozen().run(stream))
    return np.array(said, np.float64).swapaxes(0, 1)


def _streams(rows: Array, trail: Trail) -> Array:
    """The rows as (T, B, I)."""
    axes = trail.below[0].axes
    batch_first = _is_batch_first(trail)
    time = axes[1 if batch_first else 0]
    labels = [f"axis {k}" for k in range(rows.ndim - 1)]
    first = next((k for k, label in enumerate(labels) if time and time[0][0] == label), None)
    if first is None:  # a single step
        first = next((k for k in range(rows.ndim - 1) if rows.shape[k] == 1), None)
    if first is None:
        return rows[None]
    return np.moveaxis(rows, first, 0).reshape(rows.shape[first], -1, rows.shape[-1])


def _is_batch_first(trail: Trail) -> bool:
    node = next(node for node in trail.nodes if node.op_type in CELLS)
    return any(a.name == "layout" and a.i for a in node.attribute)


def _in_order(said: NDArray[np.floating], trail: Trail) -> Array:
    """The output as (T or 1, B, O)."""
    atoms = [atom for axis in trail.head.axes for atom in axis]
    labels, sizes = [label for label, _ in atoms], [size for _, size in atoms]
    values = said.astype(np.float64).reshape(sizes)
    order = sorted(range(len(labels)), key=lambda k: {TIME: 0, UNITS: 2}.get(labels[k], 1))
    steps = next((size for label, size in atoms if label == TIME), 1)
    return values.transpose(order).reshape(steps, -1, trail.head.width)


def _activated(a: Array, activation: str) -> Array:
    """What a loss makes of logits."""
    match activation:
        case "sigmoid":
            return 1 / (1 + np.exp(-a))
        case "softmax":
            e = np.exp(a - a.max(-1, keepdims=True))
            found: Array = e / e.sum(-1, keepdims=True)
            return found
        case "exp":
            return np.exp(a)
    return a


def _runnable(
    model: onnx.ModelProto, numbers: Mapping[str, NDArray[Any]], trail: Trail
) -> onnx.ModelProto:
    """The needed part of the graph as onnxruntime runs it: in float32, with time first.

    It has no recurrent operator in float64, nor one whose batch is its first axis.
    """
    single = onnx.ModelProto(ir_version=model.ir_version)
    single.opset_import.extend(model.opset_import)
    graph = single.graph
    graph.name = "part"
    names = {name for node in trail.nodes for name in node.input}
    nodes: list[onnx.NodeProto] = []
    for node in trail.nodes:
        nodes += _time_first(_single(node))
    held = {name: value for name, value in numbers.items() if name in names}
    inputs = [v for v in model.graph.input if v.name in names]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(_narrow(v), n) for n, v in held.items())
    for value in inputs:
        value = copy.deepcopy(value)
        if value.type.tensor_type.elem_type == TensorProto.DOUBLE:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
        graph.input.append(value)
    graph.output.append(
        helper.make_tensor_value_info(model.graph.output[0].name, TensorProto.FLOAT, None)
    )
    return single


def _single(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node with float32 in place of float64."""
    found = copy.deepcopy(node)
    for attribute in found.attribute:
        if attribute.HasField("t"):
            attribute.t.CopyFrom(_single_tensor(attribute.t))
        if found.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
            attribute.i = TensorProto.FLOAT
    return found


def _single_tensor(tensor: TensorProto) -> TensorProto:
    if tensor.data_type != TensorProto.DOUBLE:
        return tensor
    return numpy_helper.from_array(_narrow(numpy_helper.to_array(tensor)), tensor.name)


def _narrow(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(np.float32) if value.dtype == np.float64 else value


def _time_first(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A recurrent node with layout=1 as one with layout=0 between transpositions."""
    if node.op_type not in CELLS or not any(a.name == "layout" and a.i for a in node.attribute):
        return [node]
    found = copy.deepcopy(node)
    kept = [a for a in node.attribute if a.name != "layout"]
    del found.attribute[:]
    found.attribute.extend(kept)
    before, after = [], []
    for k, (name, meaning) in enumerate(zip(node.input, INPUTS[node.op_type], strict=False)):
        if name and meaning in ("X", "initial_h", "initial_c"):
            found.input[k] = f"{node.output[0]}.{meaning}.time_first"
            before.append(helper.make_node("Transpose", [name], [found.input[k]], perm=[1, 0, 2]))
    for k, name in enumerate(node.output):
        if name:
            found.output[k] = f"{name}.time_first"
            perm = [2, 0, 1, 3] if k == 0 else [1, 0, 2]
            after.append(helper.make_node("Transpose", [found.output[k]], [name], perm=perm))
    return [*before, found, *after]
