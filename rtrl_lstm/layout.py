"""Where each named array of a learner lies in its block.

A block is one run of bytes: a head of float64, then a body of the learner's dtype (see
`kernels/slots.py`). A `Layout` is computed from a `Spec` alone, so a file needs to hold only the
Spec and the block. Arrays are named; each axis of an array carries labels ("unit3", "x0", "h7",
"bias", "y0"), by which `migrate` moves numbers from one layout to another.

    layer0.i.weight     (units, sources) of gate i; also .trace, .moment1, .moment2, .sum
    layer0.i.own.weight (units, 1) its diagonal weight on the unit's own state, where there is one
    layer0.h  layer0.s  (units,) the recurrent state; lead.layer0.h the leading one of a forecaster
    readout.weight      (units, outputs); also .moment1, .moment2, .sum
    readout.direct      (outputs, bias and inputs): the readout's bias and shortcuts
    input.mean  target.mean ...  running statistics

Rows of weights lie as [vector of lanes][source][lane]: a sweep over a row reads memory in one
straight line and holds everything else in registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.cells import PREVIOUS_STATE, Row, has_second_bias, is_recurrent, rows_of
from rtrl_lstm.kernels import slots
from rtrl_lstm.spec import ACTIVATIONS, CELL_ACTIVATIONS, LOSSES, Clip, Spec

Array = NDArray[Any]
# In which place of the table a kernel looks for a gate (see `kernels/cells.py`).
GATE_PLACES = {
    "lstm": ("i", "f", "g", "o"),
    "gru": ("r", "z", "n_x", "n_h"),
    "rnn": ("h",),
    "elstm": ("f", "z", "o"),
}
ALIGNMENT = 64  # bytes: a vector of lanes, and a cache line


@dataclass(frozen=True)
class Field:
    """A named array: its place, and the labels along each axis."""

    offset: int  # in numbers, from the start of head or body
    axes: tuple[tuple[str, ...], ...]
    in_head: bool = False
    packed: bool = False  # rows of weights: [vector of lanes][source][lane]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)


def labels(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{k}" for k in range(count))


class Layout:
    """The places of all arrays of learners with one Spec.

    Attributes:
        spec: what the layout was computed from.
        fields: name -> Field.
        table: (K,) int64, what the kernels read.
        head_size, body_size: numbers in head and body.
        nbytes: size of a block.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.dtype = np.dtype(spec.dtype)
        self.lanes = ALIGNMENT // self.dtype.itemsize
        self.fields: dict[str, Field] = {}
        self.head_size = slots.H_STATISTICS
        self.body_size = 0
        table = [0] * slots.T_SIZE
        self._write_statistics(table)
        self._write_codes(table)
        self._write_readout_places(table)
        self._write_layers(table)
        self._write_readout_rows(table)
        self.table = np.array(table, np.int64)
        self.head_size += -self.head_size % (ALIGNMENT // 8)
        self.nbytes = 8 * self.head_size + self.body_size * self.dtype.itemsize

    # --- placing ---------------------------------------------------------------------------

    def _place_head(self, name: str, *axes: tuple[str, ...]) -> int:
        offset = self.head_size
        self.fields[name] = Field(offset, axes, in_head=True)
        self.head_size += int(np.prod([len(axis) for axis in axes], dtype=np.int64))
        return offset

    def _place(self, name: str, *axes: tuple[str, ...]) -> int:
        """A plain array in the body; its first axis may be padded to whole vectors of lanes."""
        offset = self.body_size
        self.fields[name] = Field(offset, axes)
        self._advance(int(np.prod([len(axis) for axis in axes], dtype=np.int64)))
        return offset

    def _place_row_array(self, name: str, units: tuple[str, ...], sources: tuple[str, ...]) -> int:
        offset = self.body_size
        self.fields[name] = Field(offset, (units, sources), packed=True)
        self._advance(self.padded(len(units)) * len(sources))
        return offset

    def _advance(self, count: int) -> None:
        self.body_size += self.padded(count)

    def padded(self, count: int) -> int:
        """`count`, rounded up to whole vectors of lanes."""
        return count + -count % self.lanes

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

    def _write_combination(self, table: list[int]) -> None:
        inputs = self.spec.combine_with
        if not inputs:
            return
        terms = ("one", "net", *(f"x{k}" for k in inputs))
        rows = labels("row", max(self.spec.horizon, 1))
        table[slots.T_COMBINED] = len(terms)
        table[slots.T_COMBINED_INPUTS] = len(table)
        table.extend(inputs)
        table[slots.T_COMBINATION] = self._place_head("combination", terms)
        table[slots.T_COVARIANCE] = self._place_head("combination.covariance", terms, terms)
        table[slots.T_REACH] = self._place_head("combination.reach", terms)
        table[slots.T_COMBINED_RING] = self._place_head("combination.ring", rows, terms)

    def _write_codes(self, table: list[int]) -> None:
        spec = self.spec
        assert not isinstance(spec.optimizer, str)
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
        table[slots.T_RING] = self._place("ring", rows, labels("x", spec.input_size))
        table[slots.T_RING_RESET] = self._place("ring.reset", rows)

    def _write_layers(self, table: list[int]) -> None:
        spec = self.spec
        table[slots.T_LAYERS] = spec.num_layers
        table[slots.T_FIRST_LAYER] = len(table)
        for number in range(spec.num_layers):
            table[slots.T_LAST_LAYER] = len(table)
            below = labels("x", spec.input_size) if number == 0 else labels("b", spec.hidden_size)
            self._write_layer(table, f"layer{number}", below)
        table[slots.T_LAYER_STEP] = len(table) - table[slots.T_LAST_LAYER]

    def _sources(self, below: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """The groups of a layer's sources, in the order in which they lie."""
        spec = self.spec
        return {
            "bias": ("bias",) if spec.bias else (),
            "x": below,
            "bias_hh": ("bias_hh",) if spec.bias and has_second_bias(spec) else (),
            "h": labels("h", spec.hidden_size) if is_recurrent(spec) else (),
        }

    def _write_layer(self, table: list[int], layer: str, below: tuple[str, ...]) -> None:
        spec, rows, groups = self.spec, rows_of(self.spec), self._sources(below)
        sources = tuple(label for group in groups.values() for label in group)
        units = labels("unit", spec.hidden_size)
        part = [0] * slots.L_SIZE
        part[slots.L_UNITS] = spec.hidden_size
        part[slots.L_LANES] = self.padded(spec.hidden_size)
        part[slots.L_BELOW] = len(below)
        part[slots.L_X_AT] = sources.index(below[0])
        part[slots.L_H_AT] = len(sources) - len(groups["h"])
        part[slots.L_SOURCES] = len(sources)
        part[slots.L_ROWS] = len(rows)
        part[slots.L_FIRST_ROW] = len(table) + slots.L_SIZE
        part[slots.L_CREDIT] = self._place(f"{layer}.credit", units)
        part[slots.L_INPUT_ACTIVATION] = CELL_ACTIVATIONS.index(spec.input_activation)
        part[slots.L_CELL_ACTIVATION] = CELL_ACTIVATIONS.index(spec.cell_activation)
        part[slots.L_COUPLED] = int(spec.coupled_gates)
        self._write_sets(part, layer, sources)
        descriptions = [self._layer_row(layer, row, units, groups, sources) for row in rows]
        self._write_gates(part, rows, descriptions)
        table.extend(part)
        for description in descriptions:
            table.extend(description)

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
        part[slots.L_NOW : slots.L_NOW + slots.S_SIZE] = now
        part[slots.L_NEXT : slots.L_NEXT + slots.S_SIZE] = ahead

    def _write_states(self, prefix: str, sources: tuple[str, ...]) -> list[int]:
        units = labels("unit", self.spec.hidden_size)
        states = [0] * slots.S_SIZE
        states[slots.S_U] = self._place(f"{prefix}.u", sources)
        for slot, name in (
            (slots.S_S, "s"),
            (slots.S_H, "h"),
            (slots.S_DECAY, "decay"),
            (slots.S_DH_DS, "dh_ds"),
            (slots.S_PREVIOUS, "s_tm1"),
        ):
            states[slot] = self._place(f"{prefix}.{name}", units)
        gates = [row.gate for row in rows_of(self.spec) if not row.own]
        for slot, name in ((slots.S_Z, "z"), (slots.S_PUSH, "push")):
            # One after the other: a kernel finds gate number k's at k * lanes.
            places = [self._place(f"{prefix}.{gate}.{name}", units) for gate in gates]
            states[slot] = places[0]
        return states

    def _layer_row(
        self,
        layer: str,
        row: Row,
        units: tuple[str, ...],
        groups: dict[str, tuple[str, ...]],
        sources: tuple[str, ...],
    ) -> list[int]:
        gates = [other.gate for other in rows_of(self.spec) if not other.own]
        seen = ("own",) if row.own else tuple(s for group in row.sees for s in groups[group])
        description = self._row(f"{layer}.{row.name}", units, seen, row.traced)
        description[slots.R_FIRST] = 0 if row.own else sources.index(seen[0])
        description[slots.R_GATE] = gates.index(row.gate)
        if row.own:
            previous = row.own == PREVIOUS_STATE
            description[slots.R_OWN] = slots.S_PREVIOUS if previous else slots.S_S
        return description

    def _row(
        self, name: str, units: tuple[str, ...], sources: tuple[str, ...], traced: bool
    ) -> list[int]:
        assert not isinstance(self.spec.optimizer, str)
        row = [-1] * slots.R_SIZE
        row[slots.R_FIRST] = 0
        row[slots.R_COUNT] = len(sources)
        row[slots.R_TRACED] = int(traced)
        row[slots.R_WEIGHT] = self._place_row_array(f"{name}.weight", units, sources)
        if traced:
            row[slots.R_TRACE] = self._place_row_array(f"{name}.trace", units, sources)
        for k, slot in enumerate((slots.R_MOMENT1, slots.R_MOMENT2)):
            if k < self.spec.optimizer.moments:
                row[slot] = self._place_row_array(f"{name}.moment{k + 1}", units, sources)
        if self.spec.sums_gradients:
            row[slots.R_SUM] = self._place_row_array(f"{name}.sum", units, sources)
        return row

    def _write_readout_rows(self, table: list[int]) -> None:
        """The readout is two rows of weights without a trace.

        Its weights: a unit's lane sees dL/dy, and its projection is the unit's credit.
        Its bias and shortcuts: an output's lane sees [1, x], the first sources of layer 0.
        """
        spec = self.spec
        outputs, units = labels("y", spec.output_size), labels("unit", spec.hidden_size)
        table[slots.T_READOUT] = len(table)
        table.extend(self._row("readout", units, outputs, traced=False))
        table[slots.T_DIRECT] = len(table)
        inputs = labels("x", spec.input_size) if spec.shortcuts else ()
        seen = (*(("bias",) if spec.bias else ()), *inputs)
        table.extend(self._row("readout.direct", outputs, seen, traced=False))

    # --- reading and writing ---------------------------------------------------------------

    def allocate(self) -> NDArray[np.uint8]:
        """A block of zero bytes, aligned to a cache line."""
        room = np.zeros(self.nbytes + ALIGNMENT, np.uint8)
        start = -room.ctypes.data % ALIGNMENT
        return room[start : start + self.nbytes]

    def head(self, block: NDArray[np.uint8]) -> NDArray[np.float64]:
        return block[: 8 * self.head_size].view(np.float64)

    def body(self, block: NDArray[np.uint8]) -> Array:
        return block[8 * self.head_size :].view(self.dtype)

    def read(self, block: NDArray[np.uint8], name: str) -> Array:
        """A copy of the array called `name`, in the shape that its Field gives."""
        field = self.fields[name]
        view = self._view(block, field)
        if field.packed:
            units = view.shape[0] * self.lanes
            view = view.swapaxes(1, 2).reshape(units, field.shape[1])[: field.shape[0]]
        return view.copy()

    def write(self, block: NDArray[np.uint8], name: str, values: Array) -> None:
        """Put `values` of the Field's shape in the place of the array called `name`."""
        field = self.fields[name]
        view = self._view(block, field)
        if field.packed:
            padded = np.zeros((view.shape[0] * self.lanes, field.shape[1]), self.dtype)
            padded[: field.shape[0]] = values
            values = padded.reshape(view.shape[0], self.lanes, field.shape[1]).swapaxes(1, 2)
        view[...] = values

    def _view(self, block: NDArray[np.uint8], field: Field) -> Array:
        numbers = self.head(block) if field.in_head else self.body(block)
        shape = field.shape
        if field.packed:
            shape = (self.padded(shape[0]) // self.lanes, shape[1], self.lanes)
        count = int(np.prod(shape, dtype=np.int64))
        return numbers[field.offset : field.offset + count].reshape(shape)


def initial_block(layout: Layout) -> NDArray[np.uint8]:
    """A new learner's block: weights drawn from the seed, everything else at its start.

    Weights and biases are uniform in +-1/sqrt(hidden_size), as PyTorch's; `forget_bias` is added
    to the forget gate's bias; shortcuts start at zero.
    """
    spec = layout.spec
    block, rng = layout.allocate(), np.random.default_rng(spec.seed)
    bound = spec.hidden_size**-0.5
    for name, field in layout.fields.items():
        if not name.endswith(".weight"):
            continue
        values = rng.uniform(-bound, bound, field.shape)
        if name == "readout.direct.weight":
            values[:, [label.startswith("x") for label in field.axes[1]]] = 0.0
        if name.endswith(".f.weight") and spec.cell == "lstm" and spec.bias:
            values[:, field.axes[1].index("bias")] += spec.forget_bias
        layout.write(block, name, values)
    _write_constants(layout, block)
    return block


def _write_constants(layout: Layout, block: NDArray[np.uint8]) -> None:
    """Everything in a block that follows from the Spec and never changes, and counters' starts."""
    spec, head = layout.spec, layout.head(block)
    assert not isinstance(spec.optimizer, str)
    for name, field in layout.fields.items():
        if name.endswith((".u", ".u_next")):
            values = layout.read(block, name)
            values[[label.startswith("bias") for label in field.axes[0]]] = 1.0
            layout.write(block, name, values)
    head[slots.H_RATE] = spec.learning_rate
    head[slots.H_POWER1] = head[slots.H_POWER2] = 1.0
    for k, value in enumerate(vars(spec.optimizer).values()):
        head[slots.H_HYPER + k] = value
    head[slots.H_HUBER_DELTA] = spec.huber_delta
    head[slots.H_CLIP_LIMIT] = spec.clip.limit if isinstance(spec.clip, Clip) else 0.0
    layout.write(block, "quantiles", np.array(spec.quantiles))
    if spec.combine_with:
        one, network, each = slots.INITIAL_COVARIANCE
        covariance = np.diag([one, network] + [each] * len(spec.combine_with))
        layout.write(block, "combination", np.eye(len(covariance))[2])  # all on the first input
        layout.write(block, "combination.covariance", covariance)
        layout.write(block, "combination.ring", np.array(np.nan))  # nothing was combined yet


def migrate(
    old: Layout,
    new: Layout,
    block: NDArray[np.uint8],
    renamed: dict[str, str] | None = None,
) -> NDArray[np.uint8]:
    """The block of `old` as a block of `new`: every number moves by name and label.

    Args:
        renamed: new label -> old label, for labels that changed (inputs "x0".., outputs "y0"..).
            A new label that maps to "" is new.

    What has no counterpart keeps the initial value of a new learner, with zero trace and moments.
    """
    moved = initial_block(new)
    head = new.head(moved)
    head[: slots.H_STATISTICS] = old.head(block)[: slots.H_STATISTICS]
    names = renamed or {}
    for name in new.fields.keys() & old.fields.keys():
        if name == "combination.covariance" and old.fields[name].axes != new.fields[name].axes:
            continue  # with one more forecast to combine, the weights of all are open again
        target, source = new.read(moved, name), old.read(block, name)
        here: list[list[int]] = []
        there: list[list[int]] = []
        for new_axis, old_axis in zip(new.fields[name].axes, old.fields[name].axes, strict=True):
            place = {label: k for k, label in enumerate(old_axis)}
            pairs = [
                (k, place[names.get(label, label)])
                for k, label in enumerate(new_axis)
                if names.get(label, label) in place
            ]
            here.append([k for k, _ in pairs])
            there.append([k for _, k in pairs])
        target[np.ix_(*here)] = source[np.ix_(*there)]
        new.write(moved, name, target)
    return moved
