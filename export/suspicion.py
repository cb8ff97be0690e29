"""What is asked of an ONNX file before onnxruntime may have it.

A graph can name files outside itself, hold loops, or promise tensors of any size. Ours loop over
the rows that they are fed and make nothing larger than those, so that whatever else is in a file
is refused unread.
"""

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from .errors import GraphFileError
from .provenance import Provenance

Array = NDArray[np.floating]

RECURRENT = frozenset({"GRU", "LSTM", "RNN", "Scan"})
"""What goes over a sequence."""

STEP = frozenset(
    {
        "Add",
        "Exp",
        "Gemm",
        "Identity",
        "Mul",
        "Relu",
        "Sigmoid",
        "Softmax",
        "Split",
        "Sub",
        "Tanh",
    }
)
"""All that a step is drawn with. None reads a file, loops, or makes a tensor from nothing."""

SEQUENCE = STEP | RECURRENT | {"Concat", "Expand", "Flatten", "Reshape", "Shape", "Squeeze"}
"""And a sequence. Shape is that of X alone."""

ACTIVATIONS = frozenset({b"Affine", b"Relu", b"ScaledTanh", b"Sigmoid", b"Tanh"})
"""Of the recurrent operators; no other node says anything in words."""

INTEGERS = frozenset({-1, 0, 1})
"""Axes and sizes; all others are sizes of what the graph is fed."""


def parse(data: bytes) -> onnx.ModelProto:
    """The bytes as a model."""
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise GraphFileError("not an ONNX file, or a damaged one") from error
    if not model.graph.node:
        raise GraphFileError("not an ONNX file, or an empty one")
    return model


def check_nodes(model: onnx.ModelProto, graph: str) -> None:
    """Refuse what a graph of that kind does not have."""
    nodes = model.graph.node
    foreign = _foreign(nodes, STEP if graph == "step" else SEQUENCE)
    for body in _bodies(nodes):
        foreign |= _foreign(body.node, STEP)
        if body.initializer or body.sparse_initializer or any(_bodies(body.node)):
            foreign.add("numbers or loops within a loop")
    if model.functions or model.graph.sparse_initializer:
        foreign.add("functions or sparse tensors")
    if foreign:
        what = ", ".join(sorted(foreign))
        raise GraphFileError(f"altered: it holds what no graph of rtrl-lstm holds ({what})")


def check_standard(model: onnx.ModelProto) -> None:
    """Refuse what ONNX's own checker refuses."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise GraphFileError(f"not a valid ONNX graph: {error}") from error


def numbers(model: onnx.ModelProto, dtype: np.dtype[np.floating]) -> dict[str, Array]:
    """The floating-point initialisers, all of whose numbers must lie in the file itself."""
    found: dict[str, Array] = {}
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.INT64:
            found[tensor.name] = _inside(tensor, dtype)
        elif not INTEGERS.issuperset(_inside(tensor, np.dtype(np.int64)).flat):
            raise GraphFileError(f"altered: {tensor.name!r} holds sizes that no graph of ours has")
    return found


def states(
    model: onnx.ModelProto, numbers: dict[str, Array], provenance: Provenance
) -> dict[str, Array]:
    """The state inputs with their values; all ends must be as `step` and `sequence` say."""
    graph, spec = model.graph, provenance.spec
    names = [value.name for value in graph.input[1:]]
    found = {name: numbers[name] for name in names if name in numbers}
    rows, forecasts = provenance.ends
    # As many as there are in the file: in the metadata there may be any number of layers.
    promised = [name for name, _ in zip(provenance.states(), [*names, ""], strict=False)]
    ends = [value.name for value in (graph.input[0], *graph.output)]
    if not (list(found) == names == promised) or ends != [
        rows, forecasts, *(f"{name}_out" for name in names)
    ]:  # fmt: skip
        raise GraphFileError(
            f"altered: its inputs and outputs are not those of a {provenance.graph} graph"
        )
    shapes = [value.shape for value in found.values()]
    sizes = [_last_of(len(provenance.axes), end) for end in (graph.input[0], graph.output[0])]
    if shapes != [(1, spec.hidden_size)] * len(names) or sizes != [
        spec.input_size, spec.output_size
    ]:  # fmt: skip
        raise GraphFileError("altered: its sizes are not those that its metadata speaks of")
    return found


def _foreign(nodes: Iterable[onnx.NodeProto], known: frozenset[str]) -> set[str]:
    """What is not known, as text: a name that is not UTF-8 comes as bytes."""
    foreign = {str(node.op_type) for node in nodes if node.op_type not in known or node.domain}
    if any(node.op_type == "Shape" and list(node.input) != ["X"] for node in nodes):
        foreign.add("Shape")
    attributes = [attribute for node in nodes for attribute in node.attribute]
    words = {word for attribute in attributes for word in (attribute.s, *attribute.strings)}
    foreign |= {str(word) for word in words - ACTIVATIONS - {b""}}
    return foreign


def _bodies(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.GraphProto]:
    """The graphs within nodes."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH or attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def _inside(tensor: TensorProto, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of a tensor of that dtype, if they are there."""
    element = helper.np_dtype_to_tensor_dtype(dtype)
    inside = tensor.data_location == TensorProto.DEFAULT and tensor.data_type == element
    stated = prod(tensor.dims) * dtype.itemsize
    if not inside or min(tensor.dims, default=1) < 1 or stated != len(tensor.raw_data):
        raise GraphFileError(f"altered: {tensor.name!r} does not hold what its shape promises")
    array: NDArray[Any] = numpy_helper.to_array(tensor)
    return array


def _last_of(free: int, value: onnx.ValueInfoProto) -> int | None:
    """The size of the last axis, behind so many that are free."""
    axes = value.type.tensor_type.shape.dim
    return axes[-1].dim_value if len(axes) == free + 1 else None
