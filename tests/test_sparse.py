"""Inputs that are mostly zero may be passed over: not a bit differs from looking at all of them."""

import copy
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.core import layout_of
from rtrl_lstm.spec import Spec

KINDS = {
    "plain": {},
    "no forget gate": {"forget_gate": False},
    "1997": {"cell": "lstm1997", "update": "sequence", "bias": False},
    "peephole": {"peephole": True, "shortcuts": True},
    "gates see gates": {"gate_recurrence": "gates", "bias": ("cells", "readout")},
    "projection": {"proj_size": 3, "num_layers": 2},
    "some biases": {"bias": ("gates",), "shortcuts": True, "coupled_gates": True},
    "no bias": {"bias": False, "shortcuts": True},
    "adam": {"optimizer": "adam", "update": "sequence", "clip": 1.0},
    "fast decay": {"forget_bias": -20.0},
    "gru": {"cell": "gru", "shortcuts": True},
    "rnn": {"cell": "rnn"},
    "elstm": {"cell": "elstm", "num_layers": 2},
}


def pair(inputs, **options):
    """A learner, and the same that passes zeros over."""
    options = {"optimizer": "sgd", "learning_rate": 0.1} | options
    dense = rl.Learner(inputs, 5, **options)
    sparse = rl.Learner(inputs, 5, sparse_inputs=True, **options)
    assert np.array_equal(dense.array("readout.weight"), sparse.array("readout.weight"))
    return dense, sparse


def stream(inputs, times, density, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(times, inputs)) * (rng.random((times, inputs)) < density)
    Y = rng.normal(size=times)
    Y[rng.random(times) < 0.4] = np.nan
    return X.astype(np.float32), Y, rng.random(times) < 0.03


def assert_same(dense, sparse):
    dense.finish()
    sparse.finish()
    for name in dense.layout.fields:
        assert np.array_equal(dense.array(name), sparse.array(name)), name


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12)
@given(
    inputs=st.integers(1, 60),
    density=st.sampled_from([0.0, 0.02, 0.1, 1.0]),
    seed=st.integers(0, 99),
    finishes=st.sets(st.integers(0, 299), max_size=3),
)
def test_no_bit_differs(kind, inputs, density, seed, finishes):
    dense, sparse = pair(inputs, **KINDS[kind])
    X, Y, begins = stream(inputs, 300, density, seed)
    if dense.spec.cell != "lstm":  # kernels are compiled for each dtype of rows: see `streams.rows`
        X = X.astype(np.float64)
    said = dense.run(X, Y, reset=begins)
    heard = [sparse.run(X[:100], Y[:100], reset=begins[:100])]
    for t in range(100, 200):
        if begins[t]:
            sparse.reset()
        if t in finishes:
            sparse.finish()
        if t % 3 == 0:
            heard.append(sparse.step(X[t])[None])
            if not np.isnan(Y[t]):
                sparse.learn(Y[t])
        else:
            heard.append(sparse.step(X[t], Y[t])[None])
    heard.append(sparse.run(csr_array(X[200:]), Y[200:], reset=begins[200:]))
    assert np.array_equal(said, np.concatenate(heard))
    assert_same(dense, sparse)


def test_rows_as_scipy_has_them():
    X, Y, begins = stream(40, 20_000, 0.05, 0)
    dense, sparse = pair(40)
    said = dense.run(X, Y, reset=begins)
    places = np.nonzero(X)
    order = np.random.default_rng(0).permutation(len(places[0]))
    shuffled = coo_array((X[places][order], (places[0][order], places[1][order])), X.shape)
    unsorted = csr_array(X)
    unsorted.indices, unsorted.data = unsorted.indices[::-1].copy(), unsorted.data[::-1].copy()
    assert np.array_equal(said, sparse.run(shuffled.tocsr(), Y, reset=begins))
    assert_same(dense, sparse)
    backward = copy.copy(sparse).run(csr_array(X[:5]), Y[:5])
    assert np.array_equal(backward, sparse.run(X[:5], Y[:5]))


def test_numbers_put_in_by_hand_are_seen():
    dense, sparse = pair(30)
    X, Y, _ = stream(30, 50, 0.05, 1)
    dense.run(X, Y)
    sparse.run(X, Y)
    for learner in (dense, sparse):
        learner.set_array("layer0.i.trace", np.ones((5, 36)))
    assert np.array_equal(dense.run(X, Y), sparse.run(X, Y))
    assert_same(dense, sparse)


