"""Where each named array of a learner lies in its block.

A block is one run of bytes: a head of float64, then a body of the learner's dtype (see
`kernels/slots.py`). A `Layout` is computed from a `Spec` alone, so a file needs to hold only the
Spec and the block. Arrays are named; each axis of an array carries labels ("unit3", "x0", "h7",
"bias", "y0"), by which `migrate` moves numbers from one layout to another.

    layer0.i.weight     (units, sources) of gate i; also .trace, .moment1, .moment2, .sum
                        (a trace with a first axis where a weight has several)
    layer0.i.own.weight (units, 1) its diagonal weight on the unit's own state, where there is one
    layer0.h  layer0.s  (units,) the recurrent state; lead.layer0.h the leading one of a forecaster
    layer0.proj.weight  (outputs, units) of the projection
    readout.weight      (units, outputs); also .moment1, .moment2, .sum
    readout.direct      (outputs, bias and inputs): the readout's bias and shortcuts
                        (of inputs both have those that the network sees)
    input.mean  target.mean ...  running statistics

Rows of weights lie as [vector of lanes][source][lane]: a sweep over a row reads memory in one
straight line and holds everything else in registers.
"""

from __future__ import annotations

import numpy as np

from rtrl_lstm.cells import (
    PREVIOUS_STATE,
    Row,
    gates_of,
    has_second_bias,
    is_recurrent,
    rows_of,
)
from rtrl_lstm.fields import ALIGNMENT, labels
from rtrl_lstm.kernels import slots
from rtrl_lstm.kernels.slots import ACTIVATIONS, CELL_ACTIVATIONS, LOSSES, RULES
from rtrl_lstm.mixed import Mixed
from rtrl_lstm.optimizers import OPTIMIZERS, SCHEDULES, Clip
from rtrl_lstm.spec import Spec

assert slots.OPTIMIZER_CODES.keys() == OPTIMIZERS.keys()
assert slots.SCHEDULE_CODES.keys() == SCHEDULES.keys()
SNAP_NUMBERS = ("s_by_s", "s_by_h", "h_by_s", "h_by_h")  # as `kernels/snap.py` finds them
# In which place of the table a kernel looks for a gate (see `kernels/cells.py`).
GATE_PLACES = {
    "lstm": ("i", "f", "g", "o"),
    "gru": ("r", "z", "n_x", "n_h"),
    "rnn": ("h",),
    "elstm": ("f", "z", "o"),
}


DEFERRED_FROM = 65536  # bytes of weights and traces: more than fit into the nearest cache
NARROW = 32  # bytes: a vector of lanes of a net that would leave half of a longer one empty


def family_of(spec: Spec) -> str:
    """Which compilation of the kernels a learner needs: see `kernels/entries.py`.

    Vectors are narrow where they hold all units, and where much is gained: in float32, by the rules
    that work in O(n^2).
    """
    if spec.sparse_inputs:
        return "sparse"
    if spec.rule == "full":
        return "full"
    fits = max(spec.blocks, spec.proj_size) <= NARROW // 4
    return "narrow" if fits and spec.dtype == "float32" else "simple"


