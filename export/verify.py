"""Every graph is run in onnxruntime against the engine before anybody gets it.

From the same state, row by row or in short stretches: a chaotic net would make even equal functions
drift apart when left running, so each row or stretch is given the state that the engine had before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.ensemble import AnyLearner
from rtrl_lstm.fields import Array
from rtrl_lstm.spec import Spec

from .errors import ExportError
from .provenance import Provenance
from .runtime import start
from .snapshot import Networks, scaling_of, state_of

ROWS = 300
"""Rows of the trial; half of them after a reset, from a state of zero."""

STRETCH = 5
"""Rows of the trial that a sequence graph takes at once, each stretch as a stream of its own."""

LIMIT = {"float64": 1e-12, "float32": 1e-4}
"""How far an output may be off, as a fraction of the largest that it takes in the trial."""

WILD = 1e3
"""A state beyond this grows without bound, as that of a relu may: it begins anew."""


@dataclass(frozen=True)
class Trial:
    """What the engine made of `ROWS` random rows.

    Attributes:
        x, y: (T, I) and (T, O), rows and what it said.
        before, after: state name -> (T, n), the state before and after each row.
    """

    x: Array
    y: Array
    before: dict[str, Array]
    after: dict[str, Array]


class Run(NamedTuple):
    """What a graph is fed, and what it has to give."""

    fed: dict[str, Array]
    expected: dict[str, Array]


COARSEST = 1e-2
"""How far rounding may move an input, in standard deviations."""


def check_inputs(scaling: Mapping[str, Array], names: Sequence[str], precision: str) -> None:
    """Refuse a precision that cannot tell an input's values apart, being far from zero.

    The engine takes float64 rows and scales them before it rounds, a float32 graph is fed
    float32: milliseconds since 1970 are then two minutes apart.

    Raises:
        ExportError: rounding would move an input by more than `COARSEST` standard deviations.
    """
    mean, scale = scaling["input_mean"], scaling["input_scale"]
    moved = np.abs(mean) * scale * (np.finfo(precision).eps / 2)
    worst = int(np.argmax(moved))
    if moved[worst] > COARSEST:
        raise ExportError(
            f"{precision} is too coarse for the input {names[worst]!r} (about {mean[worst]:.6g}, "
            f"standard deviation {1 / scale[worst]:.3g}): export with precision float64"
        )


def verify(
    data: bytes, numbers: Networks, frozen: AnyLearner, provenance: Provenance
) -> dict[str, float]:
    """Run the graph against the engine.

    Args:
        data: of the graph file.
        numbers: of the learner, at export.
        frozen: what ``frozen()`` gave: it starts at the exported state, and is used up.
        provenance: which graph it is, and of which precision.

    Returns:
        A dict of output name -> largest difference, as a fraction of the largest number that output
        takes: each column of the forecasts by itself, all units of a state together.

    Raises:
        ExportError: an output differs by more than `LIMIT`, of the coarser of the two precisions.
    """
    precision = str(provenance.dtype)
    rows = random_rows(scaling_of(frozen), frozen.spec, ROWS, precision)
    trial = _run_engine(rows, frozen)
    sizes = _sizes(trial, provenance)
    if numbers.floors:
        trial = replace(trial, y=np.maximum(trial.y, numbers.floors))
    session = start(data, "cpu")
    differences = dict.fromkeys(sizes, 0.0)
    for run in (_as_rows if provenance.graph == "step" else _as_stretches)(trial):
        fed = {name: values.astype(precision) for name, values in run.fed.items()}
        for name, found in zip(sizes, session.run(list(sizes), fed), strict=True):
            off = np.abs(found - run.expected[name]) / sizes[name]
            differences[name] = float(np.max([differences[name], off.max()]))
    refuse_if_wrong(differences, provenance)
    return differences


def refuse_if_wrong(differences: dict[str, float], provenance: Provenance) -> None:
    """Compare differences with `LIMIT`, of the coarser of the engine's dtype and the graph's.

    Raises:
        ExportError: it names the outputs that differ by more, and by how much.
    """
    limit = max(LIMIT[str(provenance.dtype)], LIMIT[provenance.spec.dtype])
    # Turned round, so that a NaN is refused as well.
    wrong = {name: off for name, off in differences.items() if not off <= limit}
    if wrong:
        what = ", ".join(f"{name} by {off:.2g}" for name, off in wrong.items())
        raise ExportError(
            f"the graph differs from the learner: {what} of its size, where {limit:.0e} is "
            "allowed; nothing was written"
        )


def _as_rows(trial: Trial) -> list[Run]:
    """For a step graph: all rows as a batch, each from the state before it."""

    def run(rows: slice, states: dict[str, Array]) -> Run:
        after = {f"{name}_out": values[rows] for name, values in trial.after.items()}
        return Run({"x": trial.x[rows], **states}, {"y": trial.y[rows], **after})

    # The first by itself, and with no state given: the graph has to hold the state at export.
    return [run(slice(None), trial.before), run(slice(1), {})]


def _as_stretches(trial: Trial) -> list[Run]:
    """For a sequence graph: stretches as a batch, each from the state before it."""

    def cut(values: Array) -> Array:
        return values.reshape(-1, STRETCH, values.shape[1]).swapaxes(0, 1)

    def run(streams: slice, states: dict[str, Array]) -> Run:
        after = {f"{name}_out": cut(values)[-1, streams] for name, values in trial.after.items()}
        X, Y = cut(trial.x)[:, streams], cut(trial.y)[:, streams]
        return Run({"X": X, **states}, {"Y": Y, **after})

    before = {name: cut(values)[0] for name, values in trial.before.items()}
    return [run(slice(None), before), run(slice(1), {})]


def _sizes(trial: Trial, provenance: Provenance) -> dict[str, Array]:
    """For each output the largest number that it takes in the trial, and never 0."""
    found = {provenance.ends[1]: np.abs(trial.y).max(0)}
    for name, values in trial.after.items():
        found[f"{name}_out"] = np.abs(values).max()
    return {name: np.maximum(size, np.finfo(np.float64).tiny) for name, size in found.items()}


def _run_engine(x: Array, frozen: AnyLearner) -> Trial:
    y, before, after = [], [], [state_of(frozen)]
    for t in range(ROWS):
        if t == ROWS // 2 or (t > 0 and t % STRETCH == 0 and _is_wild(after[-1])):
            frozen.reset()
            before.append(state_of(frozen))
        else:
            before.append(after[-1])
        y.append(frozen.step(x[t], None))
        after.append(state_of(frozen))
    return Trial(
        x,
        np.array(y, np.float64),
        {name: _stack(before, name) for name in after[0]},
        {name: _stack(after[1:], name) for name in after[0]},
    )


def _is_wild(state: dict[str, NDArray[Any]]) -> bool:
    return any(bool((np.abs(values) > WILD).any()) for values in state.values())


def _stack(states: list[dict[str, NDArray[Any]]], name: str) -> Array:
    return np.array([state[name] for state in states], np.float64)


def random_rows(scaling: Mapping[str, Array], spec: Spec, count: int, precision: str) -> Array:
    """Raw rows (T, I) that, scaled, have a spread of 1.5: enough to saturate some gates.

    Forecasts of a target that the network does not see are about where that target is. Rounded to
    the graph's precision, so that the engine sees the same ones.
    """
    mean, scale = scaling["input_mean"].copy(), scaling["input_scale"].copy()
    for output, inputs in enumerate(spec.combined):
        unseen = [k for k in inputs if k in spec.combine_only]
        mean[unseen] = scaling["target_mean"][output]
        scale[unseen] = 1.0 / scaling["target_scale"][output]
    spread = 1.5 / np.where(scale > 0, scale, 1.0)
    z = np.random.default_rng(0).standard_normal((count, len(scale)))
    rows = mean + spread * z
    return rows.astype(precision).astype(np.float64)
