"""What is asked of an ONNX file before onnxruntime may have it.

A graph can name files outside itself, hold loops, or promise tensors of any size. Ours do none of
that, so that whatever does is refused unread.
"""

from math import prod

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rtrl_lstm.spec import Spec

from .errors import GraphFileError

Array = NDArray[np.floating]

OPERATORS = frozenset(
    {"Add", "Exp", "Gemm", "Identity", "Mul", "Sigmoid", "Softmax", "Split", "Sub", "Tanh"}
)
"""All that `parts` draws with. None reads a file, loops, or makes a tensor from nothing."""


def parse(data: bytes) -> onnx.ModelProto:
    """The bytes as a model."""
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise GraphFileError("not an ONNX file, or a damaged one") from error
    if not model.graph.node:
        raise GraphFileError("not an ONNX file, or an empty one")
    return model


def check_nodes(model: onnx.ModelProto) -> None:
    """Refuse operators that we do not use."""
    nodes = model.graph.node
    # As text: a name that is not UTF-8 comes as bytes.
    foreign = {str(node.op_type) for node in nodes if node.op_type not in OPERATORS or node.domain}
    if foreign or model.functions or model.graph.sparse_initializer:
        what = ", ".join(sorted(foreign)) or "functions or sparse tensors"
        raise GraphFileError(f"altered: it holds what no graph of rtrl-lstm holds ({what})")


def check_standard(model: onnx.ModelProto) -> None:
    """Refuse what ONNX's own checker refuses."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise GraphFileError(f"not a valid ONNX graph: {error}") from error


def numbers(model: onnx.ModelProto, dtype: np.dtype[np.floating]) -> dict[str, Array]:
    """The initialisers, all of whose numbers must lie in the file itself."""
    element = helper.np_dtype_to_tensor_dtype(dtype)
    found: dict[str, Array] = {}
    for tensor in model.graph.initializer:
        inside = tensor.data_location == TensorProto.DEFAULT and tensor.data_type == element
        stated = prod(tensor.dims) * dtype.itemsize
        if not inside or min(tensor.dims, default=1) < 1 or stated != len(tensor.raw_data):
            raise GraphFileError(f"altered: {tensor.name!r} does not hold what its shape promises")
        found[tensor.name] = numpy_helper.to_array(tensor)
    return found


def states(model: onnx.ModelProto, numbers: dict[str, Array], spec: Spec) -> dict[str, Array]:
    """The state inputs with their values; all ends of the graph must be as `step` says."""
    graph = model.graph
    names = [value.name for value in graph.input[1:]]
    found = {name: numbers[name] for name in names if name in numbers}
    ends = [value.name for value in graph.output]
    if list(found) != names or ends != ["y", *(f"{name}_out" for name in names)]:
        raise GraphFileError("altered: its inputs and outputs are not those of a step graph")
    wide = [(1, spec.hidden_size)] * len(names)
    rows = {"x": spec.input_size, "y": spec.output_size}
    if [value.shape for value in found.values()] != wide or rows != {
        value.name: _width(value) for value in (graph.input[0], graph.output[0])
    }:
        raise GraphFileError("altered: its sizes are not those that its metadata speaks of")
    return found


def _width(value: onnx.ValueInfoProto) -> int | None:
    """The size of the second axis of two."""
    axes = value.type.tensor_type.shape.dim
    return axes[1].dim_value if len(axes) == 2 else None