class Layout(Mixed):
    """The places of all arrays of learners with one Spec.

    Attributes:
        spec: what the layout was computed from.
        family: which compilation of the kernels takes it.
        fields: name -> Field.
        table: (K,) int64, what the kernels read.
        head_size, body_size: numbers in head and body.
        nbytes: size of a block.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec, self.family = spec, family_of(spec)
        vector = NARROW if self.family == "narrow" else ALIGNMENT
        super().__init__(spec.dtype, slots.H_STATISTICS, vector)
        table = [0] * slots.T_SIZE
        self._write_statistics(table)
        self._write_codes(table)
        self._write_readout_places(table)
        self._write_layers(table)
        self._write_readout_rows(table)
        self.table = np.array(table, np.int64)
        self._close()

    @property
    def weights(self) -> int:
        """How many weights there are, biases among them."""
        shapes = (f.shape for name, f in self.fields.items() if name.endswith(".weight"))
        return sum(units * sources for units, sources in shapes)

    # --- the parts of the table ------------------------------------------------------------

    def _write_statistics(self, table: list[int]) -> None:
        inputs = labels("x", self.spec.input_size)
        targets = labels("y", self.spec.target_size)
        table[slots.T_INPUT_COUNT] = self._place_head("input.count", inputs)
        table[slots.T_INPUT_MEAN] = self._place_head("input.mean", inputs)
        table[slots.T_INPUT_M2] = self._place_head("input.m2", inputs)
        table[slots.T_TARGET_COUNT] = self._place_head("target.count", targets)
        table[slots.T_TARGET_MEAN] = self._place_head("target.mean", targets)
        table[slots.T_TARGET_M2] = self._place_head("target.m2", targets)
        quantiles = labels("q", len(self.spec.quantiles))
        table[slots.T_QUANTILES] = self._place_head("quantiles", quantiles)
        self._write_combination(table)
        if self.spec.contexts:
            self._write_contexts(table)
        self._write_sparse(table)

    def _write_sparse(self, table: list[int]) -> None:
        """Lists of inputs, and of pairs of columns: see `kernels/sparse.py`."""
        spec = self.spec
        table[slots.T_VISITS : slots.T_VISITS + 2] = [-1, -1]
        if not spec.sparse_inputs:
            return
        keeps = spec.cell == "lstm" and not spec.forget_gate and not spec.coupled_gates
        table[slots.T_SPARSE] = slots.KEEPS if keeps else slots.FADES
        for slot, name in (
            (slots.T_NOW_INPUTS, "now"),
            (slots.T_NEXT_INPUTS, "next"),
            (slots.T_LIVE, "live"),
        ):
            table[slot] = self._place_list(f"sparse.{name}", spec.input_size)
        sources = sum(map(len, self._sources(labels("x", spec.input_size)).values()))
        for first in {self._first_seen(row) for row in rows_of(spec) if self._sees_inputs(row)}:
            table[slots.T_VISITS + first] = self._place_list(f"sparse.visits{first}", sources)

    def _place_list(self, name: str, members: int) -> int:
        """Room for a list: its length and then its members."""
        return self._place_head(name, labels("k", members + 1))

    def _sees_inputs(self, row: Row) -> bool:
        return "x" in row.sees and not row.own

    def _first_seen(self, row: Row) -> int:
        """Of a row that sees inputs, its first source: all there may be before them is a bias."""
        return int("bias" not in row.sees and self.spec.has_bias)

    def _write_codes(self, table: list[int]) -> None:
        spec = self.spec
        assert not isinstance(spec.optimizer, str)
        table[slots.T_RULE] = RULES.index(spec.rule)
        table[slots.T_WHOLE] = int(spec.cell == "elstm")
        if spec.schedule:
            table[slots.T_SCHEDULE] = slots.SCHEDULE_CODES[spec.schedule.name]
            table[slots.T_RESTART] = int(spec.schedule.restart)
        table[slots.T_INPUTS] = spec.input_size
        table[slots.T_OUTPUTS] = spec.output_size
        table[slots.T_TARGETS] = spec.target_size
        table[slots.T_LOSS] = LOSSES.index(spec.loss)
        table[slots.T_ACTIVATION] = ACTIVATIONS.index(spec.activation)
        table[slots.T_OPTIMIZER] = slots.OPTIMIZER_CODES[spec.optimizer.name]
        table[slots.T_SUMS] = int(spec.sums_gradients)
        table[slots.T_SEQUENCE] = int(spec.update == "sequence")
        if isinstance(spec.clip, Clip):
            table[slots.T_CLIP] = slots.CLIP_CODES[spec.clip.name]
        table[slots.T_SCALE_TARGET] = int(spec.scale_target)
        table[slots.T_HORIZON] = spec.horizon
        table[slots.T_EVERY_STEP] = int(spec.every_step)
        table[slots.T_FLOAT32] = int(spec.dtype == "float32")
        table[slots.T_SCALED] = len(table)
        seen = [slots.SCALED if scaled else slots.AS_IS for scaled in spec.scaled_inputs]
        for k in spec.combine_only:
            seen[k] = slots.UNSEEN
        table.extend(seen)

    def _write_readout_places(self, table: list[int]) -> None:
        spec = self.spec
        outputs = labels("y", spec.output_size)
        table[slots.T_OUT] = self._place("out", outputs)
        table[slots.T_CREDIT_OUT] = self._place("credit", outputs)
        rows = labels("row", spec.horizon)
        table[slots.T_RING] = self._place("ring", rows, self._seen())
        table[slots.T_RING_RESET] = self._place("ring.reset", rows)

    def _write_layers(self, table: list[int]) -> None:
        spec = self.spec
        table[slots.T_LAYERS] = spec.num_layers
        table[slots.T_FIRST_LAYER] = len(table)
        for number in range(spec.num_layers):
            table[slots.T_LAST_LAYER] = len(table)
            below = labels("b", spec.state_size) if number else self._seen()
            self._write_layer(table, number, below)
        table[slots.T_LAYER_STEP] = len(table) - table[slots.T_LAST_LAYER]
        if spec.rule == "full":
            # A vector for each unit of the four gates, and for each cell's output.
            lanes = self.lanes_of(spec.hidden_size, spec.block_size)
            table[slots.T_INFLUENCE] = self._place(
                "influence", labels("dz", 5 * lanes * self.lanes)
            )

    def _seen(self) -> tuple[str, ...]:
        """The labels of the inputs that the network sees; they keep their numbers."""
        inputs = labels("x", self.spec.input_size)
        return tuple(inputs[k] for k in self.spec.seen_inputs) if self.spec.combine_only else inputs

    def _sources(self, below: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """The groups of a layer's sources, in the order in which they lie."""
        spec = self.spec
        gates = [gate for gate in gates_of(spec) if spec.gate_recurrence != "none"]
        return {
            "bias": ("bias",) if spec.has_bias else (),
            "x": below,
            "bias_hh": ("bias_hh",) if spec.has_bias and has_second_bias(spec) else (),
            "h": labels("h", spec.state_size) if is_recurrent(spec) else (),
            "gates": tuple(label for gate in gates for label in labels(gate, spec.blocks)),
        }

    def _write_layer(self, table: list[int], number: int, below: tuple[str, ...]) -> None:
        spec, rows, groups = self.spec, rows_of(self.spec), self._sources(below)
        layer = f"layer{number}"
        sources = tuple(label for group in groups.values() for label in group)
        part = [0] * slots.L_SIZE
        part[slots.L_BELOW] = len(below)
        part[slots.L_X_AT] = sources.index(below[0])
        for place, group in ((slots.L_H_AT, "h"), (slots.L_GATES_AT, "gates")):
            part[place] = sources.index(groups[group][0]) if groups[group] else -1
        part[slots.L_SOURCES] = len(sources)
        part[slots.L_ROWS] = len(rows)
        part[slots.L_FIRST_ROW] = len(table) + slots.L_SIZE
        part[slots.L_INPUT_ACTIVATION] = CELL_ACTIVATIONS.index(spec.input_activation)
        part[slots.L_CELL_ACTIVATION] = CELL_ACTIVATIONS.index(spec.cell_activation)
        part[slots.L_COUPLED] = int(spec.coupled_gates)
        part[slots.L_MASK] = self._place(f"{layer}.mask", below) if number and spec.dropout else -1
        part[slots.L_STATE] = number * len(self._layer_states(0))
        self._write_sizes(part)
        self._write_credits(part, layer)
        self._write_sets(part, layer, sources)
        descriptions = [self._layer_row(layer, row, groups, sources) for row in rows]
        if number == 0:
            for row, description in zip(rows, descriptions, strict=True):
                if self._sees_inputs(row):
                    visits = table[slots.T_VISITS + self._first_seen(row)]
                    description[slots.R_VISITS] = visits
        self._write_gates(part, rows, descriptions)
        part[slots.L_TOGETHER] = _together(descriptions)
        part[slots.L_DEFERRED] = self._place_deferred(layer, descriptions, sources)
        if spec.proj_size:
            part[slots.L_PROJECTION] = len(table) + slots.L_SIZE + len(rows) * slots.R_SIZE
            descriptions.append(self._projection_row(layer))
        table.extend(part)
        for description in descriptions:
            table.extend(description)

    def _place_deferred(self, layer: str, rows: list[list[int]], sources: tuple[str, ...]) -> int:
        """Room for a deferred step, where one is: see `kernels/deferred.py`."""
        spec, first = self.spec, self.body_size
        assert not isinstance(spec.optimizer, str)
        each = (row[slots.R_LANES] * row[slots.R_COUNT] * (1 + row[slots.R_TRACES]) for row in rows)
        is_large = sum(each) * np.dtype(spec.dtype).itemsize >= DEFERRED_FROM
        is_plain = spec.optimizer.name == "sgd" and not spec.sums_gradients
        is_alone = spec.num_layers == 1 and not spec.horizon and self.family == "simple"
        if not (is_large and is_plain and is_alone and _together(rows)):
            return -1
        self._place_stretches(f"{layer}.deferred", list(slots.DEFERRED), "factor")
        self._place(f"{layer}.deferred.u", sources)
        return first

    def _write_sizes(self, part: list[int]) -> None:
        spec = self.spec
        part[slots.L_UNITS] = spec.hidden_size
        part[slots.L_LANES] = self.lanes_of(spec.hidden_size, spec.block_size)
        part[slots.L_BLOCKS] = spec.blocks
        part[slots.L_BLOCK_LANES] = self.padded(spec.blocks)
        part[slots.L_GROUPS] = spec.block_size
        part[slots.L_OUT_GROUPS] = self._output_groups
        part[slots.L_OUT] = spec.state_size // self._output_groups
        part[slots.L_OUT_LANES] = self.padded(part[slots.L_OUT])
        part[slots.L_PROJECTION] = -1

    @property
    def _output_groups(self) -> int:
        """Stretches in which a layer's output lies: the cells', or one where they are projected."""
        return 1 if self.spec.proj_size else self.spec.block_size

    def _write_credits(self, part: list[int], layer: str) -> None:
        outputs, cells = self._output_labels(), labels("unit", self.spec.hidden_size)
        part[slots.L_CREDIT] = self._place_cells(f"{layer}.credit", outputs, self._output_groups)
        part[slots.L_CELL_CREDIT] = part[slots.L_CREDIT]
        if self.spec.proj_size:
            groups = self.spec.block_size
            part[slots.L_CELL_CREDIT] = self._place_cells(f"{layer}.m.credit", cells, groups)

    def _output_labels(self) -> tuple[str, ...]:
        """Of a layer's output."""
        return labels("out" if self.spec.proj_size else "unit", self.spec.state_size)

    def _write_gates(
        self, part: list[int], rows: tuple[Row, ...], descriptions: list[list[int]]
    ) -> None:
        """Where the kernel finds each gate's z and its diagonal weight, if it has them."""
        part[slots.L_GATES : slots.L_GATES + 4] = [-1] * 4
        part[slots.L_OWN : slots.L_OWN + 4] = [-1] * 4
        for row, description in zip(rows, descriptions, strict=True):
            place = GATE_PLACES[self.spec.cell].index(row.gate)
            if row.own:
                part[slots.L_OWN + place] = description[slots.R_WEIGHT]
            else:
                part[slots.L_GATES + place] = description[slots.R_GATE]

    def _write_sets(self, part: list[int], layer: str, sources: tuple[str, ...]) -> None:
        """The two sets of states: see `kernels/layers.py`."""
        now = self._write_states(layer, sources)
        ahead = list(now)
        if self.spec.horizon:
            ahead = self._write_states(f"lead.{layer}", sources)
        else:
            ahead[slots.S_U] = self._place(f"{layer}.u_next", sources)
            if self.spec.proj_size:
                ahead[slots.S_V] = self._place(f"{layer}.v_next", self._cell_labels())
        for place, states in ((int(slots.L_NOW), now), (int(slots.L_NEXT), ahead)):
            part[place : place + slots.S_SIZE] = states

    def _cell_labels(self) -> tuple[str, ...]:
        return labels("unit", self.spec.hidden_size)

    def _write_states(self, prefix: str, sources: tuple[str, ...]) -> list[int]:
        spec, cells = self.spec, self._cell_labels()
        states = [-1] * slots.S_SIZE
        states[slots.S_U] = self._place(f"{prefix}.u", sources)
        for slot, name in (
            (slots.S_S, "s"),
            (slots.S_DECAY, "decay"),
            (slots.S_DH_DS, "dh_ds"),
            (slots.S_PREVIOUS, "s_tm1"),
        ):
            states[slot] = self._place_cells(f"{prefix}.{name}", cells, spec.block_size)
        states[slots.S_H] = self._place_cells(
            f"{prefix}.h", self._output_labels(), self._output_groups
        )
        states[slots.S_M] = states[slots.S_H]
        if spec.proj_size:
            states[slots.S_M] = self._place_cells(f"{prefix}.m", cells, spec.block_size)
            states[slots.S_V] = self._place(f"{prefix}.v", cells)
        gates = [row.gate for row in rows_of(spec) if not row.own]
        for slot, name in ((slots.S_Z, "z"), (slots.S_PUSH, "push")):
            # One after the other: a kernel finds gate number k's at k * lanes.
            states[slot] = self._place_stretches(prefix, gates, name)
        if spec.gate_recurrence != "none":
            states[slots.S_GATES] = self._place_stretches(prefix, gates, "gate")
        if spec.rule == "snap1":
            states[slots.S_SNAP] = self._place_stretches(prefix, list(SNAP_NUMBERS), "snap")
        return states

    def _place_stretches(self, prefix: str, stretches: list[str], name: str) -> int:
        """For each of `stretches` a number for each cell."""
        first, cells = self.body_size, self._cell_labels()
        for stretch in stretches:
            self._place_cells(f"{prefix}.{stretch}.{name}", cells, self.spec.block_size)
        return first

    def _layer_row(
        self,
        layer: str,
        row: Row,
        groups: dict[str, tuple[str, ...]],
        sources: tuple[str, ...],
    ) -> list[int]:
        spec = self.spec
        gates = [other.gate for other in rows_of(spec) if not other.own]
        seen = ("own",) if row.own else tuple(s for group in row.sees for s in groups[group])
        units = labels("block", spec.blocks) if row.shared else self._cell_labels()
        stretches = 1 if row.shared else spec.block_size
        kind = self._kind_of(row)
        description = self._row(f"{layer}.{row.name}", units, seen, kind, stretches)
        description[slots.R_TRACED] = int(row.traced)
        description[slots.R_GROUPS] = spec.block_size if row.shared else 1
        description[slots.R_FIRST] = 0 if row.own else sources.index(seen[0])
        description[slots.R_GATE] = gates.index(row.gate)
        if row.own:
            previous = row.own == PREVIOUS_STATE
            description[slots.R_OWN] = slots.S_PREVIOUS if previous else slots.S_S
        return description

    def _kind_of(self, row: Row) -> int:
        """How the gradient of a row comes about: see `slots`."""
        if self.spec.rule != "truncated":
            return slots.SNAP if self.spec.rule == "snap1" else slots.HELD
        if not row.traced:
            return slots.DIRECT
        return slots.SHARED if row.shared else slots.TRACED

    def _projection_row(self, layer: str) -> list[int]:
        outputs, cells = self._output_labels(), self._cell_labels()
        kind = slots.HELD if self.spec.rule == "full" else slots.DIRECT
        return self._row(f"{layer}.proj", outputs, cells, kind)

    def _copies(self, kind: int) -> tuple[tuple[str, ...], ...]:
        """The first axis of the trace of a row: none where a weight has one trace."""
        if kind == slots.SHARED:
            return (labels("cell", self.spec.block_size),)
        if kind == slots.SNAP:
            return (("s", "h"),)
        if kind == slots.HELD:
            numbers = range(self.spec.num_layers)
            return (tuple(label for k in numbers for label in self._layer_states(k)),)
        return ()

    def _layer_states(self, number: int) -> tuple[str, ...]:
        """The numbers of a layer that outlive a step, as rule "full" counts them."""
        spec = self.spec
        gates = gates_of(spec) if spec.gate_recurrence != "none" else ()
        own = (
            *labels("s", spec.hidden_size),
            *labels("h", spec.state_size),
            *(label for gate in gates for label in labels(gate, spec.blocks)),
        )
        return tuple(f"layer{number}.{label}" for label in own)

    def _row(
        self,
        name: str,
        units: tuple[str, ...],
        sources: tuple[str, ...],
        kind: int,
        groups: int = 1,
    ) -> list[int]:
        assert not isinstance(self.spec.optimizer, str)
        axes, copies = (units, sources), self._copies(kind)
        row = [-1] * slots.R_SIZE
        row[slots.R_FIRST] = 0
        row[slots.R_COUNT] = len(sources)
        row[slots.R_TRACED] = 0
        row[slots.R_GROUPS] = 1
        row[slots.R_LANES] = self.lanes_of(len(units), groups)
        row[slots.R_KIND] = kind
        row[slots.R_VISITS] = -1
        row[slots.R_TRACES] = 0 if kind == slots.DIRECT else len(copies[0]) if copies else 1
        row[slots.R_WEIGHT] = self._place_row_array(f"{name}.weight", axes, groups)
        if row[slots.R_TRACES]:
            row[slots.R_TRACE] = self._place_row_array(f"{name}.trace", copies + axes, groups)
        for k, slot in enumerate((slots.R_MOMENT1, slots.R_MOMENT2)):
            if k < self.spec.optimizer.moments:
                row[slot] = self._place_row_array(f"{name}.moment{k + 1}", axes, groups)
        if self.spec.sums_gradients:
            row[slots.R_SUM] = self._place_row_array(f"{name}.sum", axes, groups)
        return row

    def _write_readout_rows(self, table: list[int]) -> None:
        """The readout is two rows of weights without a trace.

        Its weights: a unit's lane sees dL/dy, and its projection is the unit's credit.
        Its bias and shortcuts: an output's lane sees [1, x], the first sources of layer 0.
        """
        spec = self.spec
        outputs = labels("y", spec.output_size)
        table[slots.T_READOUT] = len(table)
        groups = self._output_groups
        table.extend(self._row("readout", self._output_labels(), outputs, slots.DIRECT, groups))
        table[slots.T_DIRECT] = len(table)
        inputs = self._seen() if spec.shortcuts else ()
        seen = (*(("bias",) if spec.is_biased("readout") else ()), *inputs)
        direct = self._row("readout.direct", outputs, seen, slots.DIRECT)
        direct[slots.R_FIRST] = int(spec.has_bias and not spec.is_biased("readout"))
        if spec.sparse_inputs and spec.shortcuts:
            direct[slots.R_VISITS] = self._place_list("sparse.shortcuts", len(seen))
        table.extend(direct)


def _together(descriptions: list[list[int]]) -> int:
    """How many of a layer's rows, from the first on, one sweep can take: an LSTM's four, or none.

    Those of the gates i, f and g have traces, that of o has none, and all see the same sources.
    """
    four = descriptions[:4]
    kinds = [row[slots.R_KIND] for row in four]
    seen = {(row[slots.R_FIRST], row[slots.R_COUNT], row[slots.R_VISITS]) for row in four}
    simple = all(row[slots.R_OWN] < 0 and row[slots.R_VISITS] < 0 for row in four)
    fit = kinds == [slots.TRACED] * 3 + [slots.DIRECT] and len(seen) == 1 and simple
    return len(four) if fit else 0
