"""The sequence graph: any number of rows and streams in one call."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.export import operators, sweep

KINDS = {
    "LSTM": {"num_layers": 2, "peephole": True},
    "GRU": {"cell": "gru"},
    "RNN": {"cell": "rnn"},
    "Scan": {"forget_gate": False, "num_layers": 2},
}
X = np.random.default_rng(1).normal(size=(30, 6, 3)).astype(np.float32)


def trained(**options):
    net = rl.Learner(3, 5, 2, scale_inputs=True, shortcuts=True, **options)
    rng = np.random.default_rng(0)
    net.run(rng.normal(size=(80, 3)), rng.normal(size=(80, 2)))
    return net


@pytest.fixture(scope="module", params=KINDS)
def kind(request, tmp_path_factory):
    """A learner, its sequence graph, and the operator that is in it."""
    net = trained(**KINDS[request.param])
    path = tmp_path_factory.mktemp("export") / "m.onnx"
    export.to_onnx(net, path, graph="sequence")
    return net, path, request.param


def bare(path):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def engine(net, X):
    """What the frozen learner says of each stream, from its present state on."""
    streams = X.swapaxes(0, 1).astype(np.float64)
    return np.stack([net.frozen().run(rows) for rows in streams], axis=1)


def test_names_shapes_and_operators_are_as_promised(kind):
    net, path, operator = kind
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    assert operator in {node.op_type for node in model.graph.node}

    def shapes(values):
        return {
            value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
            for value in values
        }

    state = {name: ["batch", 5] for name in net.state()}
    found = export.describe(path)
    assert found["graph"] == "sequence"
    assert found["operator"] == operator
    assert found["inputs"] == {"X": ["time", "batch", 3], **state}
    defaults = {name: [f"batch_of_{name}", 5] for name in state}
    assert shapes(model.graph.input) == found["inputs"] | defaults
    after = {f"{name}_out": shape for name, shape in state.items()}
    assert found["outputs"] == {"Y": ["time", "batch", 2], **after}
    assert shapes(model.graph.output) == found["outputs"]
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for name, value in net.state().items():
        np.testing.assert_array_equal(stored[name], value[None])


@pytest.mark.parametrize(("time", "batch"), [(1, 1), (1, 6), (30, 1), (30, 6), (7, 2)])
def test_any_number_of_rows_and_streams(kind, time, batch):
    net, path, _ = kind
    rows = X[:time, :batch]
    found = bare(path).run(["Y"], {"X": rows})[0]
    assert found.shape == (time, batch, 2)
    np.testing.assert_allclose(found, engine(net, rows), atol=2e-6)


def test_two_calls_are_one(kind):
    net, path, _ = kind
    runtime = bare(path)
    names = [output.name for output in runtime.get_outputs()]
    whole = runtime.run(names, {"X": X})
    first, *state = runtime.run(names, {"X": X[:11]})
    given = dict(zip(net.state(), state, strict=True))
    second, *state = runtime.run(names, {"X": X[11:], **given})
    np.testing.assert_allclose(np.concatenate([first, second]), whole[0], atol=1e-6)
    for one, other in zip(state, whole[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_sequence_that_is_longer_than_a_call(kind, monkeypatch):
    net, path, _ = kind
    monkeypatch.setattr(sweep, "ROWS", 8)
    found = export.Session(path, "cpu").run(X)
    np.testing.assert_allclose(found, engine(net, X), atol=2e-6)


def test_no_rows_and_no_streams(kind):
    """At which onnxruntime's GRU brings the process down."""
    _, path, _ = kind
    session = export.Session(path, "cpu")
    assert session.run(X[:0, 0]).shape == (0, 2)
    with pytest.raises(ValueError, match=r"x has shape \(0, 3\)"):
        session.run(X[:, :0])


def test_equal_learners_give_equal_bytes(kind, tmp_path):
    net, path, _ = kind
    export.to_onnx(net, tmp_path / "m.onnx", graph="sequence")
    assert (tmp_path / "m.onnx").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("what", "wrong", "options"),
    [
        ("GATES", {**operators.GATES, "lstm": ("i", "f", "o", "g")}, {}),
        ("GATES", {**operators.GATES, "gru": ("r", "z", "n_x")}, {"cell": "gru"}),
        ("PEEPHOLES", ("i", "f", "o"), {"peephole": True}),
    ],
)
def test_a_wrong_graph_is_refused(tmp_path, monkeypatch, what, wrong, options):
    net = trained(**options)
    monkeypatch.setattr(operators, what, wrong)
    with pytest.raises(export.ExportError, match=r"Y by [\d.e-]+.* nothing was written"):
        export.to_onnx(net, tmp_path / "m.onnx", graph="sequence")
    assert list(tmp_path.iterdir()) == []
