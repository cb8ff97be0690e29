"""A session keeps the state: from export on, in batches, over resets, and when a row is refused."""

import subprocess
import sys

import numpy as np
import onnxruntime as ort
import pytest
from variants import WIRINGS

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.export import runtime


@pytest.fixture(scope="module")
def net():
    net = rl.Learner(input_size=3, hidden_size=5, output_size=2, dtype="float64", scale_inputs=True)
    rng = np.random.default_rng(0)
    net.run(rng.normal(size=(100, 3)), rng.normal(size=(100, 2)))
    return net


@pytest.fixture(scope="module", params=["step", "sequence"])
def path(request, net, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "m.onnx"
    export.to_onnx(net, path, graph=request.param, precision="float64")
    return path


@pytest.fixture
def session(path):
    return export.Session(path, "cpu")


X = np.random.default_rng(1).normal(size=(40, 3))


def test_it_starts_where_the_learner_stood(session, net):
    np.testing.assert_allclose(session.step(X[0]), net.frozen().predict(X[0]), rtol=1e-12)
    assert session.step(X[1]).shape == (2,)


def test_run_is_step_by_step(session, path):
    again = export.Session(path, "cpu")
    np.testing.assert_allclose(session.run(X), [again.step(x) for x in X], rtol=1e-13)
    np.testing.assert_allclose(session.state["h_0"], again.state["h_0"], rtol=1e-13)


def test_reset_goes_to_zero(session, net):
    frozen = net.frozen()
    begins = np.zeros(len(X), bool)
    begins[[0, 7, 8]] = True
    np.testing.assert_allclose(
        session.run(X, reset=begins), frozen.run(X, reset=begins), rtol=1e-12
    )
    session.reset()
    assert all((value == 0).all() for value in session.state.values())


def test_a_batch_is_as_many_sessions(session, path):
    streams = np.stack([X[:20], X[20:]], axis=1)
    together = session.run(streams)
    assert together.shape == (20, 2, 2)
    for k, rows in enumerate((X[:20], X[20:])):
        np.testing.assert_allclose(
            together[:, k], export.Session(path, "cpu").run(rows), rtol=1e-13
        )
    with pytest.raises(ValueError, match="3 streams, the state 2: reset first"):
        session.step(np.zeros((3, 3)))
    session.reset()
    assert session.step(np.zeros((3, 3))).shape == (3, 2)


def test_what_comes_out_is_the_callers_own(session):
    first = session.step(X[0])
    state, kept = session.state, first.copy()
    state["h_0"][:] = 9
    session.step(X[1])
    np.testing.assert_array_equal(first, kept)
    assert (session.state["h_0"] != 9).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1.0, np.nan, 0.0], "x is not finite in column 1"),
        ([1.0, 0.0, -np.inf], "x is not finite in column 2"),
        ([1.0, 0.0], r"x has shape \(2,\), this graph takes \(3,\) or \(B, 3\)"),
        ([[[1.0, 0.0, 0.0]]], "x has shape"),
    ],
)
def test_a_row_that_is_refused_changes_nothing(session, x, message):
    session.step(X[0])
    before = session.state
    with pytest.raises(ValueError, match=message):
        session.step(x)
    for name, value in session.state.items():
        np.testing.assert_array_equal(value, before[name])


def test_run_names_the_row_that_is_not_finite_and_takes_none(session):
    rows = X.copy()
    rows[11, 2] = np.nan
    before = session.state
    with pytest.raises(ValueError, match="X is not finite in row 11, column 2"):
        session.run(rows)
    np.testing.assert_array_equal(session.state["h_0"], before["h_0"])
    with pytest.raises(ValueError, match=r"reset has shape \(3,\) for 40 rows"):
        session.run(X, reset=[True, False, False])
    with pytest.raises(ValueError, match=r"X has shape \(3,\)"):
        session.run(X[0])
    with pytest.raises(ValueError, match=r"x has shape \(2,\), this graph takes \(3,\)"):
        session.run(X[:, :2])


def test_numbers_too_large_to_square_are_numbers(path):
    y = export.Session(path, "cpu").step([1e200, 0.0, 0.0])
    assert np.isfinite(y).all()


