"""Cells as ONNX nodes: the elementwise part of a layer, as in the engine's `kernels/cells.py`.

A cell takes the sums z of its gates (B, n), by their names in `rtrl_lstm.cells`, and the old state
(B, n); it gives the output h and, where it has one of its own, the new state c. `own` are diagonal
weights (n,) on the unit's state. A gate that a cell does not have counts as 1.
"""

from rtrl_lstm.spec import Spec

from .graph import Graph, Values


def lstm(
    g: Graph, spec: Spec, z: Values, own: Values, c_tm1: str
) -> tuple[str, str, dict[str, str]]:
    """c = f c' + i g, h = o k(c); i and f see c' through their diagonal weights, o sees c.

    Returns h, c and the gates.
    """
    gates = {name: _gate(g, z, own, name, c_tm1) for name in ("i", "f") if name in z}
    i, f = gates.get("i"), gates.get("f")
    if spec.coupled_gates and i is not None:
        f = g.op("Sub", g.constant(1.0), i)
    added = _gated(g, i, squash(g, z["g"], spec.input_activation))
    c = g.op("Add", _gated(g, f, c_tm1), added)
    if "o" in z:
        gates["o"] = _gate(g, z, own, "o", c)
    o = gates.get("o")
    found = {name: gate for name, gate in gates.items() if gate is not None}
    return _gated(g, o, squash(g, c, spec.cell_activation)), c, found


def gru(g: Graph, z: Values, h_tm1: str) -> str:
    """h = (1 - z) n + z h', n = tanh(n_x + r n_h): reset after, as PyTorch's."""
    r, update = g.op("Sigmoid", z["r"]), g.op("Sigmoid", z["z"])
    n = g.op("Tanh", g.op("Add", z["n_x"], g.op("Mul", r, z["n_h"])))
    return g.op("Add", n, g.op("Mul", update, g.op("Sub", h_tm1, n)))


def rnn(g: Graph, spec: Spec, z: Values) -> str:
    """h = tanh(z) or relu(z)."""
    return squash(g, z["h"], spec.input_activation)


def elstm(g: Graph, z: Values, own: Values, c_tm1: str) -> tuple[str, str]:
    """c = f c' + (1 - f) z, f and z seeing c' of their unit (Irie et al. 2023); h = o c."""
    f = g.op("Sigmoid", _with_own(g, z, own, "f", c_tm1))
    new = g.op("Tanh", _with_own(g, z, own, "z", c_tm1))
    c = g.op("Add", new, g.op("Mul", f, g.op("Sub", c_tm1, new)))
    return _gated(g, _gate(g, z, own, "o", c), c), c


def squash(g: Graph, z: str, activation: str) -> str:
    """The activation of a cell's input or output."""
    match activation:
        case "tanh":
            return g.op("Tanh", z)
        case "sigmoid":
            return g.op("Sigmoid", z)
        case "identity":
            return z
        case "relu":
            return g.op("Relu", z)
        case "2sigmoid-1":
            return g.op("Tanh", g.op("Mul", g.constant(0.5), z))
        case "4sigmoid-2":
            t = g.op("Tanh", g.op("Mul", g.constant(0.5), z))
            return g.op("Add", t, t)
    raise ValueError(f"no ONNX operator is known for the activation {activation!r}")


def _gate(g: Graph, z: Values, own: Values, gate: str, state: str) -> str | None:
    return g.op("Sigmoid", _with_own(g, z, own, gate, state)) if gate in z else None


def _with_own(g: Graph, z: Values, own: Values, gate: str, state: str) -> str:
    if gate not in own:
        return z[gate]
    return g.op("Add", z[gate], g.op("Mul", own[gate], state))


def _gated(g: Graph, gate: str | None, value: str) -> str:
    return value if gate is None else g.op("Mul", gate, value)
