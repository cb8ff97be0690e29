"""The fresh sequences that a net is tested with: those of a long lag come some after the other."""

import numpy as np
import pytest

from benchmarks.paper1997 import criteria, trial
from benchmarks.paper1997.learning import run, start
from benchmarks.paper1997.tables import ROWS
from benchmarks.paper1997.tasks import Batch, TemporalOrder, TwoMarked


@pytest.mark.parametrize("task", [TwoMarked(20), TemporalOrder(2, 20)])
def test_parts_are_2560_sequences_and_short(task, monkeypatch):
    (whole,) = trial._tests(task, 3, 10)
    same = task.batch(np.random.default_rng([3, 10, 2]), 2_560)
    assert np.array_equal(whole.Y, same.Y)
    assert np.array_equal(whole.starts, same.starts)
    monkeypatch.setattr(trial, "TEST_ROWS", 5_000)
    parts = list(trial._tests(task, 3, 10))
    assert len(parts) > 10
    assert sum(len(part.starts) for part in parts) == 2_560
    assert max(part.rows for part in parts) <= 5_000 * 1.1
    assert not np.array_equal(parts[0].Y, parts[1].Y)


def test_all_parts_are_counted():
    row = next(row for row in ROWS if row.key == "10 adding, T = 100,000")
    task = TwoMarked(20)
    net = start(row.settings[0].net, task, 0)
    run(net, task.batch(np.random.default_rng(0), 100))
    net.reset()
    parts = [task.batch(np.random.default_rng(seed), 50 + seed) for seed in range(1, 4)]
    begins = np.cumsum([0, *(part.rows for part in parts[:-1])])
    joined = Batch(
        np.concatenate([part.starts + begin for part, begin in zip(parts, begins, strict=True)]),
        np.concatenate([part.Y for part in parts]),
        np.concatenate([part.X for part in parts]),
        late=True,
    )
    wrong, off = criteria.tested(net, parts, 0.04)
    assert (wrong, off) == criteria.tested(net, [joined], 0.04)
    assert 0 < wrong < 156


def test_only_rows_beyond_10000_are_tested_in_parts():
    long = {
        row.name
        for row in ROWS
        if row.tolerance is not None
        and trial.TESTS * getattr(row.task, "T", 0) * 11 // 10 > trial.TEST_ROWS
    }
    assert long == {"adding, T = 100,000", "temporal order, T = 100,000"}
