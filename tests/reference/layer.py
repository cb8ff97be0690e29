"""One layer of a network: a step of its cell, the traces, and what a credit dL/dh teaches it."""

from typing import NamedTuple

import numpy as np

from .cell import Array, CellStep, Held

Parameters = dict[str, Array]


class LayerState(NamedTuple):
    """s (n,), h (p,), the traces ds_t/dw by the names of the parameters, and the gates if seen.

    A trace has the shape of its parameter; of a row that a block's cells share it is (n, D), the
    derivative of the state of each cell.
    """

    s: Array
    h: Array
    traces: Parameters
    gates: Array = np.zeros(0)


class LayerPass(NamedTuple):
    """What learning needs of a step: what each parameter saw, (D,) or (n,) if it is diagonal."""

    seen: Parameters
    cell: CellStep
    h: Array  # (p,) the output: the cell's, or its projection


def by_unit(factor: Array, array: Array) -> Array:
    """Row j of an array (n, D) or (n,), times factor j."""
    return (factor * array.T).T


class Layer:
    """Layer ``number``, of ``units`` units of a cell, above ``below`` numbers.

    ``rows`` and ``own`` are the names of its parameters (n, D) and (n,), and which row each is of;
    ``projection`` the name of P (p, n), or None: h = P m, with m what the cells put out.
    """

    def __init__(self, number, cell, below, units, bias, proj_size=0) -> None:
        self.cell, self.units, self.outputs = cell, units, proj_size or units
        self.blocks = units // getattr(cell, "block_size", 1)
        self.group_sizes = {
            "bias": int(bool(bias)),
            "x": below,
            "h": self.outputs,
            "gates": len(cell.gates) * self.blocks,
        }
        self.rows = {f"layer{number}.{row}": row for row in cell.rows}
        self.own = {f"layer{number}.{row}.own": row for row in cell.own}
        self.projection = f"layer{number}.proj" if proj_size else None

    def zero_parameters(self) -> Parameters:
        zeros = {}
        for name, row in self.rows.items():
            sources = sum(self.group_sizes[group] for group in self.cell.rows[row])
            units = self.blocks if row in self.cell.shared else self.units
            zeros[name] = np.zeros((units, sources))
        if self.projection:
            zeros[self.projection] = np.zeros((self.outputs, self.units))
        return zeros | {name: np.zeros(self.units) for name in self.own}

    def zero_state(self) -> LayerState:
        traces = {}
        for name, row in (self.rows | self.own).items():
            if row in self.cell.traced:
                seen = self.zero_parameters()[name].shape[1:]
                traces[name] = np.zeros((self.units, *seen))
        gates = np.zeros(self.group_sizes["gates"])
        return LayerState(np.zeros(self.units), np.zeros(self.outputs), traces, gates)

    def forward(
        self,
        parameters: Parameters,
        x: Array,
        before: LayerState,
        held: Held | None = None,
    ) -> LayerPass:
        """The layer's step after the state ``before``, from x (below,)."""
        groups = {
            "bias": np.ones(self.group_sizes["bias"]),
            "x": x,
            "h": before.h,
            "gates": before.gates,
        }
        seen = {
            name: np.concatenate([groups[group] for group in self.cell.rows[row]])
            for name, row in self.rows.items()
        }
        sums = {row: parameters[name] @ seen[name] for name, row in self.rows.items()}
        diagonal = {row: parameters[name] for name, row in self.own.items()}
        cell = self.cell.step(sums, diagonal, before.s, held)
        states = {"s_tm1": before.s, "s_t": cell.s}
        seen |= {name: states[self.cell.own[row]] for name, row in self.own.items()}
        h = parameters[self.projection] @ cell.h if self.projection else cell.h
        return LayerPass(seen, cell, h)

    def after(self, before: LayerState, step: LayerPass) -> LayerState:
        """The state after a step: E_t = decay E_{t-1} + inject u."""
        cell, traces = step.cell, {}
        for name, row in (self.rows | self.own).items():
            if row in self.cell.traced:
                injected = self._by_source(name, cell.inject[row], step)
                traces[name] = by_unit(cell.decay, before.traces[name]) + injected
        return LayerState(cell.s, step.h, traces, cell.gates)

    def cell_credit(self, parameters: Parameters, credit: Array) -> Array:
        """dL/dm (n,) of dL/dh (p,)."""
        return parameters[self.projection].T @ credit if self.projection else credit

    def gradients(
        self, parameters: Parameters, credit: Array, after: LayerState, step: LayerPass
    ) -> Parameters:
        """dL/dw of the layer's parameters, from dL/dh (p,) and the traces after the step."""
        cell, found = step.cell, self.zero_parameters()
        if self.projection:
            found[self.projection] = np.outer(credit, cell.h)
        credit = self.cell_credit(parameters, credit)
        for name, row in (self.rows | self.own).items():
            if row in self.cell.traced:
                of_cells = by_unit(credit * cell.dh_ds, after.traces[name])
                found[name] += self._over_blocks(row, of_cells)
            if row in cell.dh_dz:
                of_cells = self._by_source(name, credit * cell.dh_dz[row], step)
                found[name] += self._over_blocks(row, of_cells)
        return found

    def credit_below(self, parameters: Parameters, credit: Array, step: LayerPass) -> Array:
        """dL/dx (below,): through the sums of this step, sum over rows of W_x' dL/dz."""
        cell, total = step.cell, np.zeros(self.group_sizes["x"])
        credit = self.cell_credit(parameters, credit)
        for name, row in self.rows.items():
            dz = np.zeros(self.units)
            if row in self.cell.traced:
                dz += credit * cell.dh_ds * cell.inject[row]
            if row in cell.dh_dz:
                dz += credit * cell.dh_dz[row]
            groups = self.cell.rows[row]
            if "x" in groups:
                of_x = np.concatenate([[g == "x"] * self.group_sizes[g] for g in groups])
                weights = parameters[name][:, of_x.astype(bool)]
                total += weights.T @ self._over_blocks(row, dz)
        return total

    def _over_blocks(self, row: str, of_cells: Array) -> Array:
        """The sum over the cells of a block, where they share a row: cell j is of block j % nb."""
        if row not in self.cell.shared:
            return of_cells
        return sum(of_cells[k : k + self.blocks] for k in range(0, self.units, self.blocks))

    def _by_source(self, name: str, push: Array, step: LayerPass) -> Array:
        """push_j times what weight (j, d) of a parameter saw."""
        return push * step.seen[name] if name in self.own else np.outer(push, step.seen[name])
