"""Table 2's net whose cell is added later, and what noise makes of labels and of Table 5."""

import dataclasses
from pathlib import Path

import numpy as np

import rtrl_lstm as rl
from benchmarks.paper1997 import nets
from benchmarks.paper1997.criteria import Run
from benchmarks.paper1997.learning import run, targets
from benchmarks.paper1997.report import markdown
from benchmarks.paper1997.results import Results
from benchmarks.paper1997.tables import ROWS
from benchmarks.paper1997.tasks import NoiseFree, TwoSequences
from benchmarks.paper1997.trial import trial


def test_a_cell_is_added_once_the_error_stops_falling():
    row = next(row for row in ROWS if row.key == "2 2b, p = 100")
    setting = next(s for s in row.settings if "no f', cell added once 500" in s.name)
    task, criterion = NoiseFree(4, local=False, end=True), Run(0.25, length=400, last=True)
    small = dataclasses.replace(setting, task=task, criterion=criterion, batch=100)
    found = trial(row, small, 0, 5_000)
    assert found["success"]
    assert found["before"] % 100 == 0
    assert found["before"] >= 200
    assert found["seen"] == found["before"] + found["sequences"] + 400
    at_once = trial(row, dataclasses.replace(small, at_first=None), 0, 5_000)
    assert at_once["success"]
    assert "before" not in at_once
    results = Results()
    results.add(row, setting, setting.cap, 0, {**found, "sequences": 5_680, "before": 700})
    assert "| 5,680 (1 ×), and 700 before | one success |" in markdown(results.of({2}), ROWS)


def test_before_its_cell_a_net_is_its_shortcuts_alone():
    task = NoiseFree(4, local=False)
    options = {**nets.NO_CELL, **nets.SIGMOID, "optimizer": "sgd", "learning_rate": 0.5}
    learner = rl.Learner(5, output_size=5, **options)
    of_cell = learner.array("readout.weight")
    W = learner.array("readout.direct.weight").astype(float)
    batch = task.batch(np.random.default_rng(0), 50)
    run(learner, batch)
    for symbol, target in zip(batch.symbols, batch.Y, strict=True):
        W[:, symbol] += 0.5 * (target - 1.0 / (1.0 + np.exp(-W[:, symbol])))
    assert np.allclose(learner.array("readout.direct.weight"), W, atol=1e-5)
    assert np.array_equal(learner.array("readout.weight"), of_cell)


def test_how_many_sequences_noise_turns_into_the_other_class():
    """Table 5, N = 1: of those that nets are tested with, as docs/paper1997.md says."""
    root = Path(__file__).parents[1]
    measured = Results(root / "benchmarks" / "paper1997" / "measured.json").of({5})
    turned = {}
    for T in (100, 1000):
        counts, task = {}, TwoSequences(T, 1, noisy=True)
        for number in range(100, 110):
            batch = task.batch(np.random.default_rng([number, 5, 2]), 2_560)
            counts[number] = np.sum((batch.X[batch.starts, 0] > 0) != (batch.clean > 0.5))
        turned[T] = [float(np.mean(list(counts.values())))]
        for entry in measured:
            if entry["row"] == f"T = {T}, N = 1" and entry["part"] == "best":
                turned[T].append(float(np.mean([counts[k] for k in entry["numbers"]])))
    assert turned == {100: [32.8, 32.8], 1000: [33.1, 33.1]}


def test_log_loss_is_told_labels_that_it_takes():
    batch = TwoSequences(10, 1, noisy_targets=True).batch(np.random.default_rng(0), 200)
    told = {
        loss: targets(rl.Learner(1, 1, 1, loss=loss), batch)[batch.ends]
        for loss in ("squared_error", "log_loss")
    }
    assert np.array_equal(told["squared_error"], batch.Y)
    assert batch.Y.min() < 0.0
    assert batch.Y.max() > 1.0
    assert np.array_equal(told["log_loss"], np.clip(batch.Y, 0.0, 1.0))
