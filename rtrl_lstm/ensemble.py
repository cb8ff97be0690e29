"""Ensemble: several learners of one Spec and different seeds on one stream; it says their mean.

What one learner gets wrong by the chance of its initial weights, others get wrong elsewhere, and
the mean of their forecasts errs less than they do (Hansen & Salamon 1990; Perrone & Cooper 1993).
It costs what its members cost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import Spec


class Ensemble:
    """k learners, or forecasters where the Spec has a horizon; each sees every row.

    Member i is bit for bit the learner of the seed `spec.seed + i`, alone on that stream.

    Args:
        members: the learners, of one Spec but for the seed, at least one.

    Attributes:
        members: the learners.
        spec: what each of them is; its seed is the first one's.
    """

    def __init__(self, members: Sequence[Learner | Forecaster]) -> None:
        self.members = tuple(members)
        self.spec = self.members[0].spec

    @classmethod
    def of(cls, spec: Spec, blocks: NDArray[np.uint8]) -> Self:
        """The ensemble of `spec` with the blocks (k, nbytes), copied."""
        kind = Forecaster if spec.horizon else Learner
        return cls([kind.of(_spec_of(spec, i), block) for i, block in enumerate(blocks)])

    def step(self, x: ArrayLike, y: Any = None, weight: float = 1.0) -> Array:
        """One row for all; returns the mean of what they say, (output_size,) float64."""
        return _mean([member.step(x, y, weight) for member in self.members])

    def run(
        self,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        reset: ArrayLike | None = None,
    ) -> Array:
        """Many rows for all, (T, output_size) float64, as so many calls of `step` would say it."""
        return _mean([member.run(X, Y, weight, reset) for member in self.members])

    @property
    def learning_rate(self) -> float:
        """The step size of each from the next label on."""
        return self.members[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        for member in self.members:
            member.learning_rate = rate

    def is_finite(self) -> bool:
        """Whether all numbers of all are finite: see `Learner.is_finite`."""
        return all(member.is_finite() for member in self.members)

    def become(self, other: Self) -> None:
        """Take the numbers of another ensemble, member by member."""
        for member, one in zip(self.members, other.members, strict=True):
            member.become(one)  # type: ignore[arg-type]

    def begin_afresh(self) -> None:
        """Be what a new ensemble is."""
        for member in self.members:
            member.begin_afresh()

    def reset(self) -> None:
        """A new sequence begins with the next row."""
        for member in self.members:
            member.reset()

    def grow(self, spec: Spec) -> None:
        """Become what `spec` says, each but for its seed: see `Learner.grow`."""
        for i, member in enumerate(self.members):
            member.grow(_spec_of(spec, i))
        self.spec = spec

    def frozen(self) -> Self:
        """A copy that neither learns nor moves its scaling."""
        return self._each(lambda member: member.frozen())

    def finish(self) -> None:
        """Bring weights and traces up to date; changes nothing that follows."""
        for member in self.members:
            member.finish()

    @property
    def block(self) -> NDArray[np.uint8]:
        """(k, nbytes): a copy of all numbers, a member's in each row."""
        return np.stack([member.block for member in self.members])

    def __copy__(self) -> Self:
        return self._each(lambda member: member.__copy__())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"Ensemble({len(self.members)} x {self.members[0]!r})"

    def _each(self, change: Callable[[Learner | Forecaster], Learner | Forecaster]) -> Self:
        return type(self)([change(member) for member in self.members])


def new_learner(spec: Spec, members: int) -> Learner | Forecaster | Ensemble:
    """A new learner, or an ensemble of so many."""
    kind = Forecaster if spec.horizon else Learner
    options = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    each = [kind(**{**options, "seed": spec.seed + i}) for i in range(members)]
    return each[0] if members == 1 else Ensemble(each)


def _spec_of(spec: Spec, i: int) -> Spec:
    return dataclasses.replace(spec, seed=spec.seed + i)


def _mean(said: Sequence[Array]) -> Array:
    """In the order of the members, one after the other, so that step and run agree to the bit."""
    total = said[0].astype(np.float64)
    for one in said[1:]:
        total += one
    return total / len(said)
