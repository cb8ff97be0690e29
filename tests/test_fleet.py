"""A fleet is its learners: each bit for bit what it would be alone."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import SPECS, rows

import rtrl_lstm as rl
from rtrl_lstm.spec import Spec

FLEETS = SPECS | {"forecasters": Spec(3, 5, horizon=3, scale_target=True)}


def alone(spec, i):
    """Learner number i of a fleet of `spec`, by itself."""
    seeded = dataclasses.replace(spec, seed=spec.seed + i)
    fields = {f.name: getattr(seeded, f.name) for f in dataclasses.fields(seeded)}
    if spec.horizon:
        return rl.Forecaster(**fields)
    del fields["horizon"]
    return rl.Learner(**fields)


def assert_same(fleet, singles):
    fleet.finish()
    for i, single in enumerate(singles):
        single.finish()
        assert np.array_equal(fleet.matrix[i, : fleet.layout.nbytes], single.block), i


@pytest.mark.parametrize("name", FLEETS)
def test_each_learner_is_what_it_would_be_alone(name):
    spec, n, times = FLEETS[name], 5, 30
    fleet, singles = rl.Fleet(spec, n), [alone(spec, i) for i in range(n)]
    streams = [rows(spec, times, seed) for seed in range(n)]
    rng = np.random.default_rng(0)
    for t in range(times):
        active = rng.random(n) < 0.6
        if t == times // 2:
            fleet.reset(active)
            for i in np.flatnonzero(active):
                singles[i].reset()
        X = np.array([streams[i][0][t] for i in np.flatnonzero(active)]).reshape(
            -1, spec.input_size
        )
        Y = [streams[i][1][t] for i in np.flatnonzero(active)]
        said = fleet.step(X, np.array(Y), active)
        for k, i in enumerate(np.flatnonzero(active)):
            assert np.array_equal(said[k], singles[i].step(X[k], Y[k]))
    assert_same(fleet, singles)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 700), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_threads_and_blocks_of_rows_change_no_bit(n, threads, times, seed):
    spec = Spec(3, 4, seed=seed, optimizer="adam")
    one, many = rl.Fleet(spec, n, threads=1), rl.Fleet(spec, n, threads=threads)
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(times, n, 3)).astype(np.float32), rng.normal(size=(times, n))
    by_step = np.array([one.step(x, y) for x, y in zip(X, Y, strict=True)])
    assert np.array_equal(many.run(X, Y), by_step)
    one.finish()
    many.finish()
    assert np.array_equal(one.matrix, many.matrix)


def test_add_drop_save_load_and_copies(tmp_path):
    spec = Spec(2, 6, scale_target=True, optimizer="adam")
    fleet, singles = rl.Fleet(spec, 3), [alone(spec, i) for i in range(3)]

    def feed():
        X, Y = rows(spec, 20 * len(singles), len(singles))
        X, Y = X.reshape(20, -1, 2), Y.reshape(20, -1, 1)
        said = fleet.run(X, Y)
        for i, single in enumerate(singles):
            assert np.array_equal(said[:, i], single.run(X[:, i], Y[:, i]))

    feed()
    assert list(fleet.add(2)) == [3, 4]
    singles += [alone(spec, 3), alone(spec, 4)]
    feed()
    fleet.drop([0, 3])
    singles = [singles[i] for i in (1, 2, 4)]
    feed()
    fleet.save(tmp_path / "f.rtrl")
    fleet = rl.load(tmp_path / "f.rtrl")
    feed()
    fleet = pickle.loads(pickle.dumps(copy.deepcopy(fleet)))
    feed()
    assert_same(fleet, singles)


def test_a_view_shares_the_numbers():
    fleet = rl.Fleet(Spec(2, 4), 3)
    view = fleet[-1]
    view.step([0.5, 1.0], 2.0)
    fleet.finish()
    assert fleet[2].steps == 1
    assert fleet[0].steps == 0
    with pytest.raises(IndexError, match="numbers from 0 to"):
        fleet[3]


def test_late_labels_and_predictions():
    spec = Spec(2, 4, optimizer="sgd")
    fleet, singles = rl.Fleet(spec, 4), [alone(spec, i) for i in range(4)]
    X = np.random.default_rng(0).normal(size=(4, 2))
    before = fleet.matrix.copy()
    guessed = fleet.predict(X)
    assert np.array_equal(fleet.matrix, before)
    assert np.array_equal(guessed, fleet.step(X))
    fleet.learn([1.0, 2.0], [1, 3])
    for i, single in enumerate(singles):
        single.step(X[i])
    singles[1].learn(1.0)
    singles[3].learn(2.0)
    assert_same(fleet, singles)
    with pytest.raises(RuntimeError, match="without labels"):
        fleet.learn([1.0], [1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_late_labels_of_any_numbers_and_order_of_memory(dtype):
    fleet, single = rl.Fleet(Spec(2, 4), 3, same_start=True), rl.Learner(2, 4)
    Y = np.arange(6).astype(dtype)[::-2]  # 5, 3, 1
    fleet.step(np.ones((3, 2)))
    fleet.learn(Y)
    single.step([1.0, 1.0])
    single.learn(1.0)
    fleet.finish()
    single.finish()
    assert np.array_equal(fleet.matrix[2, : fleet.layout.nbytes], single.block)


def test_mapped(tmp_path):
    spec, path = Spec(2, 4), tmp_path / "fleet.bin"
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(9, 6, 2)), rng.normal(size=(9, 6))
    fleet, mapped = rl.Fleet(spec, 6), rl.Fleet.mapped(path, spec, 6)
    expected = fleet.run(X, Y)
    said = [*mapped.run(X[:4], Y[:4])]
    mapped.flush()
    del mapped
    said += [*rl.Fleet.mapped(path, spec).run(X[4:], Y[4:])]
    assert np.array_equal(said, expected)
    with pytest.raises(FileExistsError):
        rl.Fleet.mapped(path, spec, 6)
    with pytest.raises(ValueError, match="no fleet of"):
        rl.Fleet.mapped(path, Spec(2, 40, dtype="float64"))


@pytest.mark.parametrize(
    ("X", "Y", "active", "wanted"),
    [
        (np.zeros((3, 3)), None, None, r"X has shape \(3, 3\); it must be \(3, 2\)"),
        (np.zeros((3, 2)), np.zeros(2), None, r"Y has shape \(2,\); it must be \(3,\)"),
        (np.zeros((3, 2)), np.zeros((1, 3)), None, r"Y has shape \(1, 3\)"),
        (np.zeros((3, 2)), ["a"] * 3, None, "Y must be numbers"),
        (np.zeros((1, 2)), None, [1.7], "learners' numbers"),
        (np.zeros((1, 2)), None, slice(0, 1), "learners' numbers"),
        (np.zeros((2, 2)), None, [0, 0], "twice"),
        (np.zeros((1, 2)), None, [3], "from 0 to 2"),
        (np.zeros((1, 2)), None, [True, False], "must be"),
        (np.array([[0, 0], [0, np.nan]]), None, [0, 2], r"learner 2: x\[1\] is nan"),
        (np.zeros((3, 2)), [0.0, np.inf, 0.0], None, r"learner 1: y\[0\] is inf"),
    ],
)
def test_what_cannot_be_taken_changes_nothing(X, Y, active, wanted):
    fleet = rl.Fleet(Spec(2, 4), 3)
    before = fleet.matrix.copy()
    with pytest.raises(ValueError, match=wanted):
        fleet.step(X, Y, active)
    assert np.array_equal(fleet.matrix, before)


def test_labels_the_wrong_way_round_are_refused():
    """(2, 3) labels for three learners of two outputs: the same numbers, of other learners."""
    fleet = rl.Fleet(Spec(2, 4, 2), 3)
    X, Y = np.zeros((3, 2)), np.arange(6.0).reshape(3, 2)
    with pytest.raises(ValueError, match=r"Y has shape \(2, 3\); it must be \(3, 2\)"):
        fleet.step(X, Y.T)
    with pytest.raises(ValueError, match=r"Y has shape \(1, 2, 3\); it must be \(1, 3, 2\)"):
        fleet.run(X[np.newaxis], Y.T[np.newaxis])
    fleet.step(X)
    with pytest.raises(ValueError, match=r"Y has shape \(2, 3\)"):
        fleet.learn(Y.T)
    with pytest.raises(ValueError, match=r"weight has shape \(2,\); it must be \(3,\)"):
        fleet.learn(Y, weight=[1.0, 1.0])
    fleet.learn(Y)
    assert [fleet[i].labels for i in range(3)] == [1, 1, 1]


def test_nobodys_row():
    fleet = rl.Fleet(Spec(2, 4), 3)
    before = fleet.matrix.copy()
    assert fleet.step(np.zeros((0, 2)), [], active=[]).shape == (0, 1)
    assert fleet.predict(np.zeros((0, 2)), active=[]).shape == (0, 1)
    assert fleet.run(np.zeros((0, 3, 2)), np.zeros((0, 3))).shape == (0, 3, 1)
    assert np.array_equal(fleet.matrix, before)


def test_no_such_fleet(tmp_path):
    for count in (0, 2.5, "3", None, True):
        with pytest.raises(ValueError, match="n_learners must be an integer of at least 1"):
            rl.Fleet(Spec(2, 4), count)
    with pytest.raises(ValueError, match="n_learners"):
        rl.Fleet.mapped(tmp_path / "none.bin", Spec(2, 4), 0)
    assert not (tmp_path / "none.bin").exists()
    with pytest.raises(ValueError, match="threads"):
        rl.Fleet(Spec(2, 4), 2, threads=0)
    with pytest.raises(TypeError, match="spec must be a Spec"):
        rl.Fleet({"input_size": 2}, 2)
    fleet = rl.Fleet(Spec(2, 4), 2)
    with pytest.raises(TypeError, match="slice"):
        fleet[0:2]
    with pytest.raises(ValueError, match="count"):
        fleet.add(0)
    with pytest.raises(ValueError, match="the last one cannot be dropped"):
        fleet.drop([0, 1])
    with pytest.raises(ValueError, match="from 0 to 1"):
        fleet.drop(2)
    assert len(fleet) == 2


def test_same_start():
    fleet = rl.Fleet(Spec(2, 4), 3, same_start=True)
    assert (fleet.matrix == fleet.matrix[0]).all()
    assert not (rl.Fleet(Spec(2, 4), 2).matrix == fleet.matrix[0]).all()
