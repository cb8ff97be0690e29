"""Ensemble: several learners on one stream, whose forecasts are mixed by their recent losses.

What one learner gets wrong by the chance of its initial weights, others get wrong elsewhere, and a
mean of their forecasts errs less than they do (Hansen & Salamon 1990; Perrone & Cooper 1993). And
where they learn at different rates, the stream decides which of them is heard. It costs what its
members cost.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster, kind_of
from rtrl_lstm.kernels import mixture
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import Spec

RATES = (1e-3, 3e-3, 1e-2)
"""Learning rates among which a stream chooses, where the rate is "auto"."""

_KINDS = {"log_loss": mixture.PROBABILITY, "cross_entropy": mixture.CLASS}


class Mixture:
    """How well each of several learners did of late, and their forecasts mixed by that.

    Attributes:
        losses: (M, K) of each of M learners for each of K labels, NaN where there was none yet.
    """

    def __init__(self, spec: Spec, members: int) -> None:
        self._frozen = False
        self.begin(spec, members)

    def begin(self, spec: Spec, members: int) -> None:
        """Know nothing of any learner."""
        self.losses = np.full((members, spec.target_size), np.nan)
        self._ring = np.zeros((max(spec.horizon, 1), members, spec.output_size))
        self._since = np.zeros(1, np.int64)

    def mix(self, spec: Spec, said: Array, labels: Array, begins: Array) -> Array:
        """The forecasts (T, O) of what the learners said (T, M, O), and learn from the labels."""
        mixed = np.empty((said.shape[0], said.shape[2]))
        kind = _KINDS.get(spec.loss, mixture.NUMBERS)
        own = self.losses, self._ring, self._since
        mixture.mix(kind, spec.horizon, self._frozen, said, labels, begins, *own, mixed)
        return mixed

    def reset(self) -> None:
        """A new sequence begins: labels to come are of no forecast made so far."""
        self._since[0] = 0

    def grow(self, spec: Spec) -> None:
        """There are more outputs: what was said of the others is nothing."""
        more = spec.output_size - self._ring.shape[2]
        self._ring = np.pad(self._ring, ((0, 0), (0, 0), (0, more)))

    def freeze(self) -> None:
        """Learn no more."""
        self._frozen = True

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "losses": self.losses.tolist(),
            "ring": self._ring.tolist(),
            "since": int(self._since[0]),
            "frozen": self._frozen,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave. Raises ValueError where the sizes are others."""
        for name, mine in (("losses", self.losses), ("ring", self._ring)):
            found = np.array(saved[name], np.float64)
            if found.shape != mine.shape:
                raise ValueError(f"a mixture's {name} have the shape {found.shape}")
            mine[:] = found
        self._since[0] = saved["since"]
        self._frozen = saved["frozen"]


