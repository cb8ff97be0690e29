"""What an export takes from a learner: its spec and its numbers at one moment, by name.

A forward graph may hold several networks, whose forecasts are mixed by shares that stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.ensemble import AnyLearner, Ensemble
from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner
from rtrl_lstm.parameters import without_unseen
from rtrl_lstm.spec import Spec

from . import plan
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
    """

    spec: Spec
    parameters: dict[str, Array]
    state: dict[str, Array]
    scaling: dict[str, Array]
    combination: dict[str, Array]


@dataclass(frozen=True)
class Networks:
    """What a forward graph holds: one network, or those of an ensemble.

    Attributes:
        members: their numbers. They see the same rows, and are of one spec but for seed and rate.
        shares: (M, O), what the forecast of each counts for in each output, in all 1.
        floors: of each output, what it is not below; () where there is no such thing.
    """

    members: tuple[Snapshot, ...]
    shares: Array
    floors: tuple[float, ...] = ()

    @property
    def spec(self) -> Spec:
        """That of the first."""
        return self.members[0].spec

    @property
    def named(self) -> list[tuple[str, Snapshot]]:
        """Each with what its names in the graph begin with."""
        return list(zip(plan.prefixes(len(self.members)), self.members, strict=True))


def networks(source: AnyLearner, floors: tuple[float, ...] = ()) -> Networks:
    """Copy the numbers of all networks of a learner.

    Args:
        floors: of a Model's schema.

    Raises:
        ExportError: some of them are not finite: the learner has diverged.
    """
    if not isinstance(source, Ensemble):
        return Networks((snapshot(source),), np.ones((1, source.spec.output_size)), floors)
    shares = source.mixture.shares(source.spec)
    return Networks(tuple(map(snapshot, source.members)), shares, floors)


def state_of(source: AnyLearner) -> dict[str, NDArray[Any]]:
    """The recurrent states of all networks of a learner, as a graph names them."""
    each = source.members if isinstance(source, Ensemble) else (source,)
    named = zip(plan.prefixes(len(each)), each, strict=True)
    return {f"{of}{name}": value for of, one in named for name, value in one.state().items()}


def scaling_of(source: AnyLearner) -> dict[str, Array]:
    """The scaling of a learner; all networks of an ensemble, which see the same rows, have it."""
    return (source.members[0] if isinstance(source, Ensemble) else source).scaling()


def snapshot(source: Learner | Forecaster) -> Snapshot:
    """Copy the numbers of a Learner, or of a Forecaster (its leading state).

    Raises:
        ExportError: some of them are not finite: the learner has diverged.
    """
    found = Snapshot(
        source.spec,
        without_unseen(_copy(source.state_dict()), source.spec),
        _copy(source.state()),
        _copy(source.scaling()),
        _copy(source.combination()),
    )
    for name, values in {**found.parameters, **found.state, **found.combination}.items():
        if not np.isfinite(values).all():
            raise ExportError(f"{name} has numbers that are not finite: the learner has diverged")
    return found


def _copy(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Array]:
    return {name: np.array(array, np.float64) for name, array in arrays.items()}
