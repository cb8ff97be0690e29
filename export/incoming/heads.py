"""What may lie around the recurrent layers: nodes that lead a signal on, a function for each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from rtrl_lstm.wording import counted

from ..errors import GraphFileError, UnsupportedError
from .signals import TIME, Constant, Signal, reshaped

SAME = ("Identity", "Dropout", "Cast")
ACTIVATIONS = {"Sigmoid": "sigmoid", "Softmax": "softmax", "Exp": "exp"}


def lead(node: onnx.NodeProto, given: Sequence[Constant | Signal | None], opset: int) -> Signal:
    """The signal behind a node.

    Raises:
        UnsupportedError: the node does what a learner does not; it is named.
    """
    if node.domain not in ("", "ai.onnx"):
        raise UnsupportedError(f"the operator {node.domain}.{node.op_type}")
    said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    signals = [value for value in given if isinstance(value, Signal)]
    for value in given:
        if isinstance(value, Constant) and value.fed:
            raise UnsupportedError(f"{node.op_type} of the input {value.fed!r}")
    if len(signals) > 1:
        raise UnsupportedError(f"{node.op_type} of two things that both depend on the rows")
    kind = node.op_type
    signal, constants = signals[0], [v.value if isinstance(v, Constant) else None for v in given]
    if kind in SAME:
        if kind == "Cast" and said["to"] not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
            raise UnsupportedError("Cast to something else than float or double")
        return signal
    if kind in ACTIVATIONS:
        return _activated(kind, signal, said, opset)
    if kind in ("Add", "Sub", "Mul", "Div"):
        return _arithmetic(kind, signal, given[0] is signal, constants)
    if kind in ("MatMul", "Gemm"):
        return _product(kind, signal, given[0] is signal, constants, said)
    shapes = {
        "Transpose": _transposed,
        "Reshape": _reshape,
        "Flatten": _flattened,
        "Squeeze": _squeezed,
        "Unsqueeze": _unsqueezed,
        "Gather": _gathered,
        "Slice": _sliced,
    }
    if kind in shapes and given[0] is signal:
        return shapes[kind](signal, constants[1:], said)
    where = "in front of" if signal.source == 0 else "behind"
    raise UnsupportedError(f"the operator {kind} {where} the recurrent layers")


def _activated(kind: str, signal: Signal, said: dict[str, Any], opset: int) -> Signal:
    if kind == "Softmax" and signal.width > 1:
        axis = said.get("axis", -1 if opset >= 13 else 1) % len(signal.axes)
        if axis != len(signal.axes) - 1:
            raise UnsupportedError(f"Softmax with axis={said.get('axis', 'its default')}")
    return signal.squashed(ACTIVATIONS[kind], kind)


def _arithmetic(kind: str, signal: Signal, first: bool, constants: list[Any]) -> Signal:
    number = constants[1 if first else 0]
    if number.ndim > len(signal.axes):
        raise UnsupportedError(f"{kind} of a tensor of shape {number.shape}")
    match kind, first:
        case "Add", _:
            return signal.plus(number, kind)
        case "Sub", True:
            return signal.plus(-number, kind)
        case "Sub", False:
            return signal.times(np.array(-1.0), kind).plus(number, kind)
        case "Mul", _:
            return signal.times(number, kind)
        case "Div", True if (number != 0).all():
            return signal.times(1.0 / number.astype(np.float64), kind)
    raise UnsupportedError(f"{kind} by the rows, or by zero")


def _product(
    kind: str, signal: Signal, first: bool, constants: list[Any], said: dict[str, Any]
) -> Signal:
    weight = constants[1] if len(constants) > 1 else None
    if not first or weight is None or weight.ndim != 2 or said.get("transA", 0):
        raise UnsupportedError(f"{kind} with anything but a matrix of weights behind the rows")
    alpha, beta, transposed = 1.0, 1.0, False
    if kind == "Gemm":
        alpha, beta = said.get("alpha", 1.0), said.get("beta", 1.0)
        transposed = bool(said.get("transB", 0))
    matrix = np.asarray(weight if transposed else weight.T, np.float64)
    if matrix.shape[1] != signal.width:
        raise GraphFileError(
            f"{kind} has weights of shape {weight.shape} for {counted(signal.width, 'unit')}"
        )
    found = signal.linear(alpha * matrix, kind)
    bias = constants[2] if len(constants) > 2 else None
    return found if bias is None else found.plus(beta * np.asarray(bias, np.float64), kind)


Constants = list[NDArray[Any] | None]


def _transposed(signal: Signal, _: Constants, said: dict[str, Any]) -> Signal:
    order = said.get("perm", range(len(signal.axes))[::-1])
    if sorted(order) != list(range(len(signal.axes))):
        raise GraphFileError(f"Transpose with perm={list(order)}")
    return signal._replace(axes=tuple(signal.axes[k] for k in order))


def _reshape(signal: Signal, constants: Constants, said: dict[str, Any]) -> Signal:
    wanted = _integers(constants, 0)
    if wanted is None:
        raise GraphFileError("Reshape without a shape")
    shape = signal.shape
    if not said.get("allowzero", 0):  # 0 is the size that there was
        wanted = [
            shape[k] if size == 0 and k < len(shape) else size for k, size in enumerate(wanted)
        ]
    return reshaped(signal, wanted, "Reshape")


def _flattened(signal: Signal, _: Constants, said: dict[str, Any]) -> Signal:
    axis, shape = said.get("axis", 1), signal.shape
    cut = axis if axis >= 0 else axis + len(shape)
    sizes = [int(np.prod(part, dtype=np.int64)) for part in (shape[:cut], shape[cut:])]
    return reshaped(signal, sizes, "Flatten")


def _squeezed(signal: Signal, constants: Constants, said: dict[str, Any]) -> Signal:
    axes, shape = _axes(constants, said), signal.shape
    if axes is None:
        axes = [k for k, size in enumerate(shape) if size == 1]
    gone = {k % len(shape) for k in axes}
    if any(shape[k] != 1 for k in gone):
        raise UnsupportedError("Squeeze of an axis that is not of size 1")
    return signal._replace(axes=tuple(a for k, a in enumerate(signal.axes) if k not in gone))


def _unsqueezed(signal: Signal, constants: Constants, said: dict[str, Any]) -> Signal:
    axes = _axes(constants, said) or []
    rank = len(signal.axes) + len(axes)
    new, left = {k % rank for k in axes}, list(signal.axes)
    return signal._replace(axes=tuple(() if k in new else left.pop(0) for k in range(rank)))


def _gathered(signal: Signal, constants: Constants, said: dict[str, Any]) -> Signal:
    index, axis = constants[0], said.get("axis", 0) % len(signal.axes)
    if index is None or index.size != 1:
        raise UnsupportedError("Gather of several places")
    before, after = signal.axes[:axis], signal.axes[axis + 1 :]
    kept: tuple[Any, ...] = () if index.ndim == 0 else ((),)
    last = _is_last(signal, axis, int(index.reshape(-1)[0]), "Gather")
    return signal._replace(axes=(*before, *kept, *after), last=last)


def _sliced(signal: Signal, constants: Constants, _: dict[str, Any]) -> Signal:
    starts, ends = _integers(constants, 0), _integers(constants, 1)
    if starts is None or ends is None:
        raise UnsupportedError("Slice of the opset before 10")
    axes = _integers(constants, 2) or list(range(len(starts)))
    steps = _integers(constants, 3) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = signal.shape[axis]
        places = range(size)[start:end:step]
        if len(places) == size and step == 1:
            continue
        if len(places) != 1:
            raise UnsupportedError("Slice of some of the rows")
        last = _is_last(signal, axis % len(signal.axes), places[0], "Slice")
        found = list(signal.axes)
        found[axis] = ()
        signal = signal._replace(axes=tuple(found), last=last)
    return signal


def _is_last(signal: Signal, axis: int, index: int, what: str) -> bool:
    """Whether only the last step is left when one place of an axis is taken."""
    atoms, size = signal.axes[axis], signal.shape[axis]
    if size == 1 and index in (0, -1):
        return signal.last
    if len(atoms) == 1 and atoms[0][0] == TIME and index in (-1, size - 1):
        return True
    raise UnsupportedError(f"{what} of anything but the last row")


def _axes(constants: Constants, said: dict[str, Any]) -> list[int] | None:
    """Axes: an attribute up to opset 12, an input from there on."""
    return list(said["axes"]) if "axes" in said else _integers(constants, 0)


def _integers(constants: Constants, place: int) -> list[int] | None:
    if len(constants) <= place or constants[place] is None:
        return None
    value = constants[place]
    assert value is not None
    return [int(number) for number in value.reshape(-1)]