class Ensemble:
    """M learners, or forecasters where the Spec has a horizon; each sees every row.

    Member i is bit for bit the learner of the seed `spec.seed + i` and of its rate, alone on that
    stream.

    Args:
        members: the learners, of one Spec but for the seed and the learning rate.
        rates: the rates of theirs, which take turns.

    Attributes:
        members: the learners.
        spec: what each of them is; its seed and rate are the first one's.
        mixture: what is made of their forecasts.
    """

    def __init__(self, members: Sequence[Learner | Forecaster], rates: Sequence[float]) -> None:
        self.members = tuple(members)
        self.rates = tuple(rates)
        self.spec = self.members[0].spec
        self.mixture = Mixture(self.spec, len(self.members))

    @classmethod
    def of(cls, spec: Spec, rates: Sequence[float], blocks: NDArray[np.uint8]) -> Self:
        """The ensemble of `spec` with the blocks (M, nbytes), copied."""
        kind = kind_of(spec)
        specs = (_spec_of(spec, rates, i) for i in range(len(blocks)))
        return cls([kind.of(one, block) for one, block in zip(specs, blocks, strict=True)], rates)

    def step(self, x: ArrayLike, y: Any = None, weight: float = 1.0) -> Array:
        """One row for all; returns the mixed forecast, (output_size,) float64."""
        said = np.stack([member.step(x, y, weight) for member in self.members])
        labels = np.full(self.spec.target_size, np.nan)
        if y is not None and weight != 0.0:
            labels[:] = y
        mixed: Array = self._mixed(said[np.newaxis], labels[np.newaxis], np.zeros(1, np.bool_))[0]
        return mixed

    def run(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        reset: ArrayLike | None = None,
    ) -> Array:
        """Many rows for all, (T, output_size) float64, as so many calls of `step` would say it."""
        rows = self.prepare(X, Y, weight, reset)
        return self.take_rows(rows, 0, rows[0].count)

    def prepare(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        reset: ArrayLike | None = None,
    ) -> Any:
        """The rows that `run` would take, for `take_rows`: each member's `Prepared`."""
        return [member.prepare(X, Y, weight, reset) for member in self.members]

    def take_rows(self, rows: Any, start: int, stop: int) -> Array:
        """Take the rows from `start` to `stop`: see `Learner.take_rows`."""
        each = zip(self.members, rows, strict=True)
        said = np.stack([member.take_rows(own, start, stop) for member, own in each], axis=1)
        one, part = rows[0], slice(start, stop)
        labels = np.where(one.weights[part, np.newaxis] == 0.0, np.nan, one.labels[part])
        return self._mixed(said, labels, one.begins[part] != 0)

    def _mixed(self, said: Array, labels: Array, begins: Array) -> Array:
        return self.mixture.mix(self.spec, said.astype(np.float64), labels, begins)

    @property
    def learning_rate(self) -> float:
        """The step size of the first one from the next label on; the others' in proportion."""
        return self.members[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        for i, member in enumerate(self.members):
            member.learning_rate = rate * self.rates[i % len(self.rates)] / self.rates[0]

    def is_finite(self) -> bool:
        """Whether all numbers of all are finite: see `Learner.is_finite`."""
        return all(member.is_finite() for member in self.members)

    def become(self, other: Self) -> None:
        """Take the numbers of another ensemble, member by member; which did well is forgotten."""
        for member, one in zip(self.members, other.members, strict=True):
            # Two ensembles of one model have members of one kind, which mypy cannot see.
            member.become(one)  # type: ignore[arg-type]
        self.mixture.begin(self.spec, len(self.members))

    def begin_afresh(self) -> None:
        """Be what a new ensemble is."""
        for member in self.members:
            member.begin_afresh()
        self.mixture.begin(self.spec, len(self.members))

    def reset(self) -> None:
        """A new sequence begins with the next row."""
        for member in self.members:
            member.reset()
        self.mixture.reset()

    def grow(self, spec: Spec) -> None:
        """Become what `spec` says, each but for its seed and rate: see `Learner.grow`."""
        for i, member in enumerate(self.members):
            member.grow(_spec_of(spec, self.rates, i))
        self.spec = self.members[0].spec
        self.mixture.grow(spec)

    def frozen(self) -> Self:
        """A copy that neither learns nor moves its scaling."""
        other = self._each(lambda member: member.frozen())
        other.mixture.freeze()
        return other

    def finish(self) -> None:
        """Bring weights and traces up to date; changes nothing that follows."""
        for member in self.members:
            member.finish()

    @property
    def block(self) -> NDArray[np.uint8]:
        """(M, nbytes): a copy of all numbers of the members, one's in each row."""
        return np.stack([member.block for member in self.members])

    def __copy__(self) -> Self:
        return self._each(lambda member: member.__copy__())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"Ensemble({len(self.members)} x {self.members[0]!r})"

    def _each(self, change: Callable[[Learner | Forecaster], Learner | Forecaster]) -> Self:
        other = type(self)([change(member) for member in self.members], self.rates)
        other.mixture = copy.deepcopy(self.mixture)
        return other


AnyLearner: TypeAlias = Learner | Forecaster | Ensemble
"""What learns for a model."""


def new_learner(spec: Spec, members: int, rates: Sequence[float]) -> AnyLearner:
    """A new learner, or an ensemble of so many for each rate."""
    each = [kind_of(spec).new(_spec_of(spec, rates, i)) for i in range(members * len(rates))]
    return each[0] if len(each) == 1 else Ensemble(each, rates)


def _spec_of(spec: Spec, rates: Sequence[float], i: int) -> Spec:
    rate = rates[i % len(rates)]
    return dataclasses.replace(spec, seed=spec.seed + i, learning_rate=rate)
