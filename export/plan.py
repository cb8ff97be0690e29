"""What a learner graph carries from row to row: names, shapes and dtypes, from a Spec alone.

Weights of gates that see the same sources, and that either all have traces or all have none, lie
in one tensor: the fewer nodes, the less a step costs. Such a *group* is named after its gates: an
lstm's are ``layer0.ifg`` and ``layer0.o``, a gru's ``layer0.rz``, ``layer0.n_x`` and
``layer0.n_h``; with peepholes there are ``layer0.if.own`` and ``layer0.o.own``.

A group's tensors are (batch, D, R): a line for each of the D sources, in it the R = G n weights of
the G gates, one gate's units after the other's. The sources are, in this order and as far as the
gates see them: the bias, x without the inputs of `Spec.combine_only` (or h of the layer below), a
gru's second bias, h of the step before, the gates of the step before. A gate that a block of cells
shares has a trace for each of them. Diagonal weights are (batch, 1, R). The readout is a group as
well, of O rows, that sees the bias, the same x where shortcuts are on, and h. With units innermost,
onnxruntime broadcasts along longer lines: that halves the time of a large batch.
"""

import dataclasses
from typing import NamedTuple

from rtrl_lstm.cells import Row, gates_of, has_second_bias, is_recurrent, rows_of
from rtrl_lstm.kernels.slots import ADVANTAGE_SIZE
from rtrl_lstm.spec import Spec

from .errors import ExportError

STATEFUL = ("lstm", "elstm")
"""Cells whose state is not their output."""

# What a learner graph knows how to say. An option that is none of these must be at its default.
KNOWN = frozenset(
    {
        "bias",
        "cell",
        "cell_activation",
        "clip",
        "combine_inner",
        "combine_only",
        "combine_with",
        "coupled_gates",
        "dtype",
        "every_step",
        "block_size",
        "forget_bias",
        "forget_gate",
        "gate_recurrence",
        "hidden_size",
        "horizon",
        "huber_delta",
        "init_range",
        "input_activation",
        "input_gate",
        "input_gate_bias",
        "input_size",
        "learning_rate",
        "loss",
        "num_layers",
        "optimizer",
        "output_activation",
        "output_gate",
        "output_gate_bias",
        "output_size",
        "peephole",
        "proj_size",
        "quantiles",
        "recurrent",
        "schedule",
        "scale_inputs",
        "scale_target",
        "seed",
        "shortcuts",
        "sparse_inputs",  # no bit differs: the graph looks at all of them
        "update",
    }
)
KNOWN_VALUES = {
    "cell": ("lstm", "gru", "rnn", "elstm"),
    "optimizer": ("sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw", "obgd"),
    "schedule": ("exponential", "inverse_time", "linear", "cosine"),
    "clip": ("norm", "value", "credit"),
}
GROUPS = frozenset({"bias", "x", "bias_hh", "h", "gates"})


class Group(NamedTuple):
    """Rows of weights in one tensor.

    Attributes:
        name: ``layer0.ifg``, ``layer0.if.own``, ``readout``.
        rows: one for each gate; empty for the readout and a projection.
        traced: whether they move the state.
        units: of each row: cells, or blocks of cells that share a gate.
        sources: name -> width, what they see and how wide it is: "bias", "x", "bias_hh", "h",
            "gates"; for diagonal weights "own", for a projection "m".
        cells: in a block; 1 where nothing is shared.
    """

    name: str
    rows: tuple[Row, ...]
    traced: bool
    units: int
    sources: dict[str, int]
    cells: int = 1

    @property
    def own(self) -> bool:
        """Whether they are diagonal weights."""
        return "own" in self.sources

    @property
    def shape(self) -> tuple[int, int]:
        """(D, R): sources, rows."""
        return sum(self.sources.values()), max(len(self.rows), 1) * self.units

    def shape_of(self, kind: str) -> tuple[int, int]:
        """Of one kind of numbers: there is a trace for each cell that shares a weight."""
        sources, rows = self.shape
        return sources, rows * (self.cells if kind == "trace" else 1)

    def kinds(self, spec: Spec) -> list[str]:
        """What there is to the weights: "weight", "trace", "moment1", "moment2", "sum"."""
        assert not isinstance(spec.optimizer, str)
        moments = [f"moment{k + 1}" for k in range(spec.optimizer.moments)]
        sums = ["sum"] if spec.update == "sequence" else []
        return ["weight", *(["trace"] if self.traced else []), *moments, *sums]


class Number(NamedTuple):
    """A tensor that is carried: its shape without the batch, and whether it is always float64."""

    shape: tuple[int, ...]
    wide: bool = False


