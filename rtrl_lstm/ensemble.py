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
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm.checks import positive, require, whole
from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster, kind_of
from rtrl_lstm.kernels import mixture
from rtrl_lstm.learner import Learner
from rtrl_lstm.prepared import as_numbers
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

    def learn(self, spec: Spec, label: Array) -> None:
        """The label (K,) of the last row, arriving late; only without a horizon."""
        if not self._frozen:
            mixture.learn_late(
                _KINDS.get(spec.loss, mixture.NUMBERS), self._ring, label, self.losses
            )

    def shares(self, spec: Spec) -> Array:
        """(M, O): what each learner's forecasts count for in each output, as it stands."""
        columns = range(spec.output_size) if spec.loss not in _KINDS else [0] * spec.output_size
        losses = np.maximum(self.losses[:, columns], mixture.LEAST_LOSS)
        weights = np.where(np.isnan(losses), 1.0, losses**-4.0)
        shares: Array = weights / weights.sum(axis=0)
        return shares

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
        spec: what each of them is, but for its seed and its learning rate.
        members: how many there are of each rate.
        rates: learning rates, which take turns; "auto": .001, .003 and .01, one of which suits most
            streams: which one, their forecasts tell.

    Attributes:
        members: the learners.
        rates: their learning rates.
        spec: what each of them is; its seed and rate are the first one's.
        mixture: what is made of their forecasts.

    Raises:
        TypeError: spec is no Spec.
        ValueError: there are no members or no rates, or a rate is none.

    Example:
        >>> net = Ensemble(Spec(input_size=3, hidden_size=8))
        >>> len(net.members), net.step([0.1, 0.2, 0.3], 0.5).shape
        (3, (1,))
    """

    def __init__(self, spec: Spec, members: int = 1, rates: Sequence[float] | str = "auto") -> None:
        if not isinstance(spec, Spec):
            raise TypeError(f"spec must be a Spec, not {spec!r}")
        found = checked_rates(rates)
        count = whole("members", members, 1) * len(found)
        kind = kind_of(spec)
        self._bind([kind.new(_spec_of(spec, found, i)) for i in range(count)], found)

    @classmethod
    def made_of(cls, members: Sequence[Learner | Forecaster], rates: Sequence[float]) -> Self:
        """That of learners of one Spec but for their seeds and rates, of which nothing is known."""
        self = object.__new__(cls)
        self._bind(members, rates)
        return self

    @classmethod
    def of(cls, spec: Spec, rates: Sequence[float], blocks: NDArray[np.uint8]) -> Self:
        """The ensemble of `spec` with the blocks (M, nbytes), copied."""
        kind = kind_of(spec)
        specs = (_spec_of(spec, rates, i) for i in range(len(blocks)))
        learners = [kind.of(one, block) for one, block in zip(specs, blocks, strict=True)]
        return cls.made_of(learners, rates)

    def _bind(self, members: Sequence[Learner | Forecaster], rates: Sequence[float]) -> None:
        self.members = tuple(members)
        self.rates = tuple(rates)
        self.spec = self.members[0].spec
        self.mixture = Mixture(self.spec, len(self.members))

    def step(self, x: ArrayLike, y: Any = None, weight: float = 1.0) -> Array:
        """One row for all, as `Learner.step` or `Forecaster.step` takes it.

        Returns:
            (output_size,) float64, the mixed forecast.

        Raises:
            ValueError: a shape does not fit or a number cannot be taken; nothing has changed.
        """
        said = np.stack([member.step(x, y, weight) for member in self.members])
        return self._mixed_row(self.mixture, said, self._label(y, weight))

    def predict(self, x: ArrayLike, y_now: Any = None) -> Array:
        """What `step(x)` would say, of forecasters `step(x, y_now)`; changes nothing."""
        known = () if y_now is None else (y_now,)  # only a forecaster takes it
        said = np.stack([member.predict(x, *known) for member in self.members])
        return self._mixed_row(copy.deepcopy(self.mixture), said, self._label(y_now, 1.0))

    def learn(self, y: Any, weight: float = 1.0) -> None:
        """The label of the last step, arriving late; raises as `Learner.learn` does."""
        if self.spec.horizon:
            raise RuntimeError("labels of a forecaster come with its rows: step(x, y_now)")
        for member in self.members:
            assert isinstance(member, Learner)
            member.learn(y, weight)
        self.mixture.learn(self.spec, self._label(y, weight))

    def _label(self, y: Any, weight: float) -> Array:
        """What the members have just taken as a label, (target_size,); NaN where there is none."""
        if y is None or weight == 0.0:
            return np.full(self.spec.target_size, np.nan)
        return as_numbers(y, "y").astype(np.float64).reshape(-1)

    def _mixed_row(self, mixture: Mixture, said: Array, label: Array) -> Array:
        one = said.astype(np.float64)[np.newaxis], label[np.newaxis], np.zeros(1, np.bool_)
        mixed: Array = mixture.mix(self.spec, *one)[0]
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
        begins = one.begins[part] != 0
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
        other = self.each(lambda member: member.frozen())
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

    def save(self, path: str | Path) -> None:
        """Write a model file, whole or not at all; `rtrl_lstm.load` gives all of it back."""
        from rtrl_lstm import modelfile

        modelfile.save(self, path)

    @property
    def steps(self) -> int:
        """Rows seen."""
        return self.members[0].steps

    @property
    def labels(self) -> int:
        """Labels learned from."""
        return self.members[0].labels

    def __copy__(self) -> Self:
        return self.each(lambda member: member.__copy__())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"Ensemble({len(self.members)} x {self.members[0]!r})"

    def each(self, change: Callable[[Learner | Forecaster], Learner | Forecaster]) -> Self:
        """An ensemble of what `change` makes of each member, heard as they are."""
        other = self.made_of([change(member) for member in self.members], self.rates)
        other.mixture = copy.deepcopy(self.mixture)
        return other


AnyLearner: TypeAlias = Learner | Forecaster | Ensemble
"""What learns for a model."""


def new_learner(spec: Spec, members: int, rates: Sequence[float]) -> AnyLearner:
    """A new learner, or an ensemble of so many for each rate."""
    each = [kind_of(spec).new(_spec_of(spec, rates, i)) for i in range(members * len(rates))]
    return each[0] if len(each) == 1 else Ensemble.made_of(each, rates)


def _spec_of(spec: Spec, rates: Sequence[float], i: int) -> Spec:
    rate = rates[i % len(rates)]
    return dataclasses.replace(spec, seed=spec.seed + i, learning_rate=rate)


def checked_rates(rates: Sequence[float] | str) -> tuple[float, ...]:
    """Learning rates that are asked for; raises ValueError."""
    if isinstance(rates, str) and rates == "auto":
        return RATES
    message = f"rates must be 'auto' or learning rates, not {rates!r}"
    require(not isinstance(rates, str) and hasattr(rates, "__iter__"), message)
    found = tuple(positive("each of rates", rate) for rate in rates)
    require(bool(found), message)
    return found