def test_it_grows_and_goes_through_a_file(tmp_path):
    dense, sparse = pair(30)
    X, Y, _ = stream(30, 50, 0.05, 2)
    wide, later, _ = stream(50, 50, 0.05, 3)
    for learner in (dense, sparse):
        learner.run(X, Y)
        learner.grow(dataclasses.replace(learner.spec, input_size=50))
    sparse.save(tmp_path / "m.rtrl")
    again = rl.load(tmp_path / "m.rtrl")
    assert np.array_equal(dense.run(wide, later), sparse.run(wide, later))
    assert_same(dense, sparse)
    again.run(wide, later)
    again.finish()
    assert np.array_equal(again.block, sparse.block)


def test_a_fleet_of_them():
    spec = Spec(30, 5, optimizer="sgd", sparse_inputs=True)
    fleet, alone = rl.Fleet(spec, 2), rl.Learner(30, 5, optimizer="sgd", sparse_inputs=True)
    X, Y, _ = stream(30, 60, 0.05, 4)
    said = fleet.run(np.stack([X, X], 1), np.stack([Y, Y], 1))
    assert np.array_equal(said[:, 0], alone.run(X, Y))


def test_traces_that_have_decayed_are_forgotten():
    learner = rl.Learner(1000, 4, optimizer="sgd", sparse_inputs=True, forget_bias=-20.0)
    for k in range(500):
        learner.run(csr_array(([1.0], ([0], [k])), shape=(1, 1000)), [0.5])
    assert learner.array("sparse.live")[0] < 70


def test_what_it_does_not_go_with():
    for options in (
        {"optimizer": "adam"},
        {"optimizer": rl.Momentum()},
        {"rule": "snap1"},
        {"rule": "full"},
        {"block_size": 2},
        {"horizon": 2},
        {"scale_inputs": True},
    ):
        with pytest.raises(ValueError, match="sparse_inputs goes with rule 'truncated' and"):
            Spec(4, 4, **{"optimizer": "sgd", "sparse_inputs": True} | options)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"shape": (3, 5)}, r"X has shape \(3, 5\); it must be \(T, 4\)"),
        ({"indices": np.array([0, 9, 1])}, "an index is out of range"),
        ({"indices": np.array([0, 1, 1])}, "names a column twice in row 1"),
        ({"indptr": np.array([0, 2, 1, 3])}, "an index is out of range"),
        ({"indptr": np.array([0, 1, 3, 9])}, "indptr does not fit the data"),
        ({"data": np.array([1.0, np.nan, 2.0])}, r"x\[1\] is nan in row 1: inputs must be finite"),
    ],
)
def test_matrices_that_are_none(change, line):
    class Matrix:
        shape = (3, 4)
        indptr = np.array([0, 1, 3, 3])
        indices = np.array([0, 1, 2])
        data = np.array([1.0, 2.0, 3.0])

    X, learner = Matrix(), rl.Learner(4, 4, optimizer="sgd", sparse_inputs=True)
    vars(X).update(change)
    before = learner.block.copy()
    with pytest.raises(ValueError, match=line):
        learner.run(X)
    assert np.array_equal(learner.block, before)


def test_labels_of_listed_rows_are_looked_at():
    learner = rl.Learner(4, 4, optimizer="sgd", sparse_inputs=True)
    with pytest.raises(ValueError, match=r"y\[0\] is inf in row 1"):
        learner.run(csr_array(np.eye(4)), [0.0, np.inf, 0.0, 0.0])


def test_layouts_have_lists_only_where_they_are_asked_for():
    assert not any("sparse" in name for name in layout_of(Spec(4)).fields)


@pytest.mark.parametrize("graph", ["step", "learner"])
def test_it_goes_into_a_graph_and_back(tmp_path, graph):
    """A graph looks at all inputs, and says the same."""
    words = np.random.default_rng(0).integers(0, 20, 90)
    X, Y = np.eye(20)[words], words % 3 - 1.0
    net = rl.Learner(20, 6, sparse_inputs=True, optimizer="sgd", learning_rate=0.1)
    net.run(X[:30], Y[:30])
    export.to_onnx(net, tmp_path / "m.onnx", graph=graph)
    session, again = export.Session(tmp_path / "m.onnx"), export.from_onnx(tmp_path / "m.onnx")
    assert again.spec == net.spec
    if graph == "learner":
        said = session.run(X[30:60], Y[30:60])
        np.testing.assert_allclose(said, net.run(X[30:60], Y[30:60]), atol=1e-5)
        again = session.to_learner()
        expected = net.run(X[60:], Y[60:])
    else:
        expected = net.frozen().run(X[60:])
        again = again.frozen()
    found = again.run(X[60:], Y[60:] if graph == "learner" else None)
    np.testing.assert_allclose(found, expected, atol=1e-5)
