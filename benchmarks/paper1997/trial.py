"""One trial of one row: a net is trained until the row's criterion is met, or given up."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import Any

import numpy as np

from rtrl_lstm import Learner

from .criteria import tested
from .learning import Net, errors, first, run, start
from .rows import Row, Setting
from .tasks import EmbeddedReber, Task

TESTS = 2_560
POINTS = 30  # of a learning curve
SETS = 3  # of strings, in Table 1


def trial(row: Row, setting: Setting, number: int, cap: int | None = None) -> dict[str, Any]:
    """Run trial `number`, which is its seed, too.

    Returns success, the numbers of sequences by name ("sequences", and for Tables 4 and 5 "ST1" and
    "ST2"), a learning curve (sequences learned, and the mean error of the batch that ends there),
    seconds of processor time, and where the paper tests, how many of 2,560 fresh sequences are
    `wrong` and their mean absolute error `off`.
    """
    began, cap = time.process_time(), setting.cap if cap is None else cap
    rng, task = np.random.default_rng([number, row.table]), _task(row, setting, number)
    criterion = setting.criterion or row.criterion
    watch = criterion.watch(task, np.random.default_rng([number, row.table, 1]))
    net = start(setting.net, task, number, setting.loop)
    found: dict[str, Any] = {"success": False, "seen": 0}
    curve = list[tuple[int, float]]()
    while found["seen"] < cap:
        before, batch = copy.copy(net), task.batch(rng, min(setting.batch, cap - found["seen"]))
        said = run(net, batch)
        if np.isnan(said[-1]).any():
            break  # it has diverged
        off = np.minimum(errors(batch, said, False, np.mean), 1e3)
        curve.append((found["seen"] + len(batch.starts), float(f"{off.mean():.3g}")))
        taken = watch.met(batch, said, net, found["seen"])
        if taken is not None:
            if taken < len(batch.starts):  # the net as it was when the criterion was met
                net = before
                run(net, first(batch, taken))
            found |= {"success": True, "seen": found["seen"] + taken, **watch.sequences}
            found |= _test(row, task, net, number)
            break
        found["seen"] += len(batch.starts)
    return {**found, "curve": _thin(curve), "seconds": time.process_time() - began}


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
    batch = task.batch(np.random.default_rng([number, row.table, 2]), TESTS)
    wrong, off = tested(net, batch, row.tolerance)
    return {"wrong": wrong, "off": round(off, 5)}
