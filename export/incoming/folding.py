"""Nodes of a graph whose inputs are all known, worked out: shapes, axes, initial states.

Nothing here makes an array larger than the numbers that the file itself holds, or than a small
allowance: a file cannot ask for memory that it does not bring.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from ..errors import GraphFileError, UnsupportedError, brief

ALLOWANCE = 1 << 20
"""Elements that a node may make whatever the file holds."""

RESHAPES = frozenset(
    {"Cast", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
)
"""What leaves the numbers of a state as they are."""
FOLDED = RESHAPES | {
    "Abs",
    "Add",
    "Concat",
    "ConstantOfShape",
    "Div",
    "Equal",
    "Expand",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Range",
    "Reciprocal",
    "ReduceProd",
    "Size",
    "Sqrt",
    "Sub",
    "Where",
}

Known = NDArray[Any]


def fold(
    node: onnx.NodeProto, values: Sequence[Known | None], opset: int, most: int
) -> list[Known]:
    """What a node makes of known values.

    Raises:
        UnsupportedError: it is none of `FOLDED`.
        GraphFileError: it would be larger than `most` elements, or makes no sense.
    """
    if node.op_type not in FOLDED or node.domain not in ("", "ai.onnx"):
        raise UnsupportedError(f"the operator {node.op_type}")
    if _size(node.op_type, values) > max(most, ALLOWANCE):
        raise GraphFileError(f"{node.op_type} would make a tensor larger than the file's own")
    ends = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), None)
        for name, value in zip(node.input, values, strict=True)
        if value is not None
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph(
        [node], "one", list({end.name: end for end in ends}.values()), outputs
    )
    model = helper.make_model_gen_version(graph, opset_imports=[helper.make_opsetid("", opset)])
    fed = {n: v for n, v in zip(node.input, values, strict=True) if v is not None}
    try:
        made = ReferenceEvaluator(model).run(None, fed)
    except Exception as error:  # whatever is wrong with the node
        raise GraphFileError(f"{node.op_type} cannot be worked out: {brief(error)}") from error
    return [np.asarray(value) for value in made]


def _size(op_type: str, values: Sequence[Known | None]) -> int:
    """How many elements a node makes at most."""
    given = [value for value in values if value is not None]
    try:
        if op_type in ("Expand", "ConstantOfShape"):
            shape = [max(int(size), 1) for size in given[-1].reshape(-1)]
            return int(np.prod([float(size) for size in shape]) * max(given[0].size, 1))
        if op_type == "Range":
            start, limit, delta = (float(value.reshape(-1)[0]) for value in given)
            return int(abs((limit - start) / delta)) + 1
        if op_type == "Gather":
            return int(given[0].size) * max(int(given[1].size), 1)
        if op_type in ("Add", "Sub", "Mul", "Div", "Where", "Equal", "Max", "Min"):
            shapes = [value.shape for value in given]
            rank = max(len(shape) for shape in shapes)
            padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
            return int(np.prod([float(max(sizes)) for sizes in zip(*padded, strict=True)]))
    except (IndexError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise GraphFileError(f"{op_type} cannot be worked out: {brief(error)}") from error
    return sum(int(value.size) for value in given)
