"""ONNX's LSTM, GRU and RNN as a layer: attributes to options, weights to PyTorch's order.

The other way round is `rtrl_lstm.export.operators`; the tables are shared.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper

from rtrl_lstm.fields import Array
from rtrl_lstm.wording import counted

from ..errors import GraphFileError, UnsupportedError
from ..operators import ACTIVATIONS, GATES, NAMES, PEEPHOLES

CELLS = {operator: cell for cell, operator in NAMES.items()}
TORCH = {"lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n_x"), "rnn": ("h",)}
INPUTS = {
    "LSTM": ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
    "GRU": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "RNN": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
}
KNOWN = {
    "LSTM": {"activations", "activation_alpha", "activation_beta", "clip", "direction"}
    | {"hidden_size", "input_forget", "layout"},
    "GRU": {"activations", "activation_alpha", "activation_beta", "clip", "direction"}
    | {"hidden_size", "linear_before_reset", "layout"},
    "RNN": {"activations", "activation_alpha", "activation_beta", "clip", "direction"}
    | {"hidden_size", "layout"},
}
DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
PARAMETERS = {"Affine": (1.0, 0.0), "ScaledTanh": (1.0, 1.0)}
"""The activations that take an alpha and a beta, and what those are where they are not given."""


class Layer(NamedTuple):
    """A recurrent layer.

    Attributes:
        options: fields of Spec that it needs, ``cell`` among them.
        parameters: as `rtrl_lstm.parameters` names them, without the layer's number: ``weight_ih``
            …
        state: ``h`` and ``c`` (n,) that it begins with.
    """

    options: dict[str, Any]
    parameters: dict[str, Array]
    state: dict[str, Array]


def layer_of(node: onnx.NodeProto, given: Mapping[str, Array | None]) -> Layer:
    """The layer that a node is.

    Args:
        node: an LSTM, GRU or RNN.
        given: what its inputs hold, by ONNX's names, without X; None where one is left out.

    Raises:
        UnsupportedError: an attribute says what no cell of the engine does.
        GraphFileError: shapes do not fit.
    """
    said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    cell, operator = CELLS[node.op_type], node.op_type
    options = {"cell": cell, **_options(operator, said)}
    weights = {name: _of_one_direction(operator, name, given.get(name)) for name in "WRBP"}
    W, R, B, P = (weights[name] for name in "WRBP")
    if W is None or R is None or W.ndim != 2 or R.ndim != 2:
        raise GraphFileError(f"{operator} lacks W or R")
    n, gates = R.shape[1], len(GATES[cell])
    shapes = [
        len(W),
        len(R),
        2 * gates * n if B is None else B.size,
        3 * n if P is None else P.size,
    ]
    if shapes != [gates * n, gates * n, 2 * gates * n, 3 * n]:
        raise GraphFileError(f"{operator} has weights whose shapes do not fit each other")
    kept = [gate for gate in TORCH[cell] if gate != "f" or not options.get("coupled_gates")]

    def torch_order(values: Array) -> Array:
        parts = dict(zip(GATES[cell], np.split(values, gates), strict=True))
        return np.concatenate([parts[gate] for gate in kept])

    parameters = {"weight_ih": torch_order(W), "weight_hh": torch_order(R)}
    if B is not None and B.any():
        halves = [torch_order(half) for half in np.split(B, 2)]
        if cell != "gru":  # only a gru makes a difference between the two
            halves = [halves[0] + halves[1], np.zeros_like(halves[0])]
        parameters["bias_ih"], parameters["bias_hh"] = halves
    if P is not None and P.any():
        options["peephole"] = True
        own = dict(zip(PEEPHOLES, np.split(P, 3), strict=True))
        parameters["weight_own"] = np.concatenate([own[g] for g in ("i", "f", "o") if g in kept])
    state = {"h": _state(operator, "initial_h", given, n)}
    if cell == "lstm":
        state["c"] = _state(operator, "initial_c", given, n)
    return Layer(options, parameters, state)


def _options(operator: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What the attributes say, as fields of Spec."""
    if unknown := said.keys() - KNOWN[operator]:
        raise UnsupportedError(f"{operator} with {', '.join(sorted(map(str, unknown)))}")
    direction = said.get("direction", b"forward").decode(errors="replace")
    if direction != "forward":
        raise UnsupportedError(
            f"{operator} with direction={direction}: rows come one after another"
        )
    if said.get("clip", 0):
        raise UnsupportedError(f"{operator} with clip={said['clip']:g}")
    if operator == "GRU" and not said.get("linear_before_reset", 0):
        raise UnsupportedError(
            "GRU with linear_before_reset=0: the engine's gru is PyTorch's, linear_before_reset=1"
        )
    activations = _activations(operator, said)
    options: dict[str, Any] = {}
    if operator == "LSTM":
        options["input_activation"], options["cell_activation"] = activations[1:]
        if said.get("input_forget", 0):
            options["coupled_gates"] = True
    wanted = {"LSTM": activations[:1] == ["sigmoid"], "GRU": activations == ["sigmoid", "tanh"]}
    if operator == "RNN":
        options["input_activation"] = activations[0]
        wanted["RNN"] = activations[0] in ("tanh", "relu")
    if not wanted[operator]:
        raise UnsupportedError(f"{operator} with activations={','.join(_names(operator, said))}")
    return options


