"""When a trial has succeeded: the paper's stopping criteria.

A criterion is told the outputs of the sequences that were just learned, and says after which of
them, counted from the first of the trial, it was met.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .learning import Net, answers, errors, first
from .tasks import Array, Batch, EmbeddedReber, Rng, Task, TwoMarked, TwoSequences


class Watch(Protocol):
    """A criterion at work in one trial."""

    def met(self, batch: Batch, said: Array, net: Net, seen: int) -> int | None:
        """How many of the batch's sequences it took, if it is met; `seen` were before them."""

    @property
    def sequences(self) -> dict[str, int]:
        """What is reported, by name, once it is met."""

    @property
    def earliest(self) -> int:
        """After how many sequences it may be met at the earliest, by what it was told."""
        return 0


class Criterion(Protocol):
    def watch(self, task: Task, rng: Rng) -> Watch:
        """Begin to watch a trial."""


@dataclass(frozen=True)
class Run:
    """So many sequences in a row without an output off by `tolerance` or more.

    What is reported is how many came before them. last: whether only the last row counts.
    """

    tolerance: float
    length: int = 10_000
    last: bool = False

    def watch(self, task: Task, rng: Rng) -> Watch:
        return _RunWatch(self)


@dataclass
class _RunWatch(Watch):
    criterion: Run
    failed: int = 0  # the number of the last sequence that was wrong, from 1

    def met(self, batch: Batch, said: Array, net: Net, seen: int) -> int | None:
        wrong = errors(batch, said, self.criterion.last) >= self.criterion.tolerance
        for k in np.flatnonzero(wrong):
            number = seen + int(k) + 1
            if number - self.failed > self.criterion.length:
                break
            self.failed = number
        taken = self.failed + self.criterion.length - seen
        return taken if taken <= len(wrong) else None

    @property
    def sequences(self) -> dict[str, int]:
        return {"sequences": self.failed}

    @property
    def earliest(self) -> int:
        return self.failed + self.criterion.length


@dataclass(frozen=True)
class Window:
    """Of the last `length` sequences fewer than `wrong` are off by more than `tolerance`, and the
    mean absolute error of the last row is below `average`."""

    tolerance: float
    average: float = np.inf
    wrong: int = 1
    length: int = 2_000

    def watch(self, task: Task, rng: Rng) -> Watch:
        return _WindowWatch(self)


@dataclass
class _WindowWatch(Watch):
    criterion: Window
    largest: Array = field(default_factory=lambda: np.empty(0))
    mean: Array = field(default_factory=lambda: np.empty(0))
    stopped: int = 0

    def met(self, batch: Batch, said: Array, net: Net, seen: int) -> int | None:
        criterion, length = self.criterion, self.criterion.length
        kept = len(self.largest)
        self.largest = np.concatenate([self.largest, errors(batch, said, True)])
        self.mean = np.concatenate([self.mean, errors(batch, said, True, np.mean)])
        wrong = np.cumsum(self.largest > criterion.tolerance)
        total = np.cumsum(self.mean)
        if len(wrong) >= length:
            late_wrong = wrong[length - 1 :] - np.concatenate([[0], wrong[:-length]])
            late_mean = (total[length - 1 :] - np.concatenate([[0.0], total[:-length]])) / length
            good = (late_wrong < criterion.wrong) & (late_mean < criterion.average)
            ends = np.flatnonzero(good) + length
            ends = ends[ends > kept]
            if len(ends):
                self.stopped = seen + int(ends[0]) - kept
                return int(ends[0]) - kept
        self.largest, self.mean = self.largest[1 - length :], self.mean[1 - length :]
        return None

    @property
    def sequences(self) -> dict[str, int]:
        return {"sequences": self.stopped}


