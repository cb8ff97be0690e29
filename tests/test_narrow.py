"""Nets of few units have vectors of half the lanes, and come to the bits of whole ones."""

import numpy as np
import pytest
from pair import engine
from streams import beginnings, rows
from variants import CELLS, WIRINGS

from rtrl_lstm import layout as layouts
from rtrl_lstm.fleet import Fleet
from rtrl_lstm.layout import Layout, family_of
from rtrl_lstm.optimizers import OPTIMIZERS, ClipNorm
from rtrl_lstm.spec import Spec

MODES = {
    "sgd": {"optimizer": "sgd"},
    "adam": {"optimizer": "adam"},
    "sgd sequence": {"optimizer": "sgd", "update": "sequence"},
    "clip norm": {"optimizer": "rmsprop", "clip": ClipNorm(0.3)},
    "forecaster": {"horizon": 2, "scale_target": True, "optimizer": "sgd"},
    "stack": {"num_layers": 2, "scale_inputs": True, "shortcuts": True, "optimizer": "sgd"},
}
KINDS = ("lstm", "peephole coupled", "gru", "rnn", "elstm")


def narrow_and_wide(spec, monkeypatch):
    """The same learner twice: as it is, and with whole vectors."""
    net = engine(spec)
    assert net.layout.family == "narrow"
    with monkeypatch.context() as patched:
        patched.setattr(layouts, "family_of", lambda spec: "simple")
        patched.setattr("rtrl_lstm.core.layout_of", Layout)
        whole = engine(spec)
    assert whole.layout.family == "simple"
    assert net.layout.lanes < whole.layout.lanes
    return net, whole


def assert_same_bits(spec, monkeypatch, steps=60):
    net, whole = narrow_and_wide(spec, monkeypatch)
    X, Y = rows(spec, steps, 0)
    begins = beginnings(steps, 0, 9)
    weights = np.random.default_rng(0).uniform(0.0, 2.0, steps)
    said = net.run(X, Y, weights, begins)
    assert np.ptp(said[1:] - said[:-1]) > 0.0
    np.testing.assert_array_equal(said, whole.run(X, Y, weights, begins))
    for name in net.layout.fields:
        np.testing.assert_array_equal(net.array(name), whole.array(name), err_msg=name)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", KINDS)
def test_modes(name, mode, monkeypatch):
    assert_same_bits(Spec(4, 5, 2, seed=3, **MODES[mode], **CELLS[name]), monkeypatch)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_snap1(cell, monkeypatch):
    assert_same_bits(Spec(3, 5, 1, cell=cell, rule="snap1", optimizer="sgd"), monkeypatch)


@pytest.mark.parametrize("name", CELLS)
def test_cells(name, monkeypatch):
    assert_same_bits(Spec(3, 7, 1, optimizer="sgd", **CELLS[name]), monkeypatch)


@pytest.mark.parametrize("name", WIRINGS)
def test_wirings(name, monkeypatch):
    """Of 4 units, and of more cells than a vector has lanes where blocks of them are narrow."""
    spec = Spec(3, 4, 2, optimizer="sgd", **WIRINGS[name])
    assert_same_bits(spec, monkeypatch)
    if spec.block_size > 1:
        cells = 7 * spec.block_size
        assert_same_bits(Spec(3, cells, 2, optimizer="sgd", **WIRINGS[name]), monkeypatch)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimisers(optimizer, monkeypatch):
    assert_same_bits(Spec(2, 6, 1, optimizer=optimizer), monkeypatch)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (2, 8), (3, 9), (4, 17)])
@pytest.mark.parametrize("units", [1, 2, 7, 8])
def test_sizes(units, inputs, outputs, monkeypatch):
    """An even and an odd number of sources; more outputs than lanes."""
    spec = Spec(inputs, units, outputs, shortcuts=True, optimizer="sgd", learning_rate=0.03)
    assert_same_bits(spec, monkeypatch)


def test_in_a_fleet_as_alone():
    """Rows of a fleet fetch the block that comes next while they learn: nothing else changes."""
    spec = Spec(4, 8, optimizer="sgd")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 5, 4)).astype("float32")
    Y = rng.normal(size=(20, 5))
    fleet = Fleet(spec, 5)
    alone = [engine(spec) for _ in range(5)]
    for k, net in enumerate(alone):
        net.become(fleet[k])
    said = fleet.run(X, Y)
    for k, net in enumerate(alone):
        np.testing.assert_array_equal(said[:, k], net.run(X[:, k], Y[:, k]))
        net.finish()
        np.testing.assert_array_equal(net.block, fleet.blocks()[k])


@pytest.mark.parametrize(
    ("options", "family"),
    [
        ({"hidden_size": 8}, "narrow"),
        ({"hidden_size": 9}, "simple"),
        ({"hidden_size": 8, "num_layers": 2, "output_size": 20}, "narrow"),
        ({"hidden_size": 16, "block_size": 2}, "narrow"),
        ({"hidden_size": 8, "proj_size": 4}, "narrow"),
        ({"hidden_size": 12, "proj_size": 4}, "simple"),
        ({"hidden_size": 4, "dtype": "float64"}, "simple"),
        ({"hidden_size": 4, "rule": "snap1"}, "narrow"),
        ({"hidden_size": 4, "rule": "full"}, "full"),
        ({"hidden_size": 4, "sparse_inputs": True, "optimizer": "sgd"}, "sparse"),
    ],
)
def test_which_are_narrow(options, family):
    spec = Spec(3, **options)
    assert family_of(spec) == family
    assert Layout(spec).lanes * Layout(spec).dtype.itemsize == (32 if family == "narrow" else 64)


def test_a_block_takes_little_more_than_half():
    narrow, wide = Layout(Spec(4, 8)), Layout(Spec(4, 9))
    assert narrow.nbytes < 0.6 * wide.nbytes