def check_known(spec: Spec) -> None:
    """Refuse what a learner graph cannot say.

    Raises:
        ExportError: it names the option.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(spec)}
    for name, default in defaults.items():
        if name not in KNOWN and getattr(spec, name) != default:
            raise ExportError(f"a learner graph has no {name}={getattr(spec, name)!r}")
    for name, known in KNOWN_VALUES.items():
        value = getattr(getattr(spec, name), "name", getattr(spec, name))
        if value is not None and value not in known:
            raise ExportError(f"a learner graph has no {name} {value!r}")
    if unknown := {group for row in rows_of(spec) for group in row.sees} - GROUPS:
        raise ExportError(f"a learner graph has no rows that see {', '.join(sorted(unknown))}")


def groups_of(spec: Spec, layer: int) -> list[Group]:
    """The groups of a layer, those with sources first."""
    below = spec.state_size if layer else spec.seen_size
    widths = {
        "bias": int(spec.has_bias),
        "x": below,
        "bias_hh": int(spec.has_bias and has_second_bias(spec)),
        "h": spec.state_size if is_recurrent(spec) else 0,
        "gates": len(gates_of(spec)) * spec.blocks,
    }
    found: dict[tuple[tuple[str, ...], bool, bool], list[Row]] = {}
    for row in rows_of(spec):
        seen = ("own",) if row.own else row.sees
        found.setdefault((seen, row.traced, row.shared), []).append(row)
    groups = []
    for (seen, traced, shared), rows in found.items():
        name = f"layer{layer}.{''.join(row.gate for row in rows)}"
        sources = {group: widths[group] for group in seen if widths.get(group)}
        if seen == ("own",):
            name, sources = f"{name}.own", {"own": 1}
        units, cells = (spec.blocks, spec.block_size) if shared else (spec.hidden_size, 1)
        groups.append(Group(name, tuple(rows), traced, units, sources, cells))
    if spec.proj_size:
        sources = {"m": spec.hidden_size}
        groups.append(Group(f"layer{layer}.proj", (), False, spec.proj_size, sources))
    return groups


def readout_of(spec: Spec) -> Group:
    """The group of the readout."""
    widths = {
        "bias": int(spec.is_biased("readout")),
        "x": spec.seen_size if spec.shortcuts else 0,
        "h": spec.state_size,
    }
    sources = {name: width for name, width in widths.items() if width}
    return Group("readout", (), False, spec.output_size, sources)


def groups(spec: Spec) -> list[Group]:
    """All groups of a learner."""
    found = [group for layer in range(spec.num_layers) for group in groups_of(spec, layer)]
    return [*found, readout_of(spec)]


def states(spec: Spec) -> dict[str, Number]:
    """The recurrent state: h_0, c_0, h_1 …"""
    kinds = {"h": Number((spec.state_size,))}
    if spec.cell in STATEFUL:
        kinds["c"] = Number((spec.hidden_size,))
    if spec.gate_recurrence != "none":
        kinds["gates"] = Number((len(gates_of(spec)) * spec.blocks,))
    layers = range(spec.num_layers)
    return {f"{kind}_{layer}": number for layer in layers for kind, number in kinds.items()}


def prefixes(members: int) -> list[str]:
    """What the names of each of several networks in one graph begin with; nothing of one."""
    return [f"net{i}." for i in range(members)] if members > 1 else [""]


def numbers(spec: Spec) -> dict[str, Number]:
    """Everything that goes in and comes out anew, in the order of the graph's inputs."""
    found = states(spec)
    if spec.horizon:
        found |= {f"trailing.{name}": number for name, number in found.items()}
        found["ring"] = Number((spec.horizon, spec.seen_size))
        found["ring.reset"] = Number((spec.horizon,))
        found["since"] = Number((1,), wide=True)
    for group in groups(spec):
        for kind in group.kinds(spec):
            found[f"{group.name}.{kind}"] = Number(group.shape_of(kind))
    for which, width in statistics(spec).items():
        for part in ("count", "mean", "m2"):
            found[f"{which}.{part}"] = Number((width,), wide=True)
    if spec.combine_with:
        found |= _combination(spec)
    found |= {name: Number((1,), wide=True) for name in counters(spec)}
    return found


def statistics(spec: Spec) -> dict[str, int]:
    """What has running statistics, and of how many numbers."""
    found = {"input": spec.input_size} if any(spec.scaled_inputs) else {}
    return found | ({"target": spec.target_size} if spec.scale_target else {})


def counters(spec: Spec) -> list[str]:
    """Counts of rows, labels and optimiser steps, and what Adam makes of the last.

    ``reset_next`` is 1 if the next row begins a sequence, whatever ``reset`` says.
    """
    assert not isinstance(spec.optimizer, str)
    adams = ["power1", "power2"] if spec.optimizer.name in ("adam", "adamw") else []
    sums = ["summed"] if spec.update == "sequence" else []
    starts = ["schedule_start"] if spec.schedule is not None and spec.schedule.restart else []
    return ["steps", "labels", "updates", *adams, *sums, *starts, "reset_next"]


def _combination(spec: Spec) -> dict[str, Number]:
    outputs, terms = spec.output_size, 2 + len(spec.combined[0])
    found = {
        "combination": Number((outputs, terms), wide=True),
        "combination.covariance": Number((outputs, terms, terms), wide=True),
        "combination.losses": Number((outputs, terms, 3), wide=True),
        "combination.advantage": Number((outputs, 2, ADVANTAGE_SIZE), wide=True),
    }
    if spec.horizon:
        found["combination.ring"] = Number((spec.horizon, outputs, terms + 2), wide=True)
    return found
