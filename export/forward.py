"""A stack of layers, one step of a batch of learners, each with weights of its own.

::

    [1, u, h'] (B, D) ── W (B, D, R) ── z (B, R) ── the cell ── h, s (B, n) and local partials

The h of a layer is the u of the one above.
"""

from typing import NamedTuple

from rtrl_lstm.cells import PREVIOUS_STATE, gates_of
from rtrl_lstm.spec import Spec

from . import partials, plan
from .graph import Graph, Values
from .partials import CellStep
from .plan import Group


class Seen(NamedTuple):
    """What a group's weights saw: as a line (B, 1, D) to project, and a column (B, D, 1).

    Of diagonal weights both are (B, 1, R): each sees its own number.
    """

    line: str
    column: str


class LayerPass(NamedTuple):
    """What learning needs of a layer's step.

    Attributes:
        groups: of its weights.
        seen: group's name -> what the group saw.
        cell: what the step has made of the state.
        h: (B, n), or (B, p) where it is projected.
    """

    groups: list[Group]
    seen: dict[str, Seen]
    cell: CellStep
    h: str


class Pass(NamedTuple):
    """A step of the stack and its readout.

    Attributes:
        layers: of each what it did.
        states: name -> (B, n), after the step.
        seen: what the readout saw.
        a: (B, O) what it says, before its activation.
    """

    layers: list[LayerPass]
    states: dict[str, str]
    seen: Seen
    a: str


class Stack:
    """Draws forward steps of one spec.

    Args:
        ones: (B, 1) what biases see.
    """

    def __init__(self, g: Graph, spec: Spec, ones: str) -> None:
        self._g, self._spec, self._ones = g, spec, ones

    def advance(self, weights: Values, z: str, states: Values) -> Pass:
        """One step from the scaled inputs z (B, I) and the states (B, n) before it."""
        below, layers, after = z, [], dict[str, str]()
        for k in range(self._spec.num_layers):
            kinds = [kind for kind in ("h", "c", "gates") if f"{kind}_{k}" in states]
            before = {kind: states[f"{kind}_{k}"] for kind in kinds}
            layer = self._layer(weights, k, below, before)
            below = layer.h
            layers.append(layer)
            found = {"h": layer.h, "c": layer.cell.s}
            if "gates" in before:
                gates = [layer.cell.gates[gate] for gate in gates_of(self._spec)]
                found["gates"] = self._g.concat(gates, axis=1)
            after |= {f"{kind}_{k}": found[kind] for kind in kinds}
        readout = plan.readout_of(self._spec)
        seen = self._seen(readout, {"bias": self._ones, "x": z, "h": below})
        return Pass(layers, after, seen, self._project(weights, readout, seen))

    def _layer(self, weights: Values, k: int, below: str, before: Values) -> LayerPass:
        g, groups = self._g, plan.groups_of(self._spec, k)
        s_tm1 = before.get("c", before["h"])
        present = {"bias": self._ones, "bias_hh": self._ones, "x": below, **before}
        z: dict[str, str] = {}
        own: dict[str, str] = {}
        seen: dict[str, Seen] = {}
        known: dict[tuple[str, ...], Seen] = {}
        for group in groups:
            gates = [row.gate for row in group.rows]
            if not gates:
                continue
            if group.own:
                diagonal = g.op("Squeeze", weights[f"{group.name}.weight"], g.integers(1))
                own |= zip(gates, g.split(diagonal, len(gates)), strict=True)
                continue
            sources = tuple(group.sources)
            if sources not in known:
                known[sources] = self._seen(group, present)
            seen[group.name] = known[sources]
            sums = self._project(weights, group, known[sources])
            z |= zip(gates, g.split(sums, len(gates)), strict=True)
        cell = partials.step(g, self._spec, z, own, s_tm1)
        for group in groups:
            if group.own:
                states = [s_tm1 if row.own == PREVIOUS_STATE else cell.s for row in group.rows]
                line = g.op("Unsqueeze", g.concat(states, axis=1), g.integers(1))
                seen[group.name] = Seen(line, line)
        h = cell.h
        if self._spec.proj_size:
            projection = groups[-1]
            seen[projection.name] = self._seen(projection, {"m": h})
            h = self._project(weights, projection, seen[projection.name])
        return LayerPass(groups, seen, cell, h)

    def _seen(self, group: Group, sources: Values) -> Seen:
        u = self._g.concat([sources[name] for name in group.sources], axis=1)
        return Seen(*(self._g.op("Unsqueeze", u, self._g.integers(axis)) for axis in (1, 2)))

    def _project(self, weights: Values, group: Group, seen: Seen) -> str:
        product = self._g.op("MatMul", seen.line, weights[f"{group.name}.weight"])
        return self._g.op("Squeeze", product, self._g.integers(1))


def begun_anew(g: Graph, states: Values, keep: str) -> dict[str, str]:
    """The states (B, n), zero for those learners whose `keep` (B, 1) is 0."""
    return {name: g.op("Mul", value, keep) for name, value in states.items()}
