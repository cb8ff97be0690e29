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

# protobuf comes without types, and its stubs are no dependency of ours.
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from rtrl_lstm.fields import Array

from .errors import GraphFileError
from .plan import states as states_of
from .provenance import SETTINGS, Provenance

RECURRENT = frozenset({"GRU", "LSTM", "RNN", "Scan"})
"""What goes over a sequence."""

STEP = frozenset(
    {
        "Add",
        "Cast",
        "Concat",
        "Exp",
        "Gemm",
        "Identity",
        "Max",
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

MIXING = frozenset({"Gather", "Min", "ReduceMax", "ReduceSum", "Slice", "Squeeze", "Unsqueeze"})
"""And the combination with forecasts among the inputs. One Gather takes these from the rows, and
another what the network sees of them; each network has its own."""

SEQUENCE = STEP | MIXING | RECURRENT | {"Expand", "Flatten", "Reshape", "Shape"}
"""And a sequence. Shape is that of X alone."""

ACTIVATIONS = frozenset({b"Affine", b"Relu", b"ScaledTanh", b"Sigmoid", b"Tanh"})
"""Of the recurrent operators; no other node says anything in words."""

LEARNER = (
    STEP
    | MIXING
    | {"And", "Clip", "Cos", "Div", "Equal", "Greater", "IsNaN", "Less", "MatMul", "Not", "Pow"}
    | {"ReduceL1", "ReduceSumSquare", "Sign", "Sqrt", "Where"}
)
"""And a step of learning. None makes a tensor of a size that is a number in the file."""

OPERATORS = {"step": STEP | MIXING, "sequence": SEQUENCE, "learner": LEARNER}

INTEGERS = frozenset({-1, 0, 1})
"""Axes and sizes in a sequence; all others are sizes of what the graph is fed."""


def parse(data: bytes) -> onnx.ModelProto:
    """The bytes as a model, in which all text is text."""
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
        bad = _undecoded(model)
    except (DecodeError, UnicodeDecodeError) as error:
        raise GraphFileError("not an ONNX file, or a damaged one") from error
    if not model.graph.node:
        raise GraphFileError("not an ONNX file, or an empty one")
    if bad:
        raise GraphFileError(f"damaged: a {bad} in it is not text")
    return model


def _undecoded(message: Message) -> str | None:
    """The first field whose text is not UTF-8; protobuf says bytes then, of all it decodes late."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        for each in [value] if isinstance(value, str | bytes | Message) else value:
            if isinstance(each, Message):
                if bad := _undecoded(each):
                    return bad
            elif not isinstance(each, str):
                return str(field.name)
    return None


def check_nodes(model: onnx.ModelProto, provenance: Provenance) -> None:
    """Refuse what a graph of that kind does not have."""
    nodes, graph = model.graph.node, provenance.graph
    foreign = _foreign(nodes, OPERATORS[graph])
    for body in _bodies(nodes):
        foreign |= _foreign(body.node, STEP)
        if body.initializer or body.sparse_initializer or any(_bodies(body.node)):
            foreign.add("numbers or loops within a loop")
    # It could take the same again along another axis: squares of what is fed.
    if graph != "learner" and _gathers_again(nodes, 2 * provenance.members):
        foreign.add("Gather of what is not fed")
    if model.functions or model.graph.sparse_initializer:
        foreign.add("functions or sparse tensors")
    if foreign:
        what = ", ".join(sorted(foreign))
        raise GraphFileError(f"altered: it holds what no graph of rtrl-lstm holds ({what})")


def _gathers_again(nodes: Iterable[onnx.NodeProto], most: int) -> bool:
    """Whether a Gather takes from anything but rows as they are fed, or there are more of them."""
    rows = {"x", "X"}
    for node in nodes:
        if node.op_type == "Flatten" and list(node.input) == ["X"]:
            rows |= set(node.output)
    taken = [name for node in nodes if node.op_type == "Gather" for name in node.input[:1]]
    return len(taken) > most or not rows.issuperset(taken)


def check_standard(model: onnx.ModelProto) -> None:
    """Refuse what ONNX's own checker refuses."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise GraphFileError(f"not a valid ONNX graph: {error}") from error


def check_growth(model: onnx.ModelProto, provenance: Provenance) -> None:
    """Refuse a step, or the body of a loop, that makes a tensor larger than all it is given."""
    if provenance.graph != "sequence":
        _check_growth(model)
    # Each body is of one network.
    fed = [(provenance.spec.seen_size,), *(n.shape for n in states_of(provenance.spec).values())]
    around = _inferred(model).value_info if any(_bodies(model.graph.node)) else []
    for body in _bodies(model.graph.node):
        single = onnx.ModelProto()
        single.CopyFrom(model)
        single.graph.CopyFrom(body)
        single.graph.initializer.extend(model.graph.initializer)
        element = helper.np_dtype_to_tensor_dtype(provenance.dtype)
        # Of the states, then of the row, as `Graph.scan` draws them.
        for value, shape in zip(single.graph.input, [*fed[1:], fed[0]], strict=False):
            value.CopyFrom(helper.make_tensor_value_info(value.name, element, (1, *shape)))
        # What the body takes from around it.
        seen = {name for node in body.node for name in node.input}
        single.graph.input.extend(value for value in around if value.name in seen)
        _check_growth(single)


def _check_growth(model: onnx.ModelProto) -> None:
    """A graph without loops, for a batch of 1."""
    graph = model.graph
    given = sum(prod(_dims(value, 1)) for value in graph.input)
    given += sum(prod(tensor.dims) for tensor in graph.initializer)
    inferred = _inferred(model)
    values = [*inferred.value_info, *inferred.output]
    shapes = {value.name: _dims(value, given + 1) for value in values if _has_shape(value)}
    made = {name for node in graph.node for name in node.output}
    large = made - shapes.keys() | {name for name, shape in shapes.items() if prod(shape) > given}
    if large:
        raise GraphFileError(
            f"altered: {min(large)!r} would be larger than any graph of ours needs"
        )


def _inferred(model: onnx.ModelProto) -> onnx.GraphProto:
    """The graph with the shapes of its values, for a batch of 1."""
    single = onnx.ModelProto()
    single.CopyFrom(model)
    graph = single.graph
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.WhichOneof("value") != "dim_value":
                axis.dim_value = 1
    try:
        return onnx.shape_inference.infer_shapes(single).graph
    except Exception as error:  # its exceptions have no common class of their own
        raise GraphFileError(f"not a valid ONNX graph: {error}") from error


def _has_shape(value: onnx.ValueInfoProto) -> bool:
    found: bool = value.type.tensor_type.HasField("shape")
    return found


def _dims(value: onnx.ValueInfoProto, unknown: int) -> list[int]:
    axes = value.type.tensor_type.shape.dim
    return [axis.dim_value if axis.HasField("dim_value") else unknown for axis in axes]


def numbers(model: onnx.ModelProto, provenance: Provenance) -> dict[str, Array]:
    """The numbers that are no sizes, all of which must lie in the file itself."""
    found: dict[str, Array] = {}
    learner = provenance.graph == "learner"
    allowed = {provenance.dtype, np.dtype(np.float64)} if learner else {provenance.dtype}
    if provenance.precision in ("float16", "int8"):
        allowed.add(np.dtype(provenance.precision))
    elements = {helper.np_dtype_to_tensor_dtype(dtype): dtype for dtype in allowed}
    harmless = _harmless(model)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.INT64:
            sizes = _inside(tensor, np.dtype(np.int64))
            # In a learner graph they are axes and bounds of slices, which make nothing larger.
            if not (learner or tensor.name in harmless or INTEGERS.issuperset(sizes.flat)):
                raise GraphFileError(
                    f"altered: {tensor.name!r} holds sizes that no graph of ours has"
                )
        else:
            dtype = elements.get(tensor.data_type, provenance.dtype)
            found[tensor.name] = _inside(tensor, dtype)
    return found


def _harmless(model: onnx.ModelProto) -> set[str]:
    """What says only into which widths a tensor is split, or what is taken of it."""
    graphs = [model.graph, *_bodies(model.graph.node)]
    found, others = set[str](), set[str]()
    for node in (node for graph in graphs for node in graph.node):
        takes = node.op_type in ("Split", "Gather")
        found |= set(node.input[1:]) if takes else set()
        others |= set(node.input[:1] if takes else node.input)
    return found - others


def states(
    model: onnx.ModelProto, numbers: dict[str, Array], provenance: Provenance
) -> dict[str, Array]:
    """The carried inputs and the settings with their values; all ends must be as promised."""
    graph, spec = model.graph, provenance.spec
    other = GraphFileError(
        f"altered: its inputs and outputs are not those of a {provenance.graph} graph"
    )
    # In the metadata there may be any number of layers and networks, and no list of theirs is made.
    if spec.num_layers * provenance.members > len(graph.input):
        raise other
    fed, carried = provenance.fed(), provenance.carried()
    outputs = [provenance.ends[1], *(f"{name}_out" for name in carried)]
    ends = [value.name for value in (*graph.input, *graph.output)]
    defaults = [*(name for name in fed if name in SETTINGS), *carried]
    if ends != [*fed, *carried, *outputs] or not numbers.keys() >= set(defaults):
        raise other
    found = {name: numbers[name] for name in defaults}
    dtypes = [np.dtype(np.float64) if n.wide else provenance.dtype for n in carried.values()]
    sizes = [_last_of(len(provenance.axes), end) for end in (*graph.input, graph.output[0])]
    if (
        [found[name].shape for name in carried] != [(1, *n.shape) for n in carried.values()]
        or [found[name].dtype for name in carried] != dtypes
        or any(found[name].shape != (1, 1) for name in fed if name in SETTINGS)
        or sizes[: len(fed)] != list(fed.values())
        or sizes[-1] != spec.output_size
    ):
        raise GraphFileError("altered: its sizes are not those that its metadata speaks of")
    return found


def _foreign(nodes: Iterable[onnx.NodeProto], known: frozenset[str]) -> set[str]:
    """What is not known."""
    foreign = {node.op_type for node in nodes if node.op_type not in known or node.domain}
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
