"""A foreign graph walked through from its input to its output.

Sizes are put in for the free dimensions, so that all shapes are known; each node either makes a
`Constant` or leads a `Signal` on. What else a node may do is refused by its name.
"""

from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from ..errors import GraphFileError, UnsupportedError
from . import folding, heads, recurrent
from .recurrent import Layer
from .signals import TIME, UNITS, Constant, Signal, atoms

Value = Constant | Signal
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)


class Trail(NamedTuple):
    """What was found on the way.

    Attributes:
        layers: from the input up.
        below: what each of them sees of the source under it.
        head: the output.
        nodes: those that the output needs, in order.
        x: the input that the rows are fed to.
        fed: name -> shape, its shape, and that of states that are inputs.
    """

    layers: list[Layer]
    below: list[Signal]
    head: Signal
    nodes: list[onnx.NodeProto]
    x: str
    fed: dict[str, tuple[int, ...]]


def walk(
    graph: onnx.GraphProto,
    numbers: dict[str, NDArray[Any]],
    opset: int,
    sizes: tuple[int, int, int],
) -> Trail:
    """Walk through a graph.

    Args:
        numbers: its initialisers.
        sizes: what to put in for the first, the second and any other free dimension.

    Raises:
        UnsupportedError, GraphFileError: it cannot be followed.
    """
    return _Walk(graph, numbers, opset, sizes).go()