def test_a_bare_onnxruntime_may_leave_the_state_out(net, tmp_path):
    path = tmp_path / "m.onnx"
    export.to_onnx(net, path, precision="float64")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    bare = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    y, h, c = bare.run(["y", "h_0_out", "c_0_out"], {"x": X[:1]})
    frozen = net.frozen()
    np.testing.assert_allclose(y[0], frozen.step(X[0]), rtol=1e-12)
    y = bare.run(["y"], {"x": X[1:2], "h_0": h, "c_0": c})[0]
    np.testing.assert_allclose(y[0], frozen.step(X[1]), rtol=1e-12)
    # And the one state at export serves a batch of any size.
    batch = bare.run(["y"], {"x": X[:8]})[0]
    np.testing.assert_allclose(batch, [net.frozen().predict(x) for x in X[:8]], rtol=1e-12)


def test_providers(path):
    assert export.Session(path, "cpu").provider == "CPUExecutionProvider"
    with pytest.raises(ValueError, match="provider must be auto, cpu, cuda, not 'tpu'"):
        export.Session(path, "tpu")


@pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(), reason="this machine has CUDA"
)
def test_a_provider_that_is_missing_is_named_with_its_package(path):
    assert export.Session(path).provider == "CPUExecutionProvider"
    with pytest.raises(export.ProviderError, match=r"no cuda provider.*install onnxruntime-gpu"):
        export.Session(path, "cuda")


@pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(), reason="this machine has CUDA"
)
def test_a_gpu_that_lies_idle_is_told_with_the_package_to_install(path, monkeypatch):
    monkeypatch.setattr(runtime, "_has_gpu", lambda: True)
    with pytest.warns(RuntimeWarning, match="install onnxruntime-gpu.*the CPU is used") as said:
        assert export.Session(path).provider == "CPUExecutionProvider"
    assert said[0].filename == __file__
    export.Session(path, "cpu")  # was asked for by name


def test_threads(path):
    assert export.Session(path, "cpu", threads=2).step([0, 0, 0]).shape == (2,)
    with pytest.raises(ValueError, match="threads must be an integer of at least 1, not 0"):
        export.Session(path, "cpu", threads=0)


def test_a_session_needs_no_numba(path):
    code = (
        "import sys; from rtrl_lstm.export import ModelSession, Session, describe;"
        f"Session({str(path)!r}).step([0, 0, 0]); describe({str(path)!r});"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("graph", ["step", "sequence"])
@pytest.mark.parametrize("wiring", WIRINGS)
def test_every_wiring_of_an_lstm_is_read_back(tmp_path, wiring, graph):
    net = rl.Learner(3, 4, 2, num_layers=2, dtype="float64", **WIRINGS[wiring])
    export.to_onnx(net, tmp_path / "m.onnx", graph, "float64")
    session = export.Session(tmp_path / "m.onnx", "cpu")
    np.testing.assert_allclose(session.run(X), net.frozen().run(X), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    "bad",
    [["a", "b", "c"], [1j, 2j, 3j], np.array(["2020-01-01"] * 3, "datetime64[s]")],
    ids=["text", "complex", "dates"],
)
def test_what_holds_no_numbers(session, bad):
    before = session.state
    with pytest.raises(ValueError, match="x must be numbers"):
        session.step(bad)
    with pytest.raises(ValueError, match="X must be numbers"):
        session.run([bad])
    with pytest.raises(ValueError, match="reset must be numbers"):
        session.run(X[:3], reset=bad)
    with pytest.raises(ValueError, match="x is not finite in column 1"):
        session.step(np.ma.masked_array(X[0], [0, 1, 0]))
    assert all(np.array_equal(before[name], value) for name, value in session.state.items())


def test_a_graph_that_does_not_learn_has_no_rate(session):
    with pytest.raises(AttributeError, match="does not learn"):
        _ = session.learning_rate
    with pytest.raises(AttributeError, match="does not learn"):
        session.learning_rate = 0.1


def test_what_is_not_exported_says_what_is(tmp_path):
    spec = rl.Spec(3, 4)
    for source, part in (
        (rl.Fleet(spec, 2), r"fleet\[i\]"),
        (rl.Parallel(spec, 2), "to_learner"),
        (rl.Panel("y", key="k"), r"panel.models\[key\]"),
        (rl.Delayed("y", id="k"), r"leading\(\)"),
        (spec, "not Spec"),
        (None, "not None"),
    ):
        with pytest.raises(TypeError, match=part):
            export.to_onnx(source, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
