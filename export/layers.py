"""A stack of layers, one step forward, from primitive operators.

::

    u (B, m) ──┬─ W u + b ─┐
    h' (B, n) ─┴─ R h' ────┴─ gates z (B, n) each ── cell ── h (B, n), c (B, n)
    c' (B, n) ───────────────────────────────────────┘

The h of a layer is the u of the one above.
"""

from typing import NamedTuple

from rtrl_lstm.cells import rows_of
from rtrl_lstm.spec import Spec

from . import cells
from .graph import Graph, Values
from .parts import linear
from .snapshot import Snapshot


class Layer(NamedTuple):
    """The weights of a layer, as values of the graph.

    Attributes
    ----------
    weight_ih : (G n, m)
    weight_hh : (G n, n) or None
        None where no gate sees h'.
    bias, bias_hh : (G n,) or None
        One bias, but for a gru's second.
    own : gate -> (n,)
        Diagonal weights.
    """

    weight_ih: str
    weight_hh: str | None
    bias: str | None
    bias_hh: str | None
    own: Values


def stored(g: Graph, numbers: Snapshot) -> list[Layer]:
    """Put the weights of all layers into the graph, under torch's names."""
    return [_stored(g, numbers, k) for k in range(numbers.spec.num_layers)]


def advance(
    g: Graph, spec: Spec, layers: list[Layer], u: str, states: Values
) -> tuple[str, dict[str, str]]:
    """One step of the stack: u (B, I) and states (B, n) -> h of the top layer, new states."""
    after = {}
    for k, layer in enumerate(layers):
        u, c = _cell(g, spec, layer, u, states[f"h_{k}"], states.get(f"c_{k}", ""))
        after[f"h_{k}"] = u
        if c:
            after[f"c_{k}"] = c
    return u, after


def _stored(g: Graph, numbers: Snapshot, k: int) -> Layer:
    spec, given = numbers.spec, numbers.parameters

    def put(name: str) -> str | None:
        return g.number(name, given[name]) if name in given else None

    weight_ih = g.weight(f"weight_ih_l{k}", given[f"weight_ih_l{k}"])
    recurrent = f"weight_hh_l{k}"
    weight_hh = g.weight(recurrent, given[recurrent]) if recurrent in given else None
    own: dict[str, str] = {}
    diagonal = [row.gate for row in rows_of(spec) if row.own]
    if diagonal:
        weights = g.number(f"weight_own_l{k}", given[f"weight_own_l{k}"])
        own = dict(zip(diagonal, g.split(weights, len(diagonal)), strict=True))
    if spec.cell == "gru":
        return Layer(weight_ih, weight_hh, put(f"bias_ih_l{k}"), put(f"bias_hh_l{k}"), own)
    # Where torch has two biases, they are summed.
    biases = [given[name] for name in (f"bias_ih_l{k}", f"bias_hh_l{k}") if name in given]
    bias = g.number(f"bias_l{k}", sum(biases)) if biases else None
    return Layer(weight_ih, weight_hh, bias, None, own)


def _cell(
    g: Graph, spec: Spec, layer: Layer, u: str, h_tm1: str, c_tm1: str
) -> tuple[str, str | None]:
    match spec.cell:
        case "lstm":
            return cells.lstm(g, spec, _gates(g, spec, layer, u, h_tm1), layer.own, c_tm1)
        case "gru":
            return cells.gru(g, _gru_gates(g, layer, u, h_tm1), h_tm1), None
        case "rnn":
            return cells.rnn(g, spec, _gates(g, spec, layer, u, h_tm1)), None
        case "elstm":
            return cells.elstm(g, _gates(g, spec, layer, u, h_tm1), layer.own, c_tm1)
    raise ValueError(f"no graph is known for the cell {spec.cell!r}")


def _gates(g: Graph, spec: Spec, layer: Layer, u: str, h_tm1: str) -> dict[str, str]:
    """W u + b + R h', gate by gate.

    Two products and a sum instead of one product over [u, h']: the weights keep torch's shapes,
    and a state of one row serves a batch of any size.
    """
    z = linear(g, u, layer.weight_ih, layer.bias)
    if layer.weight_hh is not None:
        z = g.op("Add", z, linear(g, h_tm1, layer.weight_hh))
    names = [row.gate for row in rows_of(spec) if not row.own]
    return dict(zip(names, g.split(z, len(names)), strict=True))


def _gru_gates(g: Graph, layer: Layer, u: str, h_tm1: str) -> dict[str, str]:
    """As `_gates`, with the two halves of n apart: the reset gate comes between them."""
    assert layer.weight_hh is not None
    r_x, z_x, n_x = g.split(linear(g, u, layer.weight_ih, layer.bias), 3)
    r_h, z_h, n_h = g.split(linear(g, h_tm1, layer.weight_hh, layer.bias_hh), 3)
    return {"r": g.op("Add", r_x, r_h), "z": g.op("Add", z_x, z_h), "n_x": n_x, "n_h": n_h}
