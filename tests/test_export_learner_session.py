"""A session over a learner graph: it learns, and what it learned can be kept and taken back."""

import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper
from streams import rows
from test_export_files import refusal

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.spec import Spec

OPTIONS = {"output_size": 2, "scale_inputs": True, "scale_target": True, "dtype": "float64"}
SPEC = Spec(3, 5, **OPTIONS)
X, Y = rows(SPEC, 60, seed=1)


def learner():
    net = rl.Learner(3, 5, **OPTIONS)
    net.run(*rows(SPEC, 50))
    return net


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "m.onnx"
    export.to_onnx(learner(), path, "learner", "float64")
    return path


@pytest.fixture
def session(path):
    return export.Session(path, "cpu")


def test_step_says_what_the_learner_says_before_it_saw_the_label(session):
    net = learner()
    for x, y in zip(X, Y, strict=True):
        np.testing.assert_allclose(session.step(x, y, 0.5), net.step(x, y, 0.5), rtol=1e-11)
    assert session.step(X[0]).shape == (2,)
    assert session.learns


def test_run_is_step_by_step(session, path):
    again = export.Session(path, "cpu")
    weights = np.linspace(0, 1, 60)
    steps = [again.step(*row) for row in zip(X, Y, weights, strict=True)]
    np.testing.assert_allclose(session.run(X, Y, weights), steps, rtol=1e-13)
    np.testing.assert_array_equal(session.state["steps"], again.state["steps"])


def test_the_rate_may_be_changed_and_goes_back(session):
    net = learner()
    session.learning_rate = net.learning_rate = 0.03
    np.testing.assert_allclose(session.run(X, Y), net.run(X, Y), rtol=1e-10)
    assert session.to_learner().learning_rate == pytest.approx(0.03)


def test_a_state_is_saved_and_goes_on_in_another_session(session, path):
    session.run(X[:30], Y[:30])
    session.reset()
    saved = session.state
    assert saved["reset_next"].all()
    other = export.Session(path, "cpu")
    other.state = saved
    np.testing.assert_array_equal(other.run(X[30:], Y[30:]), session.run(X[30:], Y[30:]))
    saved["h_0"][:] = 9  # the caller's own
    assert (other.state["h_0"] != 9).all()


def test_a_state_that_does_not_fit_is_refused(session):
    state = session.state
    missing = {name: value for name, value in state.items() if name != "c_0"}
    other = state | {"h_0": np.zeros((1, 4))}
    uneven = state | {"h_0": np.zeros((2, 5))}
    for wrong, said in (
        (missing, "not in both: c_0"),
        (other, r"h_0 has shape \(1, 4\); it must be \(B, 5\)"),
        (uneven, "not all of it is for the same number"),
    ):
        with pytest.raises(ValueError, match=said):
            session.state = wrong
    np.testing.assert_array_equal(session.state["h_0"], state["h_0"])


def test_a_step_graph_saves_its_state_as_well(tmp_path):
    export.to_onnx(learner(), tmp_path / "m.onnx", precision="float64")
    first, second = (export.Session(tmp_path / "m.onnx", "cpu") for _ in range(2))
    first.run(X[:20])
    second.state = first.state
    np.testing.assert_array_equal(second.step(X[20]), first.step(X[20]))
    with pytest.raises(ValueError, match="a step graph does not learn"):
        first.step(X[0], Y[0])
    with pytest.raises(ValueError, match="a step graph does not learn"):
        first.run(X, Y)
    with pytest.raises(ValueError, match="a step graph holds no learner"):
        first.to_learner()


