"""One learner that many streams feed: the mean of their gradients, as the naive twin has it."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from pair import assert_same_numbers, engine, engine_numbers, load_twin, twin
from streams import SPECS, rows

import rtrl_lstm as rl
from reference.parallel import ReferenceParallel
from rtrl_lstm.optimizers import Exponential
from rtrl_lstm.spec import Spec

NAMES = ("plain", "scaled", "value", "classes", "quantiles", "gru")
KINDS = {name: dataclasses.replace(SPECS[name], dtype="float64") for name in NAMES}
KINDS["schedule"] = Spec(2, 5, dtype="float64", schedule=Exponential(0.9), learning_rate=0.1)
KINDS["snap1"] = Spec(2, 5, dtype="float64", rule="snap1", update="step")
KINDS["ahead"] = Spec(2, 5, horizon=2, scale_inputs=True, scale_target=True, dtype="float64")
B = 4


def steps(spec, count, seed=0):
    """(T, B, I) and (T, B, K): rows and labels of all streams."""
    found = [rows(spec, count, seed + i) for i in range(B)]
    X, Y = (np.stack(part, axis=1) for part in zip(*found, strict=True))
    return X, Y.reshape(count, B, spec.target_size)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_twin(kind):
    spec = KINDS[kind]
    net = rl.Parallel(spec, B)
    naive = [twin(dataclasses.replace(spec, update="sequence")) for _ in range(B)]
    for each in naive:
        load_twin(each, engine_numbers(engine(spec)))
    naive = ReferenceParallel(naive)
    X, Y = steps(spec, 25)
    rng = np.random.default_rng(0)
    for t in range(len(X)):
        active = np.flatnonzero(rng.random(B) < 0.8)
        weights = rng.uniform(0.0, 2.0, len(active))
        if t % 7 == 6:
            net.reset([1])
            naive.streams[1].reset()
        said = net.step(X[t, active], Y[t, active], active, weights)
        expected = naive.step(X[t, active], Y[t, active], active, weights)
        np.testing.assert_allclose(said.ravel(), expected.ravel(), rtol=1e-9, atol=1e-9)
    for i in range(B):
        alone = engine_numbers(net.to_learner(i))
        naive.learners[i].optimiser = naive.optimiser.optimiser
        assert_same_numbers(alone, naive.streams[i], 1e-9, f"stream {i}")
    assert net.to_learner().labels == net.labels > 10


def test_of_one_stream_it_is_a_learner():
    spec = Spec(3, 9, 2, dtype="float64", scale_inputs=True, scale_target=True)
    one, net = engine(spec), rl.Parallel(spec, 1)
    X, Y = rows(spec, 60)
    for t in range(60):
        if t % 20 == 19:
            one.reset()
            net.reset()
        said, expected = net.step(X[t : t + 1], Y[t : t + 1]), one.step(X[t], Y[t])
        np.testing.assert_allclose(said[0], expected, rtol=1e-9)
    again = net.to_learner()
    for name in ("layer0.i.weight", "layer0.i.trace", "readout.moment2", "target.m2"):
        np.testing.assert_allclose(again.array(name), one.array(name), rtol=1e-7, atol=1e-12)


def test_eight_streams_learn_faster_than_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 8, 2))
    Y = np.roll(X[:, :, 0], 2, axis=0)  # what was seen two rows ago
    options = {"learning_rate": 0.01}
    many, one = (rl.Parallel(Spec(2, 8, **options), k) for k in (8, 1))
    late = slice(1200, None)
    errors = [np.abs(net.run(X[:, :k], Y[:, :k])[late, :, 0] - Y[late, :k]).mean()
              for net, k in ((many, 8), (one, 1))]  # fmt: skip
    assert errors[0] < 0.8 * errors[1]


@pytest.mark.parametrize("kind", ["plain", "ahead"])
def test_it_goes_on_in_the_same_bits(kind, tmp_path):
    spec = KINDS[kind]
    net = rl.Parallel(spec, B, threads=1)
    X, Y = steps(spec, 30)
    net.run(X[:20], Y[:20])
    net.learning_rate = 0.007
    net.save(tmp_path / "p.rtrl")
    others = [rl.load(tmp_path / "p.rtrl"), pickle.loads(pickle.dumps(net)), copy.deepcopy(net)]
    expected = net.run(X[20:], Y[20:])
    for other in others:
        assert other.learning_rate == 0.007
        if not spec.horizon:  # there a row's own target moves the statistics first
            assert np.array_equal(other.predict(X[20]), expected[0])
        assert np.array_equal(other.run(X[20:], Y[20:]), expected)
        assert np.array_equal(other.blocks(), net.blocks())


def test_it_goes_on_alone():
    """What a stream would be told next, its learner says as well; then they part."""
    spec = KINDS["scaled"]
    net = rl.Parallel(spec, B)
    X, Y = steps(spec, 20)
    net.run(X[:19], Y[:19])
    for i in range(B):
        np.testing.assert_allclose(
            net.to_learner(i).step(X[19, i], Y[19, i]), net.predict(X[19])[i], rtol=1e-12
        )


def test_labels_may_come_late():
    spec = Spec(2, 5, dtype="float64", scale_target=True)
    one, late = rl.Parallel(spec, B), rl.Parallel(spec, B)
    X, Y = steps(spec, 10)
    Y = np.nan_to_num(Y)
    for t in range(10):
        late.step(X[t])
        late.learn(Y[t])
        one.step(X[t], Y[t])
    assert np.allclose(one.predict(X[0]), late.predict(X[0]), rtol=1e-9)


def test_a_row_that_cannot_be_taken_changes_nothing():
    net = rl.Parallel(Spec(2, 5), B)
    X, Y = steps(Spec(2, 5), 3)
    net.run(X, Y)
    before = net.blocks()
    X[0, 2, 1] = np.inf
    with pytest.raises(ValueError, match="learner 2: "):
        net.step(X[0], Y[0])
    with pytest.raises(ValueError, match="learner 2: "):
        net.run(X[::-1], Y[::-1])
    with pytest.raises(ValueError, match="X has shape"):
        net.run(X[:, 0], Y)
    assert np.array_equal(net.blocks(), before)


@pytest.mark.parametrize(
    "options",
    [
        {"update": "sequence"},
        {"optimizer": "obgd"},
        {"sparse_inputs": True, "optimizer": "sgd"},
        {"schedule": Exponential(0.9, restart=True)},
        {"scale_target": True, "combine_with": (0,)},
    ],
    ids=str,
)
def test_what_does_not_go_together_is_said(options):
    with pytest.raises(ValueError, match="streams in parallel do not go with"):
        rl.Parallel(Spec(2, 4, **options), B)
