"""A stack of layers over a sequence by ONNX's own LSTM, GRU and RNN, where they say the cell.

They are a good deal faster than a Scan: one call for a whole layer and sequence. The weights lie in
ONNX's own shapes and order of gates, under its names: ``W_l0``, ``R_l0``, ``B_l0``, ``P_l0``.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rtrl_lstm.cells import rows_of
from rtrl_lstm.fields import Array
from rtrl_lstm.spec import Spec

from .graph import Graph, Values
from .snapshot import Snapshot

NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
GATES = {"lstm": ("i", "o", "f", "g"), "gru": ("z", "r", "n_x"), "rnn": ("h",)}
"""In ONNX's order, by the names of `rtrl_lstm.cells`."""
PEEPHOLES = ("i", "o", "f")
# Only those that take an alpha and a beta may be given one.
ACTIVATIONS: dict[str, tuple[str, tuple[float, float] | None]] = {
    "tanh": ("Tanh", None),
    "sigmoid": ("Sigmoid", None),
    "identity": ("Affine", (1.0, 0.0)),
    "relu": ("Relu", None),
    "4sigmoid-2": ("ScaledTanh", (2.0, 0.5)),
    "2sigmoid-1": ("ScaledTanh", (1.0, 0.5)),
}


def operator_of(spec: Spec, dtype: DTypeLike) -> str | None:
    """The operator that is exactly this cell: "LSTM", "GRU", "RNN"; None where there is none.

    onnxruntime has them in float32 alone, and their LSTM has all its gates.
    """
    gates = (spec.input_gate, spec.forget_gate, spec.output_gate)
    if np.dtype(dtype) != np.float32 or (spec.cell == "lstm" and not all(gates)):
        return None
    if spec.gate_recurrence != "none" or spec.block_size > 1 or spec.proj_size:
        return None
    if not spec.recurrent:
        return None
    return NAMES.get(spec.cell)


def over_time(g: Graph, numbers: Snapshot, U: str, states: Values) -> tuple[str, dict[str, str]]:
    """The stack over a sequence.

    U is (T, B, I), the states are (1, B, n). Returns the top layer's H (T, B, n) and the states
    (B, n) after the last row.
    """
    after = {}
    for k in range(numbers.spec.num_layers):
        own = [name for name in (f"h_{k}", f"c_{k}") if name in states]
        H, *last = g.ops(
            1 + len(own),
            NAMES[numbers.spec.cell],
            U,
            *_weights(g, numbers, k),
            "",  # all sequences of a batch have the same length
            *(states[name] for name in own),
            *_peepholes(g, numbers, k),
            hidden_size=numbers.spec.hidden_size,
            **_attributes(numbers.spec),
        )
        U = g.op("Squeeze", H, g.integers(1))  # of the axis of directions
        for name, value in zip(own, last, strict=True):
            after[name] = g.op("Squeeze", value, g.integers(0))
    return U, after


def _attributes(spec: Spec) -> dict[str, Any]:
    if spec.cell == "gru":
        return {"linear_before_reset": 1}
    first = ACTIVATIONS[spec.input_activation]
    if spec.cell == "rnn":
        return {"activations": [first[0]]}
    used = (ACTIVATIONS["sigmoid"], first, ACTIVATIONS[spec.cell_activation])
    attributes: dict[str, Any] = {"activations": [name for name, _ in used]}
    numbers = [pair for _, pair in used if pair is not None]
    if numbers:
        attributes["activation_alpha"] = [alpha for alpha, _ in numbers]
        attributes["activation_beta"] = [beta for _, beta in numbers]
    if spec.coupled_gates:
        attributes["input_forget"] = 1
    return attributes


def _weights(g: Graph, numbers: Snapshot, k: int) -> tuple[str, str, str]:
    """W (1, G n, m), R (1, G n, n) and B (1, 2 G n), which is "" where there are no biases."""
    given, spec = numbers.parameters, numbers.spec
    names = GATES[spec.cell]
    gates = [row.gate for row in rows_of(spec) if not row.own and row.gate != "n_h"]

    def packed(name: str) -> Array:
        return _in_order(given[f"{name}_l{k}"], gates, names)[None]

    bias = ""
    if f"bias_ih_l{k}" in given:
        both = np.concatenate([packed("bias_ih"), packed("bias_hh")], axis=1)
        bias = g.number(f"B_l{k}", both)
    return g.weight(f"W_l{k}", packed("weight_ih")), g.weight(f"R_l{k}", packed("weight_hh")), bias


def _peepholes(g: Graph, numbers: Snapshot, k: int) -> tuple[str, ...]:
    if not numbers.spec.peephole:
        return ()
    gates = [row.gate for row in rows_of(numbers.spec) if row.own]
    weights = _in_order(numbers.parameters[f"weight_own_l{k}"], gates, PEEPHOLES)
    return (g.number(f"P_l{k}", weights[None]),)


def _in_order(values: Array, gates: list[str], wanted: tuple[str, ...]) -> Array:
    """The parts of `gates` in the order of ONNX; zeros for one that the cell does without.

    That is the forget gate of a cell whose gates are coupled: ONNX has its place, and makes no
    use of it.
    """
    of_gate = dict(zip(gates, np.split(values, len(gates)), strict=True))
    return np.concatenate([of_gate.get(gate, np.zeros_like(of_gate[gates[0]])) for gate in wanted])
