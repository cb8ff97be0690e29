"""Every graph is run in onnxruntime against the engine before anybody gets it.

Row by row from the same state: a chaotic net would make even equal functions drift apart when
left running, so each row is given the state that the engine had before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner

from .errors import ExportError
from .runtime import start
from .snapshot import FloatArray, Snapshot

ROWS = 300
"""Rows of the trial; half of them after a reset, from a state of zero."""

LIMIT = {"float64": 1e-12, "float32": 1e-4}
"""How far an output may be off, as a fraction of the largest that it takes in the trial."""


@dataclass(frozen=True)
class Trial:
    """What the engine made of `ROWS` random rows.

    Attributes
    ----------
    x : array of shape (T, I)
    before : dict of state name -> (T, n)
    after : dict of output name -> (T, O) for ``y``, (T, n) for ``h_0_out`` …
    """

    x: FloatArray
    before: dict[str, FloatArray]
    after: dict[str, FloatArray]


COARSEST = 1e-2
"""How far rounding may move an input, in standard deviations."""


def check_inputs(numbers: Snapshot, names: Sequence[str], precision: str) -> None:
    """Refuse a precision that cannot tell an input's values apart, being far from zero.

    The engine takes float64 rows and scales them before it rounds, a float32 graph is fed
    float32: milliseconds since 1970 are then two minutes apart.

    Raises
    ------
    ExportError
        Rounding would move an input by more than `COARSEST` standard deviations.
    """
    mean, scale = numbers.scaling["input_mean"], numbers.scaling["input_scale"]
    moved = np.abs(mean) * scale * (np.finfo(precision).eps / 2)
    worst = int(np.argmax(moved))
    if moved[worst] > COARSEST:
        raise ExportError(
            f"{precision} is too coarse for the input {names[worst]!r} (about {mean[worst]:.6g}, "
            f"standard deviation {1 / scale[worst]:.3g}): export in float64"
        )


def verify(
    data: bytes, numbers: Snapshot, frozen: Learner | Forecaster, precision: str
) -> dict[str, float]:
    """Run the graph against the engine.

    Parameters
    ----------
    data : bytes
        Of the graph file.
    numbers : Snapshot
        Of the learner, at export.
    frozen : Learner or Forecaster
        What ``frozen()`` gave: it starts at the exported state, and is used up.
    precision : "float32" or "float64"
        Of the graph.

    Returns
    -------
    dict of output name -> largest difference
        As a fraction of the largest number that output takes.

    Raises
    ------
    ExportError
        An output differs by more than `LIMIT`, of the coarser of the two precisions.
    """
    trial = _run_engine(_rows(numbers, precision), numbers, frozen)
    session = start(data, "cpu")
    names = list(trial.after)
    x = trial.x.astype(precision)
    before = {name: rows.astype(precision) for name, rows in trial.before.items()}
    found = session.run(names, {"x": x, **before})
    # By itself, and with no state given: the graph has to hold the state at export.
    first = session.run(names, {"x": x[:1]})
    limit = max(LIMIT[precision], LIMIT[numbers.spec.dtype])
    differences = {}
    for name, whole, single in zip(names, found, first, strict=True):
        expected = trial.after[name]
        off = np.abs(np.concatenate([whole, single]) - np.concatenate([expected, expected[:1]]))
        size = np.maximum(np.abs(expected).max(0), np.finfo(np.float64).tiny)
        differences[name] = float((off / size).max())
    # Turned round, so that a NaN is refused as well.
    wrong = {name: off for name, off in differences.items() if not off <= limit}
    if wrong:
        what = ", ".join(f"{name} by {off:.2g}" for name, off in wrong.items())
        raise ExportError(
            f"the graph differs from the learner: {what} of its size, where {limit:.0e} is "
            "allowed; nothing was written"
        )
    return differences


def _run_engine(x: FloatArray, numbers: Snapshot, frozen: Learner | Forecaster) -> Trial:
    y, before, after = [], [], []
    for t in range(ROWS):
        if t == ROWS // 2:
            frozen.reset()
        before.append(frozen.state())
        y.append(frozen.step(x[t], None))
        after.append(frozen.state())
    follow = {f"{name}_out": _stack(after, name) for name in numbers.state}
    return Trial(
        x,
        {name: _stack(before, name) for name in numbers.state},
        {"y": np.array(y, np.float64), **follow},
    )


def _stack(states: list[dict[str, NDArray[Any]]], name: str) -> FloatArray:
    return np.array([state[name] for state in states], np.float64)


def _rows(numbers: Snapshot, precision: str) -> FloatArray:
    """Raw rows (T, I) that, scaled, have a spread of 1.5: enough to saturate some gates.

    Rounded to the graph's precision, so that the engine sees the same ones.
    """
    scale = numbers.scaling["input_scale"]
    spread = 1.5 / np.where(scale > 0, scale, 1.0)
    z = np.random.default_rng(0).standard_normal((ROWS, len(scale)))
    rows = numbers.scaling["input_mean"] + spread * z
    return rows.astype(precision).astype(np.float64)
