"""Cells with their local partials, as nodes: what learning needs beside the forward step.

As in the engine's `kernels/cells.py` and DESIGN's table of cells: s is the new state, h the output;
decay = ds/ds', inject = ds/dz and dh_dz = dh/dz of each gate, dh_ds, each with the others held
fixed. Everything is (B, n); primes are t-1. `own` are diagonal weights (B, n), `z` the sums of the
gates without them. "" stands for 1 where a cell does without a factor.
"""

from types import MappingProxyType
from typing import NamedTuple

from rtrl_lstm.spec import Spec

from .graph import Graph, Values


class CellStep(NamedTuple):
    """One step of a cell.

    Attributes:
        s, h: state and output. A gru's are the same; an rnn has no state, "".
        decay: "" where it is 1 (no forget gate) or where no row has a trace (rnn).
        inject: gate -> value, of the gates that move the state.
        dh_ds: "" where it is 1.
        dh_dz: gate -> value, of the gates that move the output alone.
        gates: gate -> value, an lstm's gates, as the next step may see them; of blocks that share
            them (B, blocks).
    """

    s: str
    h: str
    decay: str
    inject: Values
    dh_ds: str
    dh_dz: Values
    gates: Values = MappingProxyType({})


def step(g: Graph, spec: Spec, z: Values, own: Values, s_tm1: str) -> CellStep:
    """A step of the spec's cell from the old state, which is a gru's h'."""
    match spec.cell:
        case "lstm":
            return lstm(g, spec, z, own, s_tm1)
        case "gru":
            return gru(g, z, s_tm1)
        case "rnn":
            return rnn(g, spec, z)
        case "elstm":
            return elstm(g, z, own, s_tm1)
    raise ValueError(f"no graph is known for the cell {spec.cell!r}")


def lstm(g: Graph, spec: Spec, z: Values, own: Values, s_tm1: str) -> CellStep:
    """s = f s' + i g, h = o k(s); no error flows back through peepholes.

    What is said of a gate that a block shares is said for each of its cells.
    """
    gates = {gate: _gate(g, z, own, gate, s_tm1) for gate in ("i", "f") if gate in z}
    i, f = (_for_cells(g, spec, gates.get(gate, "")) for gate in ("i", "f"))
    if spec.coupled_gates:
        f = g.op("Sub", g.constant(1.0), i)
    new, slope = squash(g, z["g"], spec.input_activation)
    added, kept = times(g, i, new), times(g, f, s_tm1)
    s = g.op("Add", kept, added)
    inject = {"g": times(g, i, slope) or _ones(g, new)}
    if spec.coupled_gates:  # (g - s') i (1 - i)
        inject["i"] = times(g, g.op("Sub", new, s_tm1), times(g, i, f))
    else:
        inject |= {"i": times(g, added, _complement(g, i))} if i else {}
        inject |= {"f": times(g, kept, _complement(g, f))} if f else {}
    gates |= {"o": _gate(g, z, own, "o", s)} if "o" in z else {}
    o = _for_cells(g, spec, gates.get("o", ""))
    out, slope = squash(g, s, spec.cell_activation)
    h = times(g, o, out)
    dh_dz = {"o": times(g, h, _complement(g, o))} if o else {}
    return CellStep(s, h, f, inject, times(g, o, slope), dh_dz, gates)


def gru(g: Graph, z: Values, h_tm1: str) -> CellStep:
    """h = (1 - z) n + z h', n = tanh(n_x + r n_h); this h' is a state, and is not held."""
    r, update = g.op("Sigmoid", z["r"]), g.op("Sigmoid", z["z"])
    n = g.op("Tanh", g.op("Add", z["n_x"], g.op("Mul", r, z["n_h"])))
    difference = g.op("Sub", h_tm1, n)
    h = g.op("Add", n, g.op("Mul", update, difference))
    new = _complement(g, update)
    n_x = times(g, new, _one_less_square(g, n))
    n_h = times(g, r, n_x)
    inject = {
        "n_x": n_x,
        "n_h": n_h,
        "r": times(g, times(g, n_h, z["n_h"]), _complement(g, r)),
        "z": times(g, difference, times(g, update, new)),
    }
    return CellStep(h, h, update, inject, "", {})


def rnn(g: Graph, spec: Spec, z: Values) -> CellStep:
    """h = tanh(z) or relu(z): nothing is kept, so truncation leaves this step's gradient."""
    h, slope = squash(g, z["h"], spec.input_activation)
    return CellStep("", h, "", {}, "", {"h": slope})


def elstm(g: Graph, z: Values, own: Values, c_tm1: str) -> CellStep:
    """c = f c' + (1 - f) v, v = tanh(z), both seeing c' of their unit, and nothing held."""
    f = _gate(g, z, own, "f", c_tm1)
    v = g.op("Tanh", _with_own(g, z, own, "z", c_tm1))
    rest, difference = _complement(g, f), g.op("Sub", c_tm1, v)
    c = g.op("Add", v, times(g, f, difference))
    inject = {
        "f": times(g, difference, times(g, f, rest)),
        "z": times(g, rest, _one_less_square(g, v)),
    }
    through = [times(g, inject[gate], own[gate]) for gate in ("f", "z")]
    decay = g.op("Add", f, g.op("Add", *through))
    o = _gate(g, z, own, "o", c)
    h = times(g, o, c)
    dh_dz = {"o": times(g, h, _complement(g, o))} if o else {}
    return CellStep(c, h, decay, inject, o, dh_dz)


def squash(g: Graph, z: str, activation: str) -> tuple[str, str]:
    """The activation of a cell's input or output, and its slope."""
    match activation:
        case "tanh":
            t = g.op("Tanh", z)
            return t, _one_less_square(g, t)
        case "sigmoid":
            v = g.op("Sigmoid", z)
            return v, times(g, v, _complement(g, v))
        case "identity":
            return z, ""
        case "relu":
            return g.op("Relu", z), g.cast(g.op("Greater", z, g.constant(0.0)))
        case "2sigmoid-1":  # tanh(z / 2)
            t = g.op("Tanh", g.op("Mul", g.constant(0.5), z))
            return t, times(g, g.constant(0.5), _one_less_square(g, t))
        case "4sigmoid-2":  # 2 tanh(z / 2)
            t = g.op("Tanh", g.op("Mul", g.constant(0.5), z))
            return g.op("Add", t, t), _one_less_square(g, t)
    raise ValueError(f"no ONNX operator is known for the activation {activation!r}")


def times(g: Graph, a: str, b: str) -> str:
    """a b, where "" counts as 1."""
    return g.op("Mul", a, b) if a and b else a or b


def _for_cells(g: Graph, spec: Spec, gate: str) -> str:
    """A block's gate, for each cell: cell j is of block j modulo their number."""
    return g.concat([gate] * spec.block_size, axis=1) if gate else gate


def _gate(g: Graph, z: Values, own: Values, gate: str, state: str) -> str:
    return g.op("Sigmoid", _with_own(g, z, own, gate, state)) if gate in z else ""


def _with_own(g: Graph, z: Values, own: Values, gate: str, state: str) -> str:
    if gate not in own:
        return z[gate]
    return g.op("Add", z[gate], g.op("Mul", own[gate], state))


def _complement(g: Graph, gate: str) -> str:
    return g.op("Sub", g.constant(1.0), gate)


def _one_less_square(g: Graph, t: str) -> str:
    return g.op("Sub", g.constant(1.0), g.op("Mul", t, t))


def _ones(g: Graph, like: str) -> str:
    """1 in the shape of a value that is finite."""
    return g.op("Add", g.op("Sub", like, like), g.constant(1.0))