def test_a_batch_is_as_many_learners(session):
    streams = [rows(SPEC, 40, seed) for seed in (5, 6, 7)]
    xs, ys = (np.stack([stream[k] for stream in streams], axis=1) for k in range(2))
    said = session.run(xs, ys)
    nets = [learner() for _ in streams]
    for k, (net, stream) in enumerate(zip(nets, streams, strict=True)):
        np.testing.assert_allclose(said[:, k], net.run(*stream), rtol=1e-10)
        back = session.to_learner(k)
        x = np.ones(3)
        np.testing.assert_allclose(back.predict(x), net.predict(x), rtol=1e-10)
    assert session.step(xs[0], ys[0], [1.0, 0.0, 2.0]).shape == (3, 2)
    with pytest.raises(ValueError, match="x has 2 streams, the state 3: one for each learner"):
        session.step(xs[0, :2])
    with pytest.raises(ValueError, match="of 3 streams there is none with number 3"):
        session.to_learner(3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, np.nan, 0.0], [1.0, 1.0]), "x is not finite in column 1"),
        (([1.0, 0.0, 0.0], [1.0]), r"y has shape \(1,\); labels here have \(1, 2\)"),
        (([1.0, 0.0, 0.0], [1.0, np.inf]), "y holds inf: a label must be finite"),
        (([1.0, 0.0, 0.0], [1.0, 1.0], -1.0), "weight must be finite and not negative"),
        (([1.0, 0.0, 0.0], [1.0, 1.0], [1.0, 2.0]), "weight has shape"),
    ],
)
def test_what_is_refused_changes_nothing(session, arguments, message):
    session.step(X[0], Y[0])
    before = session.state
    with pytest.raises(ValueError, match=message):
        session.step(*arguments)
    for name, value in session.state.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    ("options", "label", "rule"),
    [
        ({"loss": "cross_entropy", "output_size": 3}, 3, "a class index from 0 to 2"),
        ({"loss": "log_loss"}, 1.5, "between 0 and 1"),
        ({"loss": "poisson"}, -1, "not negative"),
    ],
)
def test_labels_are_what_the_loss_takes(tmp_path, options, label, rule):
    net = rl.Learner(2, 3, **options)
    export.to_onnx(net, tmp_path / "m.onnx", "learner")
    session = export.Session(tmp_path / "m.onnx", "cpu")
    with pytest.raises(ValueError, match=f"a label must be .*{rule}"):
        session.step([0.0, 0.0], label)
    np.testing.assert_allclose(
        session.run(np.ones((3, 2)), [1, 0, np.nan]), net.run(np.ones((3, 2)), [1, 0, np.nan]),
        rtol=1e-5,
    )  # fmt: skip


def test_a_models_learner_graph_reads_its_rows(tmp_path):
    model = rl.Model(target="y", hidden_size=3)
    model.run([{"x": k % 3, "y": k % 5} for k in range(30)])
    export.to_onnx(model, tmp_path / "m.onnx", "learner", "float64")
    session = export.Session(tmp_path / "m.onnx", "cpu")
    reading = session.schema.read({"x": 1, "y": 2})
    assert session.step(reading.inputs, 2.0).shape == (1,)


@pytest.mark.parametrize("update", ["step", "sequence"])
def test_a_models_learner_graph_forecasts_and_learns_nothing(tmp_path, update):
    """Raw rows of a kind that the statistics have not seen; one column has been constant so far."""
    rng = np.random.default_rng(0)
    rows = [
        {"run": k // 25, "x": x, "still": 3.0 + (k >= 60) * k, "y": x + k % 5}
        for k, x in enumerate(rng.normal(size=90))
    ]
    model = rl.Model(
        target="y", reset_on="run", hidden_size=3, dtype="float64", update=update, clip=None
    )
    model.run(rows[:60])
    export.to_onnx(model, tmp_path / "m.onnx", "learner", "float64")
    rows = [{**row, "x": 50.0 * row["x"]} for row in rows[60:]]
    expected = model.frozen().run(rows)
    for found in (
        export.ModelSession(tmp_path / "m.onnx").run(rows),
        [export.ModelSession(tmp_path / "m.onnx").step(row) for row in rows[:1]],
    ):
        np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-11)