class _Walk:
    def __init__(
        self,
        graph: onnx.GraphProto,
        numbers: dict[str, NDArray[Any]],
        opset: int,
        sizes: tuple[int, int, int],
    ) -> None:
        self.graph, self.opset = graph, opset
        self.most = sum(value.size for value in numbers.values())
        self.values: dict[str, Value] = {n: Constant(v) for n, v in numbers.items()}
        self.layers: list[Layer] = []
        self.below: list[Signal] = []
        self.squeezed = False  # whether a free dimension of the rows is 1
        self.x, self.fed = "", dict[str, tuple[int, ...]]()
        self._begin([v for v in graph.input if v.name not in numbers], sizes)

    def go(self) -> Trail:
        nodes = _needed(self.graph)
        for node in nodes:
            self._take(node)
        head = self.values.get(self.graph.output[0].name)
        if not isinstance(head, Signal) or not self.layers:
            raise UnsupportedError("a graph without an LSTM, GRU or RNN between input and output")
        if head.source != len(self.layers):
            raise UnsupportedError("an output that does not come from the last recurrent layer")
        return Trail(self.layers, self.below, head, nodes, self.x, self.fed)

    def _begin(self, inputs: list[onnx.ValueInfoProto], sizes: tuple[int, int, int]) -> None:
        if not inputs:
            raise UnsupportedError("a graph without an input for rows")
        free: dict[str, int] = {}
        for number, value in enumerate(inputs):
            tensor = value.type.tensor_type
            shape = []
            for axis, dim in enumerate(tensor.shape.dim):
                size = dim.dim_value
                if not size:
                    key = dim.dim_param or f"{value.name}.{axis}"
                    size = free.setdefault(key, sizes[min(len(free), 2)])
                    self.squeezed |= not number and size == 1
                shape.append(size)
            if tensor.elem_type not in FLOATS or not 1 <= len(shape) <= 3 or min(shape) < 1:
                raise UnsupportedError(f"the input {value.name!r}: rows are (time, batch, inputs)")
            if np.prod([float(size) for size in shape]) > max(self.most, folding.ALLOWANCE):
                raise GraphFileError(f"the input {value.name!r} would be larger than the weights")
            self.fed[value.name] = tuple(shape)
            if number:
                zeros = np.zeros(shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type))
                self.values[value.name] = Constant(zeros, value.name)
                continue
            self.x = value.name
            axes = [atoms(f"axis {k}", size) for k, size in enumerate(shape[:-1])]
            axes.append(atoms(UNITS, shape[-1]))
            self.values[value.name] = Signal(tuple(axes), 0, shape[-1])

    def _take(self, node: onnx.NodeProto) -> None:
        try:
            given = [self.values[name] if name else None for name in node.input]
        except KeyError as error:
            raise GraphFileError(f"{node.op_type} takes {error}, which nothing makes") from error
        if node.op_type == "Constant":
            made: list[Value] = [Constant(_constant(node))]
        elif node.op_type == "Shape":
            made = [Constant(_shape(node, given[0]))]
        elif node.op_type in recurrent.CELLS and node.domain in ("", "ai.onnx"):
            made = self._layer(node, given)
        elif any(isinstance(value, Signal) for value in given):
            made = [heads.lead(node, given, self.opset)]
        else:
            made = self._fold(node, given)
        names = [name for name in node.output if name] if len(made) == 1 else list(node.output)
        self.values |= {name: value for name, value in zip(names, made, strict=False) if name}

    def _fold(self, node: onnx.NodeProto, given: list[Value | None]) -> list[Value]:
        constants = [value for value in given if isinstance(value, Constant)]
        fed = {value.fed for value in constants} - {""}
        if fed and node.op_type not in folding.RESHAPES:
            raise UnsupportedError(
                f"{node.op_type} of the input {min(fed)!r}: one input is for rows"
            )
        known = [value.value if isinstance(value, Constant) else None for value in given]
        made = folding.fold(node, known, self.opset, self.most)
        places = [k for k, name in enumerate(node.output) if name]
        found: list[Value] = [Constant(np.zeros(0))] * len(node.output)
        for place, value in zip(places, made, strict=True):
            found[place] = Constant(value, "".join(fed))
        return found

    def _layer(self, node: onnx.NodeProto, given: list[Value | None]) -> list[Value]:
        """A recurrent layer: its outputs Y, Y_h and Y_c."""
        names = recurrent.INPUTS[node.op_type]
        inputs = dict(zip(names, given, strict=False))
        rows, known = inputs.pop("X", None), dict[str, NDArray[Any] | None]()
        for name, value in inputs.items():
            if isinstance(value, Signal):
                raise UnsupportedError(f"{node.op_type} with {name} that depends on the rows")
            if value is not None and value.fed and not name.startswith("initial"):
                raise UnsupportedError(f"{node.op_type} with {name} from outside")
            known[name] = None if value is None else value.value
        if not isinstance(rows, Signal) or len(rows.axes) != 3:
            raise UnsupportedError(f"{node.op_type} over something else than the input's rows")
        if rows.source != len(self.layers) or rows.last or rows.activation != "identity":
            raise UnsupportedError(f"{node.op_type} beside another recurrent layer")
        if rows.width > 1 and rows.axes[-1] != ((UNITS, rows.width),):
            raise UnsupportedError(f"{node.op_type} over an axis that is not the rows'")
        batch_first = bool(_attribute(node, "layout", 0))
        time, streams = rows.axes[:2][::-1] if batch_first else rows.axes[:2]
        steps = int(np.prod([size for _, size in time], dtype=np.int64))
        if steps == 1 and self.squeezed:  # what it does with more than one row would not be seen
            raise UnsupportedError(f"{node.op_type} over a single row")
        lengths = known.pop("sequence_lens", None)
        if lengths is not None and (lengths != steps).any():
            raise UnsupportedError(f"{node.op_type} with sequence_lens")
        for name in ("initial_h", "initial_c"):
            if (v := known.get(name)) is not None and (
                v.ndim != 3 or v.shape[1 - batch_first] != int(np.prod([s for _, s in streams]))
            ):
                raise UnsupportedError(
                    f"{node.op_type} with {name} for other streams than the rows'"
                )
        if batch_first:
            known = {
                k: v.swapaxes(0, 1) if k.startswith("initial") and v is not None and v.ndim == 3
                else v for k, v in known.items()
            }  # fmt: skip
        layer = recurrent.layer_of(node, known)
        self.layers.append(layer)
        self.below.append(rows)
        n = layer.parameters["weight_hh"].shape[1]
        if layer.parameters["weight_ih"].shape[1] != rows.width:
            raise GraphFileError(f"{node.op_type} has a W that does not fit its rows")
        now, units = atoms(TIME, steps), atoms(UNITS, n)
        over_time = (streams, now, (), units) if batch_first else (now, (), streams, units)
        at_end = (streams, (), units) if batch_first else ((), streams, units)
        source = len(self.layers)
        return [Signal(over_time, source, n), Signal(at_end, source, n, last=True)]


def _needed(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that the first output needs, in order."""
    if not graph.output:
        raise GraphFileError("a graph without an output")
    wanted = {graph.output[0].name}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(name for name in node.input if name)
            kept.append(node)
    return kept[::-1]


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    found = [helper.get_attribute_value(a) for a in node.attribute if a.name == name]
    return found[0] if found else default


def _shape(node: onnx.NodeProto, value: Value | None) -> NDArray[np.int64]:
    if value is None:
        raise GraphFileError("Shape of nothing")
    shape = value.shape if isinstance(value, Signal) else value.value.shape
    start, end = _attribute(node, "start", 0), _attribute(node, "end", None)
    return np.array(shape, np.int64)[start:end]


def _constant(node: onnx.NodeProto) -> NDArray[Any]:
    from .storage import array_of

    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.name == "value" and isinstance(value, onnx.TensorProto):
            return array_of(value)
        if attribute.name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if attribute.name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
    raise UnsupportedError("Constant of something else than numbers")
