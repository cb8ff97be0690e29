"""One layer of a network: a step of its cell, the traces, and what a credit dL/dh teaches it."""

from typing import NamedTuple

import numpy as np

from .cell import Array, CellStep, Held

Parameters = dict[str, Array]


class LayerState(NamedTuple):
    """s and h (n,), and the traces ds_t/dw by the names of the parameters, of their shapes."""

    s: Array
    h: Array
    traces: Parameters


class LayerPass(NamedTuple):
    """What learning needs of a step: what each parameter saw, (D,) or (n,) if it is diagonal."""

    seen: Parameters
    cell: CellStep


def by_unit(factor: Array, array: Array) -> Array:
    """Row j of an array (n, D) or (n,), times factor j."""
    return (factor * array.T).T


class Layer:
    """Layer ``number``, of ``units`` units of a cell, above ``below`` numbers.

    ``rows`` and ``own`` are the names of its parameters (n, D) and (n,), and which row each is of.
    """

    def __init__(self, number: int, cell, below: int, units: int, bias: bool) -> None:
        self.cell, self.units = cell, units
        self.group_sizes = {"bias": int(bias), "x": below, "h": units}
        self.rows = {f"layer{number}.{row}": row for row in cell.rows}
        self.own = {f"layer{number}.{row}.own": row for row in cell.own}

    def zero_parameters(self) -> Parameters:
        zeros = {}
        for name, row in self.rows.items():
            sources = sum(self.group_sizes[group] for group in self.cell.rows[row])
            zeros[name] = np.zeros((self.units, sources))
        return zeros | {name: np.zeros(self.units) for name in self.own}

    def zero_state(self) -> LayerState:
        rows, nothing = self.rows | self.own, np.zeros(self.units)
        zeros = self.zero_parameters().items()
        traces = {name: zero for name, zero in zeros if rows[name] in self.cell.traced}
        return LayerState(nothing, nothing, traces)

    def forward(
        self,
        parameters: Parameters,
        x: Array,
        s_tm1: Array,
        h_tm1: Array,
        held: Held | None = None,
    ) -> LayerPass:
        """The cell's step after s_{t-1} and h_{t-1}, from x (below,)."""
        groups = {"bias": np.ones(self.group_sizes["bias"]), "x": x, "h": h_tm1}
        seen = {
            name: np.concatenate([groups[group] for group in self.cell.rows[row]])
            for name, row in self.rows.items()
        }
        sums = {row: parameters[name] @ seen[name] for name, row in self.rows.items()}
        diagonal = {row: parameters[name] for name, row in self.own.items()}
        cell = self.cell.step(sums, diagonal, s_tm1, held)
        states = {"s_tm1": s_tm1, "s_t": cell.s}
        seen |= {name: states[self.cell.own[row]] for name, row in self.own.items()}
        return LayerPass(seen, cell)

    def after(self, before: LayerState, step: LayerPass) -> LayerState:
        """The state after a step: E_t = decay E_{t-1} + inject u."""
        cell, traces = step.cell, {}
        for name, row in (self.rows | self.own).items():
            if row in self.cell.traced:
                injected = self._by_source(name, cell.inject[row], step)
                traces[name] = by_unit(cell.decay, before.traces[name]) + injected
        return LayerState(cell.s, cell.h, traces)

    def gradients(self, credit: Array, after: LayerState, step: LayerPass) -> Parameters:
        """dL/dw of the layer's parameters, from dL/dh (n,) and the traces after the step."""
        cell, found = step.cell, self.zero_parameters()
        for name, row in (self.rows | self.own).items():
            if row in self.cell.traced:
                found[name] += by_unit(credit * cell.dh_ds, after.traces[name])
            if row in cell.dh_dz:
                found[name] += self._by_source(name, credit * cell.dh_dz[row], step)
        return found

    def credit_below(self, parameters: Parameters, credit: Array, step: LayerPass) -> Array:
        """dL/dx (below,): through the sums of this step, sum over rows of W_x' dL/dz."""
        cell, total = step.cell, np.zeros(self.group_sizes["x"])
        for name, row in self.rows.items():
            dz = np.zeros(self.units)
            if row in self.cell.traced:
                dz += credit * cell.dh_ds * cell.inject[row]
            if row in cell.dh_dz:
                dz += credit * cell.dh_dz[row]
            groups = self.cell.rows[row]
            if "x" in groups:
                of_x = np.concatenate([[g == "x"] * self.group_sizes[g] for g in groups])
                total += parameters[name][:, of_x.astype(bool)].T @ dz
        return total

    def _by_source(self, name: str, push: Array, step: LayerPass) -> Array:
        """push_j times what weight (j, d) of a parameter saw."""
        return push * step.seen[name] if name in self.own else np.outer(push, step.seen[name])