def _names(operator: str, said: Mapping[str, Any]) -> list[str]:
    names = [name.decode(errors="replace") for name in said.get("activations", ())]
    return names or DEFAULTS[operator]


def _activations(operator: str, said: Mapping[str, Any]) -> list[str]:
    """The engine's names of the activations."""
    names, found = _names(operator, said), []
    if len(names) != len(DEFAULTS[operator]):
        raise UnsupportedError(f"{operator} with {counted(len(names), 'activation')}")
    alphas, betas = list(said.get("activation_alpha", ())), list(said.get("activation_beta", ()))
    for name in names:
        # Runtimes take these names in any case.
        kind = next((known for known in (*PARAMETERS, "Tanh", "Sigmoid", "Relu")
                     if known.lower() == name.lower()), name)  # fmt: skip
        pair: tuple[float, float] | None = None
        if kind in PARAMETERS:
            alpha, beta = PARAMETERS[kind]
            pair = (alphas.pop(0) if alphas else alpha, betas.pop(0) if betas else beta)
        if (kind, pair) == ("ScaledTanh", (1.0, 1.0)):
            kind, pair = "Tanh", None
        same = [ours for ours, theirs in ACTIVATIONS.items() if theirs == (kind, pair)]
        if not same:
            shown = kind if pair is None else f"{kind}(alpha={pair[0]:g}, beta={pair[1]:g})"
            raise UnsupportedError(f"{operator} with activations={shown}")
        found.append(same[0])
    return found


def _of_one_direction(operator: str, name: str, value: Array | None) -> Array | None:
    """A weight without the axis of directions."""
    if value is None:
        return None
    if value.ndim < 2 or len(value) != 1:
        raise GraphFileError(f"{operator} has {name} of shape {value.shape}")
    return np.asarray(value[0], np.float64)


def _state(operator: str, name: str, given: Mapping[str, Array | None], n: int) -> Array:
    """A state that a node begins with: one for all streams, (n,)."""
    value = given.get(name)
    if value is None:
        return np.zeros(n)
    if value.ndim != 3 or value.shape[2] != n:
        raise GraphFileError(f"{operator} has {name} of shape {value.shape}")
    rows = np.asarray(value, np.float64).reshape(-1, n)
    if not len(rows) or (rows != rows[0]).any():
        raise UnsupportedError(f"{operator} with another {name} for each stream")
    first: Array = rows[0]
    return first
