"""One trial of one row: a net is trained until the row's criterion is met, or given up."""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np

from rtrl_lstm import Learner

from .criteria import tested
from .learning import first, run
from .rows import Row, Setting

TESTS = 2_560


def trial(row: Row, setting: Setting, number: int, cap: int | None = None) -> dict[str, Any]:
    """Run trial `number`, which is its seed, too.

    Returns success, the numbers of sequences by name ("sequences", and for Tables 4 and 5 "ST1" and
    "ST2"), seconds, and where the paper tests, how many of 2,560 fresh sequences are `wrong` and
    their mean absolute error `off`.
    """
    began, cap = time.monotonic(), setting.cap if cap is None else cap
    rng, task = np.random.default_rng([number, row.table]), row.task
    watch = row.criterion.watch(task, np.random.default_rng([number, row.table, 1]))
    options = {**setting.options, "seed": number}
    learner = Learner(task.inputs, output_size=task.outputs, **options)
    found: dict[str, Any] = {"success": False, "seen": 0}
    while found["seen"] < cap:
        before, batch = copy.copy(learner), task.batch(rng, min(setting.batch, cap - found["seen"]))
        said = run(learner, batch)
        taken = watch.met(batch, said, learner, found["seen"])
        if taken is not None:
            if taken < len(batch.starts):  # the net as it was when the criterion was met
                learner = before
                run(learner, first(batch, taken))
            found |= {"success": True, "seen": found["seen"] + taken, **watch.sequences}
            found |= _test(row, learner, number)
            break
        found["seen"] += len(batch.starts)
    return {**found, "seconds": time.monotonic() - began}


def _test(row: Row, learner: Learner, number: int) -> dict[str, Any]:
    if row.tolerance is None:
        return {}
    learner.reset()  # with update per sequence the last one's gradient waits for this
    batch = row.task.batch(np.random.default_rng([number, row.table, 2]), TESTS)
    wrong, off = tested(learner, batch, row.tolerance)
    return {"wrong": wrong, "off": off}
