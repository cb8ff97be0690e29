"""A builder of ONNX graphs: nodes, numbers, inputs and outputs. It knows nothing of any model.

A *value* is the name of a tensor in the graph, a string; every method that makes one returns it.
All floating-point tensors of one graph have one dtype.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import helper, numpy_helper

OPSET = 17
"""With ``make_model_gen_version`` this gives IR version 8, which old and new runtimes load."""

Shape = tuple[int | str, ...]


class Graph:
    """An ONNX graph that is being built, node after node, in the order of its computation.

    Parameters
    ----------
    name : str
        The graph's name.
    dtype : float32 or float64
        Of every tensor.
    """

    def __init__(self, name: str, dtype: DTypeLike) -> None:
        self.name = name
        self.dtype = np.dtype(dtype)
        self._element = helper.np_dtype_to_tensor_dtype(self.dtype)
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Shape, default: ArrayLike | None = None) -> str:
        """Declare an input; a string in `shape` is a free dimension.

        With a `default` the graph holds an initialiser of the same name: whoever runs the graph
        may leave the input out and gets that value.
        """
        self._inputs.append(helper.make_tensor_value_info(name, self._element, shape))
        return name if default is None else self.number(name, default)

    def number(self, name: str, value: ArrayLike) -> str:
        """Store an array in the graph, in the graph's dtype."""
        array = np.ascontiguousarray(value, self.dtype)
        self._initialisers.append(numpy_helper.from_array(array, name))
        return name

    def op(self, op_type: str, *values: str, **attributes: Any) -> str:
        """Apply an operator with one result."""
        return self._add(op_type, values, 1, attributes)[0]

    def split(self, value: str, parts: int) -> list[str]:
        """Cut a tensor into equal `parts` along its last axis."""
        return self._add("Split", (value,), parts, {"axis": -1})

    def output(self, name: str, value: str, shape: Shape) -> None:
        """Declare `value` an output of that name."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name))
        self._outputs.append(helper.make_tensor_value_info(name, self._element, shape))

    def model(self, *, producer: str, version: str, doc: str) -> onnx.ModelProto:
        """The finished graph, wrapped for a file."""
        graph = helper.make_graph(
            self._nodes, self.name, self._inputs, self._outputs, self._initialisers, doc
        )
        return helper.make_model_gen_version(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name=producer,
            producer_version=version,
        )

    def _add(
        self, op_type: str, values: tuple[str, ...], results: int, attributes: dict[str, Any]
    ) -> list[str]:
        name = f"{op_type.lower()}_{len(self._nodes)}"
        names = [name] if results == 1 else [f"{name}_{k}" for k in range(results)]
        self._nodes.append(helper.make_node(op_type, values, names, name, **attributes))
        return names