@dataclass(frozen=True)
class Held:
    """Of `size` sequences of a set held out, fewer than `wrong` off by more than `tolerance` (ST1);
    and their mean absolute error below `average` (ST2), where the trial ends.

    The set is looked at after each batch, so that the count is that of whole batches. With
    `joint=True` both must hold at once for either. With `recent` the set is looked at only once
    that holds as well, of the sequences learned last: a set of 256 is passed by luck sooner or
    later, if it is asked often enough. With `looks` above 1 no more may be wrong than at any of the
    last so many looks that found few enough: what noise makes wrong is so at each of them, and what
    the last batch spoilt is not.
    """

    tolerance: float
    average: float
    wrong: int = 1
    size: int = 256
    joint: bool = False
    recent: Window | None = None
    looks: int = 1

    def watch(self, task: Task, rng: Rng) -> Watch:
        assert isinstance(task, TwoSequences | TwoMarked)
        recent = self.recent.watch(task, rng) if self.recent else None
        return _HeldWatch(self, task.batch(rng, self.size), recent)


@dataclass
class _HeldWatch(Watch):
    criterion: Held
    batch: Batch
    recent: Watch | None = None
    reached: dict[str, int] = field(default_factory=dict)
    found: list[int] = field(default_factory=list)  # how many were wrong, at looks that passed

    def met(self, batch: Batch, said: Array, net: Net, seen: int) -> int | None:
        count, whole = len(batch.starts), self.criterion.size
        if self.recent is not None and self.recent.met(batch, said, net, seen) is None:
            return None
        for size in sorted({min(16, whole), min(256, whole), whole}):  # a few often say no
            part = first(self.batch, size)
            wrong, average = tested(net, [part], self.criterion.tolerance)
            if wrong >= self.criterion.wrong:
                return None
        self.found.append(wrong)
        late = self.found[-self.criterion.looks :]
        if len(late) < self.criterion.looks or wrong > min(late):
            return None
        if not self.criterion.joint:
            self.reached.setdefault("ST1", seen + count)
        if average < self.criterion.average:
            self.reached.setdefault("ST2", seen + count)
            return count
        return None

    @property
    def sequences(self) -> dict[str, int]:
        return {"sequences": self.reached["ST2"], **self.reached}


@dataclass(frozen=True)
class LegalNext:
    """On all strings of both sets the symbols that may come next are those most active."""

    def watch(self, task: Task, rng: Rng) -> Watch:
        assert isinstance(task, EmbeddedReber)
        other = EmbeddedReber(task.size, task.set_seed, other=True)
        strings = [*task.all_strings(), *other.all_strings()]
        return _LegalWatch(task.as_batch(strings))


@dataclass
class _LegalWatch(Watch):
    batch: Batch
    stopped: int = 0

    def met(self, batch: Batch, said: Array, net: Net, seen: int) -> int | None:
        for size in (16, len(self.batch.starts)):  # a few are most often enough to say no
            part = first(self.batch, size)
            if not np.all(legal_are_highest(part, answers(net, part))):
                return None
        self.stopped = seen + len(batch.starts)
        return len(batch.starts)

    @property
    def sequences(self) -> dict[str, int]:
        return {"sequences": self.stopped}


def legal_are_highest(batch: Batch, said: Array) -> NDArray[np.bool_]:
    """(R,) whether the least active symbol that may come next is above all that may not."""
    assert batch.legal is not None
    least = np.where(batch.legal, said, np.inf).min(axis=1)
    return np.asarray(least > np.where(batch.legal, -np.inf, said).max(axis=1))


def tested(net: Net, batches: Iterable[Batch], tolerance: float) -> tuple[int, float]:
    """How many sequences a net gets wrong at their end, and the mean absolute error there.

    Where targets are noisy, it is measured against what they were before the noise.
    """
    wrong, off = 0, list[Array]()
    for batch in batches:
        said = answers(net, batch)
        wrong += int(np.sum(errors(batch, said, True) > tolerance))
        off.append(errors(batch, said, True, np.mean))
    return wrong, float(np.mean(np.concatenate(off)))
