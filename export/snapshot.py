"""What an export takes from a learner: its spec and its numbers at one moment, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner
from rtrl_lstm.parameters import without_unseen
from rtrl_lstm.spec import Spec

from .errors import ExportError


@dataclass(frozen=True)
class Snapshot:
    """A learner's numbers in float64.

    Attributes:
        spec: of the learner.
        parameters: name -> array, as ``state_dict()``: torch's names and shapes, but without the
            columns of inputs that the network does not see.
        state: name -> (n,), the recurrent state, ``h_0``, ``c_0``, ``h_1`` …, in the order of the
            graph.
        scaling: name -> array, ``input_mean``, ``input_scale`` (I,), ``target_mean``,
            ``target_scale`` (O,).
        combination: name -> array, as ``combination()``, or nothing.
        floors: of each output, what it is not below; () where there is no such thing.
    """

    spec: Spec
    parameters: dict[str, Array]
    state: dict[str, Array]
    scaling: dict[str, Array]
    combination: dict[str, Array]
    floors: tuple[float, ...] = ()


def snapshot(source: Learner | Forecaster, floors: tuple[float, ...] = ()) -> Snapshot:
    """Copy the numbers of a Learner, or of a Forecaster (its leading state).

    Args:
        floors: of a Model's schema.

    Raises:
        ExportError: some of them are not finite: the learner has diverged.
    """
    found = Snapshot(
        source.spec,
        without_unseen(_copy(source.state_dict()), source.spec),
        _copy(source.state()),
        _copy(source.scaling()),
        _copy(source.combination()),
        floors,
    )
    for name, values in {**found.parameters, **found.state, **found.combination}.items():
        if not np.isfinite(values).all():
            raise ExportError(f"{name} has numbers that are not finite: the learner has diverged")
    return found


def _copy(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Array]:
    return {name: np.array(array, np.float64) for name, array in arrays.items()}
