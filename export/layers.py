"""A stack of layers, one step forward, from primitive operators.

::

    u (B, m) ──┬─ W u + b ─┐
    h' (B, n) ─┴─ R h' ────┴─ gates z (B, n) each ── cell ── h (B, n), c (B, n)
    c' (B, n) ───────────────────────────────────────┘

The h of a layer is the u of the one above.
"""

from functools import reduce
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from rtrl_lstm.cells import gates_of, rows_of
from rtrl_lstm.fields import Array
from rtrl_lstm.spec import Spec

from . import cells
from .graph import Graph, Values
from .parts import linear
from .snapshot import Snapshot


class Layer(NamedTuple):
    """The weights of a layer, as values of the graph.

    Attributes:
        weight_ih: (G n, m).
        weight_hh: (G n, n), None where no gate sees h'.
        bias, bias_hh: (G n,) or None, one bias, but for a gru's second.
        own: gate -> (n,), diagonal weights.
        gates: (G n, K) or None, of the gates of the row before.
        seen: gate -> (K, n), ones and zeros that put the gates of a row side by side for the next.
        projection: (p, n) or None.
    """

    weight_ih: str
    weight_hh: str | None
    bias: str | None
    bias_hh: str | None
    own: Values
    gates: str | None = None
    projection: str | None = None
    seen: Values = MappingProxyType({})


def stored(g: Graph, numbers: Snapshot) -> list[Layer]:
    """Put the weights of all layers into the graph, under torch's names."""
    return [_stored(g, numbers, k) for k in range(numbers.spec.num_layers)]


def advance(
    g: Graph, spec: Spec, layers: list[Layer], u: str, states: Values
) -> tuple[str, dict[str, str]]:
    """One step of the stack: u (B, I) and states (B, n) -> h of the top layer, new states."""
    after: dict[str, str] = {}
    for k, layer in enumerate(layers):
        kinds = [kind for kind in ("h", "c", "gates") if f"{kind}_{k}" in states]
        before = {kind: states[f"{kind}_{k}"] for kind in kinds}
        found = _cell(g, spec, layer, u, before)
        if layer.projection is not None:
            found["h"] = linear(g, found["h"], layer.projection)
        u = found["h"]
        after |= {f"{name}_{k}": value for name, value in found.items()}
    return u, after


def _stored(g: Graph, numbers: Snapshot, k: int) -> Layer:
    spec, given = numbers.spec, numbers.parameters

    def put(name: str) -> str | None:
        return g.number(name, given[name]) if name in given else None

    given = _for_cells(spec, given)
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
    gates, projection = (
        g.weight(name, given[name]) if name in given else None
        for name in (f"weight_gates_l{k}", f"weight_hr_l{k}")
    )
    # Where torch has two biases, they are summed.
    biases = [given[name] for name in (f"bias_ih_l{k}", f"bias_hh_l{k}") if name in given]
    bias = g.number(f"bias_l{k}", sum(biases)) if biases else None
    seen = {gate: g.weight(f"seen_{gate}_l{k}", ones) for gate, ones in _side_by_side(spec).items()}
    return Layer(weight_ih, weight_hh, bias, None, own, gates, projection, seen)


def _for_cells(spec: Spec, given: dict[str, Array]) -> dict[str, Array]:
    """The parameters with a row of each gate for each cell of a block, and not for each block."""
    if spec.block_size == 1:
        return given
    rows = [row for row in rows_of(spec) if not row.own]
    units = np.cumsum([spec.blocks if row.shared else spec.hidden_size for row in rows])
    found = dict(given)
    for name, values in given.items():
        if name.startswith(("weight_ih", "weight_hh", "weight_gates", "bias")):
            parts = zip(rows, np.split(values, units[:-1]), strict=True)
            repeated = [
                np.concatenate([part] * spec.block_size) if row.shared else part
                for row, part in parts
            ]
            found[name] = np.concatenate(repeated)
    return found


def _side_by_side(spec: Spec) -> dict[str, Array]:
    """Matrices (K, n) that take the gates of each block, one kind after the other."""
    if spec.gate_recurrence == "none":
        return {}
    gates, found = gates_of(spec), {}
    for number, gate in enumerate(gates):
        found[gate] = np.zeros((len(gates) * spec.blocks, spec.hidden_size))
        block = np.arange(spec.blocks)
        found[gate][number * spec.blocks + block, block] = 1.0
    return found


def _cell(g: Graph, spec: Spec, layer: Layer, u: str, before: Values) -> dict[str, str]:
    """The new h, and c and gates where there are any, from those before: "h", "c" and "gates"."""
    if spec.cell == "gru":
        return {"h": cells.gru(g, _gru_gates(g, layer, u, before["h"]), before["h"])}
    z = _gates(g, spec, layer, u, before)
    if spec.cell == "rnn":
        return {"h": cells.rnn(g, spec, z)}
    if spec.cell == "elstm":
        h, c = cells.elstm(g, z, layer.own, before["c"])
        return {"h": h, "c": c}
    h, c, gates = cells.lstm(g, spec, z, layer.own, before["c"])
    found = {"h": h, "c": c}
    if layer.gates is not None:
        parts = [linear(g, gates[gate], ones) for gate, ones in layer.seen.items()]
        found["gates"] = reduce(lambda a, b: g.op("Add", a, b), parts)
    return found


def _gates(g: Graph, spec: Spec, layer: Layer, u: str, before: Values) -> dict[str, str]:
    """W u + b + R h', and what is seen of the gates before, gate by gate.

    Two products and a sum instead of one product over [u, h']: the weights keep torch's shapes,
    and a state of one row serves a batch of any size.
    """
    z = linear(g, u, layer.weight_ih, layer.bias)
    if layer.weight_hh is not None:
        z = g.op("Add", z, linear(g, before["h"], layer.weight_hh))
    if layer.gates is not None:
        z = g.op("Add", z, linear(g, before["gates"], layer.gates))
    rows = [row for row in rows_of(spec) if not row.own]
    return dict(zip([row.gate for row in rows], g.split(z, len(rows)), strict=True))


def _gru_gates(g: Graph, layer: Layer, u: str, h_tm1: str) -> dict[str, str]:
    """As `_gates`, with the two halves of n apart: the reset gate comes between them."""
    assert layer.weight_hh is not None
    r_x, z_x, n_x = g.split(linear(g, u, layer.weight_ih, layer.bias), 3)
    r_h, z_h, n_h = g.split(linear(g, h_tm1, layer.weight_hh, layer.bias_hh), 3)
    return {"r": g.op("Add", r_x, r_h), "z": g.op("Add", z_x, z_h), "n_x": n_x, "n_h": n_h}
