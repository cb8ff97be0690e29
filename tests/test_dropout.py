"""Dropout between the layers of a stack: each step is the twin's, and no one else drops any."""

import dataclasses
import pickle

import numpy as np
import pytest
from pair import assert_steps_agree, engine
from streams import rows
from variants import CELLS, WIRINGS

import rtrl_lstm as rl
from reference.dropout import kept
from rtrl_lstm.spec import Spec

COMMON = {"hidden_size": 4, "num_layers": 2, "dropout": 0.4, "dtype": "float64", "seed": 3}
NETS = {name: CELLS[name] for name in ("lstm", "peephole coupled", "gru", "rnn", "elstm")}
NETS |= {name: WIRINGS[name] for name in ("1997 blocks", "projected blocks")}


def spec_of(options, **more):
    return Spec(**({"input_size": 3, "output_size": 2} | COMMON | options | more))


@pytest.mark.parametrize(
    ("name", "more"),
    [(name, {}) for name in NETS]
    + [(name, more) for name in ("lstm", "gru") for more in ({"horizon": 2}, {"num_layers": 3})],
    ids=str,
)
def test_each_step_is_the_twins(name, more):
    assert_steps_agree(spec_of(NETS[name], optimizer="sgd", **more), learned=0.7)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_snap1(name):
    assert_steps_agree(spec_of(NETS[name], rule="snap1"), steps=15, learned=0.7)


def test_the_share_is_the_one_asked_for_and_the_mean_stays():
    drawn = np.array([kept(5, row, layer, 50, 0.3) for row in range(200) for layer in (1, 2)])
    assert abs((drawn == 0.0).mean() - 0.3) < 0.01
    assert abs(drawn.mean() - 1.0) < 0.02
    assert np.abs(np.corrcoef(drawn.T) - np.eye(50)).max() < 0.2  # places go their own ways
    assert np.abs(np.corrcoef(drawn[::2].ravel(), drawn[1::2].ravel())[0, 1]) < 0.03


def test_it_is_the_same_in_any_chunks_and_after_any_stop():
    spec = spec_of({})
    X, Y = rows(spec, 40, 0)
    said, net = engine(spec).run(X, Y), engine(spec)
    found = [net.run(X[:7], Y[:7])]
    net = pickle.loads(pickle.dumps(net))
    found += [net.step(x, y)[np.newaxis] for x, y in zip(X[7:19], Y[7:19], strict=True)]
    np.testing.assert_array_equal(np.concatenate([*found, net.run(X[19:], Y[19:])]), said)


@pytest.mark.parametrize("horizon", [0, 2])
def test_who_does_not_learn_drops_nothing(horizon):
    """`predict`, frozen learners and a forecaster's forecasts are those of the net as a whole."""
    spec = spec_of({}, horizon=horizon)
    X, Y = rows(spec, 30, 0)
    net = engine(spec)
    net.run(X, Y)
    whole = engine(dataclasses.replace(spec, dropout=0.0))
    whole.load_state_dict(net.state_dict())
    for name in net.layout.fields:
        if name.endswith((".h", ".s")):
            whole.set_array(name, net.array(name))
    expected = whole.frozen().run(X[:5])
    np.testing.assert_array_equal(net.predict(X[0]), expected[0])
    np.testing.assert_array_equal(net.frozen().run(X[:5]), expected)
    assert np.any(net.step(X[0]) != expected[0]) == (horizon == 0)


def test_learners_of_a_fleet_drop_what_they_would_alone():
    spec = spec_of({}, output_size=1)
    fleet = rl.Fleet(spec, 3)
    X = np.random.default_rng(0).normal(size=(20, 3, 3))
    said = fleet.run(X, X.sum(axis=2))
    for k in range(3):
        alone = engine(dataclasses.replace(spec, seed=spec.seed + k))
        np.testing.assert_array_equal(said[:, k], alone.run(X[:, k], X[:, k].sum(axis=1)))
    twins = rl.Fleet(spec, 2, same_start=True)
    assert np.ptp(twins.predict(np.ones((2, 3)))) == 0.0
    assert np.ptp(twins.step(np.ones((2, 3)))) > 0.0  # the same weights, but not the same draw


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"num_layers": 1}, "num_layers"),
        ({"rule": "full"}, "rule 'full'"),
        ({"dropout": 1.0}, "below 1"),
        ({"dropout": -0.1}, "at least 0"),
        ({"dropout": "0.5"}, "dropout"),
    ],
    ids=str,
)
def test_what_it_cannot_be_is_said(options, named):
    with pytest.raises(ValueError, match=named):
        spec_of({}, **options)
