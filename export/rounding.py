"""What it costs to round the weights, as `storage` does: told before a graph is written."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.ensemble import AnyLearner, Ensemble
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner

from . import verify
from .errors import ExportError
from .snapshot import scaling_of, state_of
from .storage import rounded


def with_rounded_weights(net: AnyLearner, precision: str) -> AnyLearner:
    """A copy of a learner that holds what a graph of that precision holds.

    Raises:
        ExportError: a weight is too large for float16.
    """
    if isinstance(net, Ensemble):
        return net.each(lambda member: _rounded(member, precision))
    return _rounded(net, precision)


def _rounded(net: Learner | Forecaster, precision: str) -> Learner | Forecaster:
    found = copy.copy(net)
    weights: Mapping[str, NDArray[Any]] = net.state_dict()
    kept = {
        name: rounded(values, precision) if values.ndim == 2 else values
        for name, values in weights.items()
    }
    for name, values in kept.items():
        if not np.isfinite(values).all():
            raise ExportError(f"{name} has numbers that {precision} cannot hold: export in float32")
    found.load_state_dict(kept)
    return found


def cost(exact: AnyLearner, coarse: AnyLearner, said: str) -> dict[str, float]:
    """What rounding costs: two frozen learners side by side, left running over random rows.

    `said` is what the graph calls its forecast.

    Returns:
        A dict of output name -> largest difference, as a fraction of the largest number that the
        output takes. Both learners are used up.
    """
    x = verify.random_rows(scaling_of(exact), exact.spec, verify.ROWS, "float32")
    largest: dict[str, float] = {}
    sizes: dict[str, float] = {}
    for row in x:
        right, rough = (_outputs(net, row, said) for net in (exact, coarse))
        for name, value in right.items():
            off = float(np.abs(value - rough[name]).max())
            largest[name] = max(largest.get(name, 0.0), off)
            sizes[name] = max(sizes.get(name, 0.0), float(np.abs(value).max()))
    tiny = np.finfo(np.float64).tiny
    return {name: off / max(sizes[name], tiny) for name, off in largest.items()}


def _outputs(net: AnyLearner, row: NDArray[np.floating], said: str) -> dict[str, Any]:
    y = net.step(row, None)
    return {said: y} | {f"{name}_out": value for name, value in state_of(net).items()}
