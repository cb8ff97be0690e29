"""Trials of one row: nets are trained until the row's criterion is met, or given up."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rtrl_lstm import Learner

from .criteria import tested
from .learning import Net, errors, first, run, run_together, start
from .rows import Row, Setting
from .tasks import Array, Batch, EmbeddedReber, Task

TESTS = 2_560
TEST_ROWS = 2**25  # that are there at a time, which for symbols of 8 kinds takes 2 GB
POINTS = 30  # of a learning curve
SHORTCUTS = "readout.direct.weight"
SETS = 3  # of strings, in Table 1


def trial(row: Row, setting: Setting, number: int, cap: int | None = None) -> dict[str, Any]:
    """As `trials`, of one."""
    return trials(row, setting, [number], cap)[0]


def trials(
    row: Row, setting: Setting, numbers: Sequence[int], cap: int | None = None
) -> list[dict[str, Any]]:
    """Run some trials of a setting, a batch of each at a time; a trial's number is its seed.

    Returns of each success, the numbers of sequences by name ("sequences", and for Tables 4 and 5
    "ST1" and "ST2"; "before", those until cells were added), how many were `seen`, a learning curve
    (sequences learned, and the mean error of the batch that ends there), seconds of processor time,
    and where the paper tests, how many of 2,560 fresh sequences are `wrong` and their mean absolute
    error `off`. Of what the trials do together each has its share of the seconds; all else is the
    same as for one alone.
    """
    asked = [_Trial(row, setting, number, cap or setting.cap) for number in numbers]
    while running := [one for one in asked if not one.done]:
        began = time.process_time()
        batches = [one.next() for one in running]
        before = [copy.copy(one.net) for one in running]
        said = run_together([one.net for one in running], batches)
        share = (time.process_time() - began) / len(running)
        for k, one in enumerate(running):
            began = time.process_time()
            one.told(batches[k], said[k], before[k])
            one.found["seconds"] += share + time.process_time() - began
    return [{**one.found, "curve": _thin(one.curve)} for one in asked]


class _Trial:
    """A trial as it goes; `found` is what is known of it."""

    def __init__(self, row: Row, setting: Setting, number: int, cap: int) -> None:
        began = time.process_time()
        self._row, self._number, self._cap, self._batch = row, number, cap, setting.batch
        self._rng, self._task = (
            np.random.default_rng([number, row.table]),
            _task(row, setting, number),
        )
        criterion = setting.criterion or row.criterion
        self._watch = criterion.watch(self._task, np.random.default_rng([number, row.table, 1]))
        self.net: Net = start(setting.net, self._task, number, setting.loop)
        self._whole: Net | None = None  # with the cells that are still to be added
        self._error = np.inf
        if setting.at_first is not None:
            assert isinstance(setting.net, dict)
            self._whole = self.net
            self.net = start(setting.net | setting.at_first, self._task, number)
        self.curve = list[tuple[int, float]]()
        self.done = False
        self.found: dict[str, Any] = {"success": False, "seen": 0}
        self.found["seconds"] = time.process_time() - began

    def next(self) -> Batch:
        """What is to be learned next."""
        return self._task.batch(self._rng, min(self._batch, self._cap - self.found["seen"]))

    def told(self, batch: Batch, said: Array, before: Net) -> None:
        """Go on from what the net said to a batch; `before` is the net before that."""
        if np.isnan(said[-1]).any():
            self.done = True  # it has diverged
            return
        seen, count = self.found["seen"], len(batch.starts)
        off = np.minimum(errors(batch, said, False, np.mean), 1e3)
        self.curve.append((seen + count, float(f"{off.mean():.3g}")))
        taken = self._watch.met(batch, said, self.net, seen)
        self.found["seen"] += count if taken is None else taken
        # Whether it can still be met: a run of 10,000 has to begin 10,000 before the cap.
        self.done = max(self.found["seen"] + 1, self._watch.earliest) > self._cap
        if taken is not None:
            if taken < count:  # the net as it was when the criterion was met
                self.net = before
                run(self.net, first(batch, taken))
            self.done = True
            self.found |= {"success": True, **self._watch.sequences}
            self.found["sequences"] -= self.found.get("before", 0)
            self.found |= _test(self._row, self._task, self.net, self._number)
        elif self._whole is not None:
            self._grow(float(np.mean((said - batch.Y) ** 2)))

    def _grow(self, error: float) -> None:
        """Add the cells if the error of a batch is not below that of the batch before."""
        if error >= self._error:
            assert isinstance(self.net, Learner)
            assert isinstance(self._whole, Learner)
            self.net.reset()
            self._whole.set_array(SHORTCUTS, self.net.array(SHORTCUTS))
            self.net, self._whole = self._whole, None
            self.found["before"] = self.found["seen"]
        self._error = error


def _thin(curve: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most POINTS of a curve, spread evenly over the logarithm of what was seen."""
    if len(curve) <= POINTS:
        return curve
    places = np.unique(np.geomspace(1, len(curve), POINTS).astype(int)) - 1
    return [curve[k] for k in places]


def _task(row: Row, setting: Setting, number: int) -> Task:
    task = setting.task or row.task
    if isinstance(task, EmbeddedReber):  # the sets take turns
        return replace(task, set_seed=number % SETS)
    return task


def _test(row: Row, task: Task, net: Net, number: int) -> dict[str, Any]:
    if row.tolerance is None:
        return {}
    if isinstance(net, Learner):
        net.reset()  # with update per sequence the last one's gradient waits for this
    wrong, off = tested(net, _tests(task, number, row.table), row.tolerance)
    return {"wrong": wrong, "off": round(off, 5)}


def _tests(task: Task, number: int, table: int) -> Iterator[Batch]:
    """TESTS fresh sequences, at once if they are short; else some after the other."""
    rng = np.random.default_rng([number, table, 2])
    length = task.batch(np.random.default_rng(0), 1).rows
    count = TESTS if TESTS * length <= TEST_ROWS else max(1, TEST_ROWS // length)
    for begin in range(0, TESTS, count):
        yield task.batch(rng, min(count, TESTS - begin))
