"""The loops of the 1997 paper's literal nets are the engine; trials there keep to themselves."""

import dataclasses

import numpy as np
import pytest

from benchmarks.paper1997.counted import CountedNet
from benchmarks.paper1997.criteria import Window
from benchmarks.paper1997.learning import answers, run, run_together, start
from benchmarks.paper1997.loop import LoopNet, fits
from benchmarks.paper1997.tables import ROWS
from benchmarks.paper1997.trial import trial, trials


def rng(seed=0):
    return np.random.default_rng(seed)


LOOPED = [(row, setting) for row in ROWS for setting in row.settings if setting.loop]


def shortened(row):
    """A row with lags that do not take long."""
    if getattr(row.task, "T", 0) > 100:
        return dataclasses.replace(row, task=dataclasses.replace(row.task, T=100))
    return row


@pytest.mark.parametrize(
    ("row", "setting"),
    [(shortened(row), s) for row, s in LOOPED if "00/" not in row.name and "2c" not in row.name],
    ids=lambda given: getattr(given, "key", getattr(given, "name", "")),
)
def test_the_loop_is_the_engine(row, setting):
    # The literal rates move a net too little to tell, in so few sequences.
    net = {**setting.net, "learning_rate": 1.0 if setting.part == "literal" else 0.01}
    engine, loop = start(net, row.task, 3), start(net, row.task, 3, loop=True)
    assert isinstance(loop, CountedNet if setting.name == "none" else LoopNet)
    batch, fresh = row.task.batch(rng(), 40), row.task.batch(rng(1), 20)
    assert np.abs(run(engine, batch) - run(loop, batch)).max() < 1e-4
    engine.reset()  # with update per sequence the last one's gradient waits for this
    later = answers(engine, fresh)
    apart = np.abs(answers(loop, fresh) - later).max()
    moved = np.abs(answers(start(net, row.task, 3), fresh) - later).max()
    assert apart < 2e-6 + 1e-5 * moved
    assert apart < 0.05 * moved


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("biased", [("gates",), ("gates", "cells", "readout")])
def test_counted_biases_are_the_engines(biased, optimizer):
    row, setting = next(pair for pair in LOOPED if pair[1].name == "none")
    rate = {"optimizer": optimizer, "learning_rate": 0.3 if optimizer == "sgd" else 0.01}
    net = {**setting.net, **rate, "bias": biased, "input_gate_bias": -1.0}
    engine, counted = start(net, row.task, 3), start(net, row.task, 3, loop=True)
    assert isinstance(counted, CountedNet)
    batch, fresh = row.task.batch(rng(), 40), row.task.batch(rng(1), 20)
    run(engine, batch), run(counted, batch)
    engine.reset()
    assert np.allclose(answers(counted, fresh), answers(engine, fresh), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("key", "part"), [("10 temporal order, T = 10,000", "farther"), ("9 6a", "literal")]
)
def test_a_trial_does_not_depend_on_those_beside_it(key, part):
    row, setting = next((shortened(r), s) for r, s in LOOPED if (r.key, s.part) == (key, part))
    nets = [start(setting.net, row.task, seed, loop=True) for seed in range(3)]
    alone = [start(setting.net, row.task, seed, loop=True) for seed in range(3)]
    batches = [row.task.batch(rng(seed), 20 + seed) for seed in range(3)]
    said = run_together(nets, batches)
    for k in range(3):
        assert np.array_equal(said[k], run(alone[k], batches[k]))
        assert np.array_equal(nets[k].W, alone[k].W)
        assert np.array_equal(nets[k].V, alone[k].V)
        assert np.array_equal(nets[k].moments, alone[k].moments)


def test_trials_side_by_side_are_those_one_by_one():
    row, setting = next(pair for pair in LOOPED if pair[0].key == "7 T = 100")
    easy = dataclasses.replace(setting, criterion=Window(0.4, length=50), batch=100)
    together = trials(row, easy, [3, 4, 5], 1_000)
    assert [one["success"] for one in together] == [False, True, True]
    for number, found in zip((3, 4, 5), together, strict=True):
        assert found == trial(row, easy, number, 1_000) | {"seconds": found["seconds"]}


def test_a_trial_is_given_up_once_it_cannot_succeed():
    row, setting = next(pair for pair in LOOPED if pair[1].name == "none")
    found = trial(row, setting, 0, 12_000)  # a run of 10,000 would have to begin by the 2,000th
    assert not found["success"]
    assert 2_000 < found["seen"] <= 2_000 + setting.batch


def test_what_the_loop_has_not():
    has = start(LOOPED[0][1].net, LOOPED[0][0].task, 0)
    for more in ({"optimizer": "adamw"}, {"forget_gate": True}, {"update": "step"}):
        assert fits(has.spec)
        assert not fits(dataclasses.replace(has.spec, **more))
