"""A builder of ONNX graphs: nodes, numbers, inputs and outputs. It knows nothing of any model.

A *value* is the name of a tensor in the graph, a string; every method that makes one returns it.
All floating-point tensors of one graph have one dtype, but for those that are said to be *wide*:
counts and running statistics are float64 in every graph.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnx import helper, numpy_helper

from . import storage

OPSET = 17
"""With ``make_model_gen_version`` this gives IR version 8, which old and new runtimes load."""

Shape = tuple[int | str, ...]
Values = Mapping[str, str]
"""Values of the graph by a name of ours: of a gate, of a state."""
Step = Callable[["Graph", dict[str, str], str], tuple[dict[str, str], str]]
"""(graph, states, row) -> (states, result of the row)."""


class Graph:
    """An ONNX graph that is being built, node after node, in the order of its computation.

    Args:
        name: the graph's name.
        dtype: of every tensor that is not wide.
        stored: "float16", "int8" or any other, how the weights lie in the file, if not in the
            dtype.
    """

    def __init__(self, name: str, dtype: DTypeLike, stored: str = "") -> None:
        self.name = name
        self.dtype = np.dtype(dtype)
        self._stored = stored
        self._prefix = ""
        self._whose = ""
        self._makers: dict[str, onnx.NodeProto] = {}
        self._renamed: dict[str, str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    @contextmanager
    def of(self, whose: str) -> Iterator[None]:
        """Names of arrays that are stored begin so, but for constants, which all share."""
        before, self._whose = self._whose, whose
        try:
            yield
        finally:
            self._whose = before

    def input(
        self, name: str, shape: Shape, default: ArrayLike | None = None, wide: bool = False
    ) -> str:
        """Declare an input; a string in `shape` is a free dimension.

        With a `default` the graph holds an initialiser of the same name: whoever runs the graph
        may leave the input out and gets that value. Its free dimension may then be 1 where that of
        other inputs is not, and is named after the input: onnxruntime takes dimensions of one name
        to be equal, and fails where they are not.
        """
        if default is not None:
            shape = tuple(f"{d}_of_{name}" if isinstance(d, str) else d for d in shape)
        self._end(self._inputs, name, shape, wide)
        return name if default is None else self._put(name, default, wide)

    def number(self, name: str, value: ArrayLike, wide: bool = False) -> str:
        """Store an array in the graph, in the graph's dtype."""
        return self._put(self._whose + name, value, wide)

    def _put(self, name: str, value: ArrayLike, wide: bool) -> str:
        assert name not in self._initialisers, name
        return self._store(name, np.ascontiguousarray(value, self._dtype(wide)))

    def weight(self, name: str, value: NDArray[np.floating]) -> str:
        """Store a matrix (..., R, D) of weights, as the graph stores them."""
        if self._stored == "float16":
            halves = np.ascontiguousarray(value, np.float16)
            return self.cast(self._store(self._whose + name, halves))
        if self._stored == "int8":
            levels, scale = storage.to_levels(value)
            widened = self.cast(self._store(self._whose + name, np.ascontiguousarray(levels)))
            return self.op("Mul", widened, self.number(f"{name}.scale", scale))
        return self.number(name, value)

    def constant(self, value: float, wide: bool = False) -> str:
        """A number by itself; the graph holds it once."""
        dtype = self._dtype(wide)
        name = "constant" if dtype == self.dtype else "constant_wide"
        return self._store(f"{name}_{float(value)!r}", np.array(value, dtype))

    def cast(self, value: str, wide: bool = False) -> str:
        """A value in the graph's dtype, or in float64; also a truth value, as 1 or 0."""
        return self.op("Cast", value, to=helper.np_dtype_to_tensor_dtype(self._dtype(wide)))

    def widened(self, value: str) -> str:
        """A value of the graph's dtype in float64."""
        return value if self.dtype == np.float64 else self.cast(value, wide=True)

    def narrowed(self, value: str) -> str:
        """A wide value in the graph's dtype."""
        return value if self.dtype == np.float64 else self.cast(value)

    def integers(self, *values: int) -> str:
        """Sizes or axes; the graph holds them once."""
        return self._store(f"integers_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def constant_ones(self, name: str, shape: tuple[int, ...]) -> str:
        """Ones in float64; the graph holds them once."""
        return self._store(name, np.ones(shape))

    def places(self, name: str, value: ArrayLike) -> str:
        """Store an array of places along an axis."""
        return self._store(self._whose + name, np.ascontiguousarray(value, np.int64))

    def op(self, op_type: str, *values: str, **attributes: Any) -> str:
        """Apply an operator with one result. A value of "" is an input that is left out."""
        return self.ops(1, op_type, *values, **attributes)[0]

    def ops(self, results: int, op_type: str, *values: str, **attributes: Any) -> list[str]:
        """Apply an operator with several results."""
        name = f"{self._prefix}{op_type.lower()}_{len(self._nodes)}"
        names = [name] if results == 1 else [f"{name}_{k}" for k in range(results)]
        node = helper.make_node(op_type, values, names, name, **attributes)
        self._nodes.append(node)
        self._makers |= dict.fromkeys(names, node)
        return names

    def split(self, value: str, parts: int, axis: int = -1) -> list[str]:
        """Cut a tensor into equal `parts` along an axis."""
        return [value] if parts == 1 else self.ops(parts, "Split", value, axis=axis)

    def concat(self, values: Sequence[str], axis: int) -> str:
        """Put tensors one after the other along an axis."""
        return values[0] if len(values) == 1 else self.op("Concat", *values, axis=axis)

    def scan(self, step: Step, states: Values, rows: str) -> tuple[dict[str, str], str]:
        """Apply `step` to each row, one after the other.

        Args:
            step: draws what happens at a row. What it stores lies in this graph, not in the row's.
            states: from each step to the next, with the values of the first.
            rows: (T, ...).

        Returns:
            The states after the last row, and the results of all rows (T, ...).
        """
        inner = Graph("row", self.dtype)
        inner._prefix, inner._whose = "row_", self._whose
        inner._initialisers = self._initialisers
        before = {name: inner._end(inner._inputs, f"{name}_tm1") for name in states}
        after, result = step(inner, before, inner._end(inner._inputs, "row_t"))
        for name, value in {**after, "result": result}.items():
            inner.output(f"{name}_t", value)
        *last, results = self.ops(
            len(after) + 1, "Scan", *states.values(), rows,
            body=helper.make_graph(
                inner._finished(), inner.name, inner._inputs, inner._outputs
            ),
            num_scan_inputs=1,
        )  # fmt: skip
        return dict(zip(after, last, strict=True)), results

    def output(self, name: str, value: str, shape: Shape | None = None, wide: bool = False) -> None:
        """Declare `value` an output of that name.

        What made the value is made to give it that name: another node would copy it.
        """
        maker = self._makers.get(value)
        if maker is None:  # an input or a stored number, or an output already
            self._nodes.append(helper.make_node("Identity", [value], [name], name))
        else:
            self._renamed[value] = name
            maker.output[list(maker.output).index(value)] = name
            del self._makers[value]
        self._end(self._outputs, name, shape, wide)

    def model(self, *, producer: str, version: str, doc: str) -> onnx.ModelProto:
        """The finished graph, wrapped for a file."""
        graph = helper.make_graph(
            self._finished(),
            self.name,
            self._inputs,
            self._outputs,
            list(self._initialisers.values()),
            doc,
        )
        return helper.make_model_gen_version(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name=producer,
            producer_version=version,
        )

    def _finished(self) -> list[onnx.NodeProto]:
        """The nodes, outputs being called as outputs are."""
        for node in self._nodes:
            node.input[:] = [self._renamed.get(name, name) for name in node.input]
        return self._nodes

    def _store(self, name: str, array: NDArray[Any]) -> str:
        self._initialisers[name] = numpy_helper.from_array(array, name)
        return name

    def _dtype(self, wide: bool) -> np.dtype[Any]:
        return np.dtype(np.float64) if wide else self.dtype

    def _end(
        self,
        ends: list[onnx.ValueInfoProto],
        name: str,
        shape: Shape | None = None,
        wide: bool = False,
    ) -> str:
        element = helper.np_dtype_to_tensor_dtype(self._dtype(wide))
        ends.append(helper.make_tensor_value_info(name, element, shape))
        return name