def test_it_learns_without_numba(path):
    code = (
        "import sys; from rtrl_lstm.export import Session;"
        f"Session({str(path)!r}).step([0, 0, 0], [1, 1]);"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Files that were tampered with.


def saved_as(model, tmp_path):
    (tmp_path / "altered.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "altered.onnx"


def outer_product(model):
    """A tensor far larger than the file: every weight with every weight."""
    weight, size = "layer0.ifg.weight", np.array([3])
    axes = onnx.numpy_helper.from_array(size, "new_axes")
    nodes = [
        helper.make_node("Unsqueeze", [weight, "new_axes"], ["column"]),
        helper.make_node("Unsqueeze", ["column", "new_axes"], ["column2"]),
        helper.make_node("Mul", [weight, "column2"], ["large"]),
    ]
    model.graph.initializer.append(axes)
    model.graph.node.extend(nodes)


def another_width(model):
    tensor = next(t for t in model.graph.initializer if t.name == "h_0")
    tensor.dims[:] = [1, 1, 5]


def swapped(model):
    first, second = model.graph.input[5], model.graph.input[6]
    first.name, second.name = second.name, first.name


def no_default(model):
    kept = [t for t in model.graph.initializer if t.name != "steps"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def wide_is_narrow(model):
    tensor = next(t for t in model.graph.initializer if t.name == "steps")
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros((1, 1), np.float32), "steps"))


def foreign(model):
    model.graph.node.append(helper.make_node("Expand", ["x", "integers_2"], ["large"]))


def another_horizon(model):
    entry = model.metadata_props[0]
    entry.value = entry.value.replace('"horizon": 0', '"horizon": 999999999')


ALTERATIONS = {
    "growth": (outer_product, "would be larger than any graph of ours needs"),
    "shape": (another_width, "altered: its sizes are not those"),
    "names": (swapped, "not those of a learner graph"),
    "default": (no_default, "not those of a learner graph"),
    "operator": (foreign, "Expand"),
    "horizon": (another_horizon, "not those of a learner graph"),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_graph(path, tmp_path, name):
    alter, message = ALTERATIONS[name]
    model = onnx.load(path)
    alter(model)
    assert message in refusal(saved_as(model, tmp_path))


def test_a_counter_of_another_dtype(tmp_path):
    export.to_onnx(rl.Learner(2, 3), tmp_path / "m.onnx", "learner")
    model = onnx.load(tmp_path / "m.onnx")
    wide_is_narrow(model)
    assert "altered: its sizes are not those" in refusal(saved_as(model, tmp_path))


def test_any_byte_turned(path, tmp_path):
    """Numbers may change unseen; nothing else may go wrong."""
    whole, turned = path.read_bytes(), tmp_path / "turned.onnx"
    rng = np.random.default_rng(0)
    opened = 0
    for place in rng.integers(0, len(whole), 60):
        data = bytearray(whole)
        data[place] ^= 1 << rng.integers(8)
        turned.write_bytes(data)
        try:
            session = export.Session(turned, "cpu")
        except export.GraphFileError:
            continue
        assert session.step([0.0, 0.0, 0.0], [0.0, 0.0]).shape == (2,)
        opened += 1
    assert 0 < opened < 60


@pytest.mark.proof
@pytest.mark.parametrize("graph", ["step", "learner"])
def test_a_session_costs_at_most_a_third_more_than_onnxruntime_itself(tmp_path, graph):
    export.to_onnx(rl.Learner(3, 32), tmp_path / "m.onnx", graph)
    session = export.Session(tmp_path / "m.onnx", "cpu")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    providers = ["CPUExecutionProvider"]
    runtime = ort.InferenceSession(tmp_path / "m.onnx", options, providers=providers)
    row = np.zeros(3, np.float32)
    fed = {"x": row[None]} | ({"y": np.zeros((1, 1), np.float32)} if graph == "learner" else {})
    fed |= session.state
    label = 0.0 if graph == "learner" else None
    ours = bare = np.inf
    for _ in range(30):
        for kind in ("ours", "bare"):
            begin = time.perf_counter()
            for _ in range(100):
                if kind == "ours":
                    session.step(row, label)
                else:
                    runtime.run(None, fed)
            taken = time.perf_counter() - begin
            ours, bare = (min(ours, taken), bare) if kind == "ours" else (ours, min(bare, taken))
    print(f"{graph}: {ours / bare:.2f} of InferenceSession.run, {1e4 * ours:.1f} µs a step")
    assert ours <= 1.3 * bare


def test_what_is_too_small_for_a_normal_number_becomes_0(tmp_path):
    net = rl.Learner(2, 3)
    net.set_array("layer0.i.moment1", np.full((3, 6), 1e-44))
    net.set_array("layer0.f.trace", np.full((3, 6), 1e-30))
    export.to_onnx(net, tmp_path / "m.onnx", "learner")
    session = export.Session(tmp_path / "m.onnx", "cpu")
    session.run(np.zeros((256, 2)))
    moment = session.state["layer0.ifg.moment1"]
    assert (moment == 0).all()
    session.run(np.zeros((300, 2)), np.ones(300))
    for name, value in session.state.items():
        tiny = np.abs(value)[value != 0]
        assert value.dtype == np.float64 or not (tiny < np.finfo(np.float32).tiny).all(), name


@pytest.mark.parametrize("rate", [np.nan, -1.0, 0.0, "fast", None])
def test_a_rate_that_is_none(session, rate):
    before = session.learning_rate
    with pytest.raises(ValueError, match="learning_rate must be a finite number above 0"):
        session.learning_rate = rate
    assert session.learning_rate == before


def test_labels_the_wrong_way_round_are_refused(tmp_path):
    """(2, 3) labels for three learners of two outputs: the same numbers, of other learners."""
    export.to_onnx(rl.Learner(3, 4, 2), tmp_path / "m.onnx", graph="learner")
    session = export.Session(tmp_path / "m.onnx")
    X, Y = np.zeros((3, 3)), np.arange(6.0).reshape(3, 2)
    with pytest.raises(ValueError, match=r"y has shape \(2, 3\); labels here have \(3, 2\)"):
        session.step(X, Y.T)
    with pytest.raises(ValueError, match=r"y has shape \(1, 2, 3\)"):
        session.run(X[np.newaxis], Y.T[np.newaxis])
    assert session.run(np.zeros((0, 3, 3)), np.zeros((0, 3, 2))).shape == (0, 3, 2)
    session.step(X, Y)
    assert session.state["labels"].tolist() == [[1.0], [1.0], [1.0]]
