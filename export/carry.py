"""An engine's numbers as those that a learner graph carries, and back.

The one place that knows how both name and lay out the same numbers. All arrays are float64.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from rtrl_lstm.blocks import list_all_inputs
from rtrl_lstm.cells import gates_of
from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster, kind_of
from rtrl_lstm.kernels import slots
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import Spec

from . import plan

Net = Learner | Forecaster
COUNTERS = {
    "steps": slots.H_STEPS,
    "labels": slots.H_LABELS,
    "updates": slots.H_UPDATES,
    "power1": slots.H_POWER1,
    "power2": slots.H_POWER2,
    "summed": slots.H_SUMMED,
    "schedule_start": slots.H_SCHEDULE_START,
    "reset_next": slots.H_RESET_NEXT,
}


def numbers_of(net: Net) -> dict[str, Array]:
    """Everything that `plan.numbers` of the spec speaks of, without the batch."""
    net.finish()
    spec, layout, block = net.spec, net.layout, net.block
    head = layout.head(block)

    def read(name: str) -> Array:
        return layout.read(block, name).astype(np.float64)

    found = {name: read(array) for name, array in _plain(spec)}
    for name, arrays in _seen_gates(spec).items():
        found[name] = np.concatenate([read(array)[: spec.blocks] for array in arrays])
    for group in plan.groups(spec):
        for kind in group.kinds(spec):
            found[f"{group.name}.{kind}"] = _group(group, kind, read)
    for name in plan.counters(spec):
        found[name] = head[COUNTERS[name], None].copy()
    if spec.horizon:
        found["since"] = head[slots.H_STEPS, None] - head[slots.H_RESET_STEP]
        for name in _rings(spec):
            found[name] = np.roll(found[name], -(int(head[slots.H_STEPS]) % spec.horizon), axis=0)
    return {name: found[name] for name in plan.numbers(spec)}


def write_numbers(net: Net, numbers: Mapping[str, Array], learning_rate: float) -> None:
    """The inverse of `numbers_of`, on a new learner of the same spec."""
    spec, layout, block = net.spec, net.layout, net.block
    head = layout.head(block)
    steps = int(numbers["steps"][0])
    for name, array in _plain(spec):
        values = numbers[name]
        if name in _rings(spec):
            values = np.roll(values, steps % spec.horizon, axis=0)
        layout.write(block, array, values)
    for name, arrays in _seen_gates(spec).items():
        for array, part in zip(arrays, np.split(numbers[name], len(arrays)), strict=True):
            values = layout.read(block, array)
            values[: spec.blocks] = part
            layout.write(block, array, values)
    for name, array in _doubled(spec):
        layout.write(block, array, numbers[name])
    for group in plan.groups(spec):
        for kind in group.kinds(spec):
            for array, values in _parts(spec, group, kind, numbers[f"{group.name}.{kind}"]):
                layout.write(block, array, values)
    for name in plan.counters(spec):
        if name != "reset_next":
            head[COUNTERS[name]] = numbers[name][0]
    if spec.horizon:
        head[slots.H_RESET_STEP] = steps - numbers["since"][0]
    head[slots.H_PENDING] = slots.NOTHING
    list_all_inputs(layout, block)
    net.learning_rate = learning_rate
    if numbers["reset_next"][0]:
        net.reset()


def _plain(spec: Spec) -> Iterator[tuple[str, str]]:
    """Arrays that are the same in both: (ours, the engine's)."""
    stateful = spec.cell in plan.STATEFUL
    for layer in range(spec.num_layers):
        leading = f"lead.layer{layer}" if spec.horizon else f"layer{layer}"
        yield f"h_{layer}", f"{leading}.h"
        if stateful:
            yield f"c_{layer}", f"{leading}.s"
        if spec.horizon:
            yield f"trailing.h_{layer}", f"layer{layer}.h"
            if stateful:
                yield f"trailing.c_{layer}", f"layer{layer}.s"
    for name in _rings(spec):
        yield name, name
    for which in plan.statistics(spec):
        for part in ("count", "mean", "m2"):
            yield f"{which}.{part}", f"{which}.{part}"
    if spec.combine_with:
        yield "combination", "combination"
        yield "combination.covariance", "combination.covariance"
        yield "combination.losses", "combination.losses"
        yield "combination.advantage", "combination.advantage"


def _seen_gates(spec: Spec) -> dict[str, list[str]]:
    """The gates that the next row sees, in one array of ours, and the engine's arrays of them."""
    if spec.gate_recurrence == "none":
        return {}
    found = {}
    for layer in range(spec.num_layers):
        prefixes = {"": f"lead.layer{layer}" if spec.horizon else f"layer{layer}"}
        if spec.horizon:
            prefixes["trailing."] = f"layer{layer}"
        for ours, prefix in prefixes.items():
            found[f"{ours}gates_{layer}"] = [f"{prefix}.{gate}.gate" for gate in gates_of(spec)]
    return found


def _doubled(spec: Spec) -> Iterator[tuple[str, str]]:
    """Where a gru's h is its state, the engine has it twice."""
    if spec.cell == "gru":
        for layer in range(spec.num_layers):
            leading = f"lead.layer{layer}" if spec.horizon else f"layer{layer}"
            yield f"h_{layer}", f"{leading}.s"
            if spec.horizon:
                yield f"trailing.h_{layer}", f"layer{layer}.s"


def _rings(spec: Spec) -> list[str]:
    """What the engine has in a ring, and a graph with the oldest row first."""
    if not spec.horizon:
        return []
    return ["ring", "ring.reset", *(["combination.ring"] if spec.combine_with else [])]


def _group(group: plan.Group, kind: str, read: Callable[[str], Array]) -> Array:
    """One kind of a group's numbers, (D, R)."""
    if group.rows:
        layer, (sources, _) = group.name.split(".")[0], group.shape
        rows = [read(f"{layer}.{row.name}.{kind}") for row in group.rows]
        return np.concatenate([row.reshape(-1, sources) for row in rows]).T
    if group.name != "readout":
        return read(f"{group.name}.{kind}").T
    # The readout lies in two arrays: (n, O), and (O, bias and shortcuts).
    return np.concatenate([read(f"readout.direct.{kind}").T, read(f"readout.{kind}")])


def _parts(spec: Spec, group: plan.Group, kind: str, values: Array) -> Iterator[tuple[str, Array]]:
    """The inverse of `_group`: the engine's arrays."""
    if group.rows:
        layer = group.name.split(".")[0]
        for row, part in zip(group.rows, np.split(values.T, len(group.rows)), strict=True):
            if kind == "trace" and group.cells > 1:  # the first cells of all blocks, the second …
                part = part.reshape(group.cells, group.units, -1)
            yield f"{layer}.{row.name}.{kind}", part
        return
    if group.name != "readout":
        yield f"{group.name}.{kind}", values.T
        return
    direct = len(values) - spec.state_size
    yield f"readout.direct.{kind}", values[:direct].T
    yield f"readout.{kind}", values[direct:]


def restored(spec: Spec, numbers: Mapping[str, Array], learning_rate: float) -> Net:
    """A Learner or Forecaster of the spec with those numbers."""
    net = kind_of(spec).new(spec)
    write_numbers(net, numbers, learning_rate)
    return net
