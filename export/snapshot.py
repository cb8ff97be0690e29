"""What an export takes from a learner: its spec and its numbers at one moment, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import Spec

from .errors import ExportError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Snapshot:
    """A learner's numbers in float64.

    Attributes
    ----------
    spec : Spec
    parameters : dict of name -> array
        As ``state_dict()``: torch's names and shapes.
    state : dict of name -> array of shape (n,)
        The recurrent state, ``h_0``, ``c_0``, ``h_1`` …, in the order of the graph.
    scaling : dict of name -> array
        ``input_mean``, ``input_scale`` (I,), ``target_mean``, ``target_scale`` (O,).
    combination : dict of name -> array
        As ``combination()``: ``bias``, ``network`` (O,) and ``inputs`` (O, I), or nothing.
    """

    spec: Spec
    parameters: dict[str, FloatArray]
    state: dict[str, FloatArray]
    scaling: dict[str, FloatArray]
    combination: dict[str, FloatArray]


def snapshot(source: Learner | Forecaster) -> Snapshot:
    """Copy the numbers of a Learner, or of a Forecaster (its leading state).

    Raises
    ------
    ExportError
        Some of them are not finite: the learner has diverged.
    """
    found = Snapshot(
        source.spec,
        _copy(source.state_dict()),
        _copy(source.state()),
        _copy(source.scaling()),
        _copy(source.combination()),
    )
    for name, values in {**found.parameters, **found.state, **found.combination}.items():
        if not np.isfinite(values).all():
            raise ExportError(f"{name} has numbers that are not finite: the learner has diverged")
    return found


def _copy(arrays: Mapping[str, NDArray[Any]]) -> dict[str, FloatArray]:
    return {name: np.array(array, np.float64) for name, array in arrays.items()}
