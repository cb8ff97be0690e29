"""Graphs that `to_onnx` wrote, back into the engine."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.cells import rows_of
from rtrl_lstm.combined import history_of
from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import kind_of
from rtrl_lstm.parameters import widened, with_unseen, without_unseen
from rtrl_lstm.spec import Spec
from rtrl_lstm.unknown import refuse_unknown

from .. import carry, plan, suspicion
from ..errors import GraphFileError
from ..graphfile import GraphFile
from ..operators import GATES, PEEPHOLES
from .network import SETTLED, Net, Scaling, write_scaling

LEARNING = (
    "loss",
    "output_activation",
    "output_size",
    "scale_inputs",
    "scale_target",
    "horizon",
    "every_step",
)
"""Options that are settled, too, in a graph of ours: its numbers mean something by them."""


def learner_of(file: GraphFile, options: Mapping[str, Any]) -> Net:
    """The learner that a graph of ours was exported from, as far as the graph knows.

    Raises:
        GraphFileError: the graph has not the weights that its metadata speaks of.
        ValueError: an option contradicts it.
        TypeError: there is no such option.
    """
    refuse_unknown(options)
    if file.provenance.members > 1:
        raise GraphFileError(
            f"it holds {file.provenance.members} networks whose forecasts are mixed, and a learner "
            "begins with one"
        )
    found = file.provenance.spec
    settled = options.keys() & (SETTLED | set(LEARNING))
    if wrong := [name for name in sorted(settled) if options[name] != getattr(found, name)]:
        said = ", ".join(f"{name} is {getattr(found, name)!r}" for name in wrong)
        raise ValueError(f"that is settled by the graph: {said}")
    spec = dataclasses.replace(found, **options)
    if file.provenance.graph == "learner":
        numbers = {name: value[0].astype(np.float64) for name, value in file.state.items()}
        rate = options.get("learning_rate", float(file.settings["learning_rate"][0, 0]))
        if dataclasses.replace(spec, learning_rate=found.learning_rate) == found:
            return carry.restored(found, numbers, rate)
        return _with(spec, {n: numbers[n] for n in _lasting(found)}, rate)
    return _from_forward(file, spec)


def _lasting(spec: Spec) -> list[str]:
    """What means the same whatever the rule and the optimiser are."""
    ends = (".weight", ".count", ".mean", ".m2", "combination", "combination.covariance")
    states = plan.states(spec)
    return [n for n in plan.numbers(spec) if n in states or n.endswith(ends)]


def _with(spec: Spec, numbers: Mapping[str, Array], rate: float) -> Net:
    """A learner that is fresh but for some numbers."""
    everything = {**carry.numbers_of(kind_of(spec).new(spec)), **numbers}
    return carry.restored(spec, everything, rate)


def _from_forward(file: GraphFile, spec: Spec) -> Net:
    """From a step or sequence graph: weights, state and scaling."""
    model = suspicion.parse(file.data)
    given = _widened(suspicion.numbers(model, file.provenance))
    fresh = kind_of(spec).new(spec)
    wanted = without_unseen(fresh.state_dict(), spec)
    try:
        parameters = {name: _parameter(name, value, given, spec) for name, value in wanted.items()}
        fresh.load_state_dict(with_unseen(parameters, spec))
        numbers = carry.numbers_of(fresh)
        numbers |= {name: value[0].astype(np.float64) for name, value in file.state.items()}
        _add_scaling(numbers, given, spec)
        return carry.restored(spec, numbers, spec.learning_rate)
    except (KeyError, ValueError) as error:
        raise GraphFileError(f"altered: it lacks numbers of its own ({error})") from error


def _widened(numbers: Mapping[str, NDArray[Any]]) -> dict[str, Array]:
    """All as float64, int8 levels times their scales."""
    with np.errstate(invalid="ignore"):  # a damaged number may be a signalling NaN
        return {
            name: value.astype(np.float64)
            * (numbers[f"{name}.scale"] if value.dtype == np.int8 else 1)
            for name, value in numbers.items()
        }


def _parameter(name: str, fresh: Array, given: Mapping[str, Array], spec: Spec) -> Array:
    """One of the engine's parameters."""
    if name.startswith("readout."):
        return given[name]
    kind, _, k = name.rpartition("_l")
    if f"W_l{k}" in given:
        return _of_operator(kind, k, fresh, given, spec)
    if kind.startswith("bias") and spec.cell != "gru":  # there is one, the sum of the two
        return np.zeros_like(fresh) if kind == "bias_hh" else _per_block(given[f"bias_l{k}"], spec)
    value = given[name]
    return _per_block(value, spec) if kind in ("weight_ih", "weight_hh", "weight_gates") else value


def _per_block(values: Array, spec: Spec) -> Array:
    """A row for each block where the graph has one for each cell."""
    if spec.block_size == 1:
        return values
    rows = [row for row in rows_of(spec) if not row.own]
    parts = zip(rows, np.split(values, len(rows)), strict=True)
    return np.concatenate([part[: spec.blocks] if row.shared else part for row, part in parts])


def _of_operator(kind: str, k: str, fresh: Array, given: Mapping[str, Array], spec: Spec) -> Array:
    """A parameter from the weights of ONNX's operator."""
    order = GATES[spec.cell]
    gates = [row.gate for row in rows_of(spec) if not row.own and row.gate != "n_h"]
    if kind == "weight_hr":
        return given[f"weight_hr_l{k}"]
    if kind == "weight_own":
        order, source = PEEPHOLES, given[f"P_l{k}"][0]
        gates = [row.gate for row in rows_of(spec) if row.own]
    elif kind.startswith("bias"):
        source = np.split(given[f"B_l{k}"][0], 2)[kind == "bias_hh"]
    else:
        source = given[f"{'W' if kind == 'weight_ih' else 'R'}_l{k}"][0]
    parts = dict(zip(order, np.split(source, len(order)), strict=True))
    found: Array = np.concatenate([parts[gate] for gate in gates])
    return found.reshape(fresh.shape)


def _add_scaling(numbers: dict[str, Array], given: Mapping[str, Array], spec: Spec) -> None:
    """Statistics: the graph has mean and scale, and not how many rows they are of."""
    if "input_scale" in given and "input.count" in numbers:
        mean = given["input_mean"] + given.get("input_mean_rest", 0.0)
        # What the network does not see has none.
        mean, scale = (widened(v[None], spec)[0] for v in (mean, given["input_scale"]))
        constant = scale == 0
        sd = 1.0 / np.where(constant, 1.0, scale)
        write_scaling(numbers, "input", Scaling(mean, sd), spec.input_size)
        numbers["input.m2"] = np.where(constant, 0.0, numbers["input.m2"])
    if "target_scale" in given and "target.count" in numbers:
        target = Scaling(given["target_mean"], given["target_scale"])
        write_scaling(numbers, "target", target, spec.target_size)
    if "combination.weights" in given:
        squares = np.column_stack((given["combination.bias"], given["combination.weights"]))
        shares = given["combination.squares"][:, 0], given["combination.alone"]
        losses, advantage = history_of(*shares, given["target_scale"])
        losses = np.where(numbers["combination.losses"] < 0.0, 0.0, losses)
        numbers["combination"] = squares
        numbers["combination.losses"] = losses + np.minimum(numbers["combination.losses"], 0.0)
        numbers["combination.advantage"] = advantage
