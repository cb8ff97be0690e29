"""Networks from ONNX files: what is said stays, and learning goes on."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from foreign import B, H, I, O, T, graph_of, head, random, recurrent
from onnx import helper
from streams import rows
from test_export_cells import OPERATOR_CELLS

import rtrl_lstm as rl
from rtrl_lstm import export

FILES = Path(__file__).parent / "onnx"


def said_by(path, shape, seed=3):
    """Random rows of that shape, and what onnxruntime makes of them with states of zero.

    float32, as float64: kernels are compiled for each dtype of rows.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    first, *others = session.get_inputs()
    states = {v.name: np.zeros((v.shape[0], shape[0], H), np.float32) for v in others}
    return x.astype(np.float64), session.run(None, {first.name: x, **states})[0]


def assert_same(found, expected, limit=1e-5):
    assert np.abs(found - expected).max() <= limit * np.abs(expected).max()


# What PyTorch's two exporters wrote: shape of the rows, whether the first axis is the batch, and
# whether only the last row is answered.
TORCH = {
    "lstm.onnx": ((2, 9, 3), True, False),
    "lstm_states.onnx": ((2, 9, 3), True, False),
    "gru_last.onnx": ((9, 2, 3), False, True),
    "rnn_sigmoid.onnx": ((2, 9, 3), True, False),
    "lstm_dynamo.onnx": ((2, 9, 3), True, False),
    "lstm_softmax_dynamo.onnx": ((2, 7, 3), True, True),
    "gru_dynamo.onnx": ((4, 7, 3), False, False),
    "beside.onnx": ((1, 7, 3), True, False),
}


@pytest.mark.parametrize("name", TORCH)
def test_what_torch_exports_says_the_same_and_again_when_exported(name, tmp_path):
    shape, batch_first, last = TORCH[name]
    x, expected = said_by(FILES / name, shape)
    x = x if batch_first else x.swapaxes(0, 1)
    if not last:
        expected = expected if batch_first else expected.swapaxes(0, 1)
    net = export.from_onnx(FILES / name, learning_rate=0.01)
    export.to_onnx(net, tmp_path / "again.onnx", graph="sequence")
    again = export.from_onnx(tmp_path / "again.onnx")
    session = export.Session(tmp_path / "again.onnx", "cpu")
    for stream, wanted in zip(x, expected, strict=True):
        wanted = wanted[None] if last else wanted
        for run in (net.frozen().run, again.frozen().run, session.run):
            session.reset()
            assert_same(run(stream)[-len(wanted) :], wanted)


def test_it_goes_on_learning():
    net = export.from_onnx(FILES / "lstm.onnx", learning_rate=0.02)
    X = np.random.default_rng(0).standard_normal((3000, 3))
    Y = np.stack([X[:, 0], np.roll(X[:, 1], 1)], 1)
    errors = np.abs(net.run(X, Y) - Y).mean(1)
    assert errors[-500:].mean() < 0.6 * errors[:100].mean()


@pytest.mark.parametrize("cell", OPERATOR_CELLS)
def test_every_cell_that_onnx_can_say_comes_back_by_its_operator(tmp_path, cell):
    """Our own graph without a word of where it comes from."""
    options = OPERATOR_CELLS[cell]
    net = rl.Learner(3, 7, 2, num_layers=2, **options)
    net.run(*rows(net.spec, 50))
    export.to_onnx(net, tmp_path / "ours.onnx", graph="sequence")
    model = onnx.load(tmp_path / "ours.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    found = export.from_onnx(tmp_path / "foreign.onnx", clip=1.0)
    X, _ = rows(net.spec, 40, seed=1)
    assert_same(found.frozen().run(X), net.frozen().run(X))
    for name, value in net.state().items():
        assert_same(found.state()[name], value)
    same = ("cell", "num_layers", "peephole", "coupled_gates", "input_activation")
    for name in (*same, "cell_activation"):
        assert getattr(found.spec, name) == getattr(net.spec, name)


def test_scaling_in_a_foreign_graph_becomes_running_scaling(tmp_path):
    net = rl.Learner(3, 7, 2, scale_inputs=True, scale_target=True)
    X, Y = rows(net.spec, 300)
    net.run(1e4 + 50 * X, 7 + Y)
    export.to_onnx(net, tmp_path / "m.onnx", graph="sequence")
    model = onnx.load(tmp_path / "m.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "m.onnx")
    found = export.from_onnx(tmp_path / "m.onnx")
    assert found.spec.scaled_inputs == (True, True, True)
    assert not found.spec.scale_target  # which is part of the readout's weights
    X = 1e4 + 50 * rows(net.spec, 40, seed=1)[0]
    assert_same(found.frozen().run(X), net.frozen().run(X), 1e-4)
    folded = export.from_onnx(tmp_path / "m.onnx", scale_inputs=False, dtype="float64")
    assert_same(folded.frozen().run(X), net.frozen().run(X), 1e-4)


@pytest.mark.parametrize(
    ("graph", "precision"),
    [("step", "float64"), ("sequence", "float32"), ("step", "int8"), ("sequence", "float16")],
)
@pytest.mark.parametrize(
    "options",
    [
        {"scale_inputs": True, "scale_target": True, "shortcuts": True},
        {"cell": "gru", "num_layers": 2, "scale_inputs": (True, False, True)},
        {"peephole": True, "coupled_gates": True},
        {"cell": "elstm"},
        {"cell": "lstm1997", "block_size": 2, "bias": ("gates",)},
        {"proj_size": 3, "num_layers": 2},
        {"scale_target": True, "combine_with": (0, 2), "combine_only": (2,), "scale_inputs": True},
        {"scale_target": True, "combine_with": ((0, 2), (0, 1)), "combine_inner": (2,)},
    ],
    ids=["around", "gru", "peephole", "elstm", "1997", "projection", "combination", "combinations"],
)
def test_our_own_graphs_come_back(tmp_path, options, graph, precision):
    outputs = 1 if options.get("combine_with") == (0, 2) else 2
    net = rl.Learner(3, 6, outputs, dtype="float64", **options)
    X, Y = rows(net.spec, 100)
    net.run(X, Y)
    path = tmp_path / "m.onnx"
    export.to_onnx(net, path, graph=graph, precision=precision)
    found = export.from_onnx(path, learning_rate=0.5, optimizer="sgd")
    assert (found.spec.optimizer.name, found.learning_rate) == ("sgd", 0.5)
    # Numbers that either precision has; float64, as kernels are compiled for each dtype of rows.
    X, Y = (a.astype(np.float32).astype(np.float64) for a in rows(net.spec, 30, seed=1))
    expected = export.Session(path, "cpu").run(X)
    assert_same(found.frozen().run(X), expected, 1e-12 if precision == "float64" else 1e-4)
    found.run(X, Y)


def test_what_was_combined_before_any_label_comes_back_as_it_was(tmp_path):
    net = rl.Learner(3, 4, scale_target=True, combine_with=(0, 2), dtype="float64")
    export.to_onnx(net, tmp_path / "m.onnx", precision="float64")
    found = export.from_onnx(tmp_path / "m.onnx")
    for part in ("", ".losses", ".advantage"):
        name = f"combination{part}"
        np.testing.assert_array_equal(found.array(name), net.array(name))


@pytest.mark.parametrize("horizon", [0, 3])
def test_a_learner_graph_comes_back_whole(tmp_path, horizon):
    options = {"scale_inputs": True, "scale_target": True, "dtype": "float64"}
    made = rl.Forecaster if horizon else rl.Learner
    net = made(**({"horizon": 3} if horizon else {}), input_size=3, hidden_size=5, **options)
    X, Y = rows(net.spec, 200)
    net.run(X[:150], Y[:150])
    export.to_onnx(net, tmp_path / "m.onnx", graph="learner", precision="float64")
    found = export.from_onnx(tmp_path / "m.onnx")
    assert found.spec == net.spec
    assert found.labels == net.labels
    assert np.array_equal(found.run(X[150:], Y[150:]), net.run(X[150:], Y[150:]))
    other = export.from_onnx(tmp_path / "m.onnx", optimizer="sgd", learning_rate=0.1)
    assert other.spec.optimizer.name == "sgd"
    with pytest.raises(ValueError, match="settled by the graph: hidden_size is 5"):
        export.from_onnx(tmp_path / "m.onnx", hidden_size=3)


# --- graphs as other exporters draw them -------------------------------------------------------


def check(tmp_path, model, shape, order=lambda y: y, **options):
    """A graph's answers and the learner's are the same."""
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    net = export.from_onnx(path, **options)
    x, expected = said_by(path, shape)
    return net, x, order(expected)


def test_keras_like_with_the_batch_first_and_a_sigmoid(tmp_path):
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        recurrent("LSTM", "t"),
        helper.make_node("Squeeze", ["Y", "one"], ["s"]),
        helper.make_node("Transpose", ["s"], ["h"], perm=[1, 0, 2]),
        *head("h", "a"),
        helper.make_node("Sigmoid", ["a"], ["y"]),
    ]
    model = graph_of(nodes, [None, None, I], [None, None, O])
    net, x, y = check(tmp_path, model, (B, T, I))
    assert net.spec.loss == "log_loss"
    assert_same(net.frozen().run(x[1]), y[1])


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN"])
def test_only_the_last_state_and_a_gemm(tmp_path, operator):
    nodes = [
        recurrent(operator, "x"),
        helper.make_node("Squeeze", ["Y_h", "zero"], ["h"]),
        helper.make_node("Gemm", ["h", "V", "v"], ["y"], alpha=0.5, beta=2.0),
    ]
    model = graph_of(nodes, [None, None, I], [None, O], operator)
    net, x, y = check(tmp_path, model, (T, B, I))
    assert_same(net.frozen().run(x[:, 2])[-1], y[2])


def test_layers_that_are_batch_first_themselves(tmp_path):
    """layout=1, which onnxruntime does not run: held against the same with layout=0."""
    nodes = [
        recurrent("LSTM", "x", layout=1),
        helper.make_node("Squeeze", ["Y", "two"], ["h"]),
        *head("h", "y"),
    ]
    (tmp_path / "m.onnx").write_bytes(
        graph_of(nodes, [None, None, I], [None, None, O]).SerializeToString()
    )
    net = export.from_onnx(tmp_path / "m.onnx")
    nodes = [
        recurrent("LSTM", "x"),
        helper.make_node("Squeeze", ["Y", "one"], ["h"]),
        *head("h", "y"),
    ]
    other, x, _ = check(tmp_path, graph_of(nodes, [None, None, I], [None, None, O]), (T, B, I))
    assert np.array_equal(net.run(x[:, 0]), other.run(x[:, 0]))


def test_linear_layers_in_front_and_between_and_scaled_outputs(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "A"], ["ax"]),
        helper.make_node("Add", ["ax", "a"], ["u"]),
        recurrent("GRU", "u"),
        helper.make_node("Squeeze", ["Y", "one"], ["h"]),
        *head("h", "w"),
        helper.make_node("Mul", ["w", "factor"], ["m"]),
        helper.make_node("Sub", ["offset", "m"], ["y"]),
    ]
    numbers = {
        "A": random(0, 4, I),
        "a": random(1, I),
        "factor": random(2, O),
        "offset": random(3, 1),
    }
    model = graph_of(nodes, [None, None, 4], [None, None, O], "GRU", numbers)
    net, x, y = check(tmp_path, model, (T, B, 4))
    assert net.spec.input_size == 4
    assert_same(net.frozen().run(x[:, 1]), y[:, 1])


def test_states_in_the_file_are_where_the_learner_begins(tmp_path):
    nodes = [
        recurrent("LSTM", "x", states=True),
        helper.make_node("Squeeze", ["Y", "one"], ["h"]),
        *head("h", "y"),
    ]
    numbers = {"h0": random(5, 1, 1, H), "c0": random(6, 1, 1, H)}
    model = graph_of(nodes, [None, 1, I], [None, 1, O], "LSTM", numbers)
    net, x, y = check(tmp_path, model, (T, 1, I))
    assert_same(net.state()["c_0"], numbers["c0"][0, 0])
    assert_same(net.frozen().run(x[:, 0]), y[:, 0])


def test_float64_which_no_runtime_runs(tmp_path):
    def nodes():
        yield recurrent("LSTM", "x")
        yield helper.make_node("Squeeze", ["Y", "one"], ["h"])
        yield from head("h", "y")

    single = graph_of(list(nodes()), [None, None, I], [None, None, O])
    double = graph_of(list(nodes()), [None, None, I], [None, None, O], dtype=np.float64)
    (tmp_path / "double.onnx").write_bytes(double.SerializeToString())
    net = export.from_onnx(tmp_path / "double.onnx")
    assert net.spec.dtype == "float64"
    _, x, y = check(tmp_path, single, (T, B, I))
    assert_same(net.frozen().run(x[:, 0]), y[:, 0])


def test_no_linear_layer(tmp_path):
    nodes = [recurrent("LSTM", "x"), helper.make_node("Squeeze", ["Y", "one"], ["y"])]
    model = graph_of(nodes, [None, None, I], [None, None, H])
    net, x, y = check(tmp_path, model, (T, B, I))
    assert net.spec.output_size == H
    assert_same(net.frozen().run(x[:, 0]), y[:, 0])
    fresh = export.from_onnx(tmp_path / "m.onnx", output_size=1, seed=4)
    assert fresh.step(x[0, 0], 1.0).shape == (1,)


def test_logits_and_scaling_that_lies_outside(tmp_path):
    nodes = [
        recurrent("LSTM", "x"),
        helper.make_node("Squeeze", ["Y", "one"], ["h"]),
        *head("h", "y"),
    ]
    model = graph_of(nodes, [None, None, I], [None, None, O])
    net, x, y = check(tmp_path, model, (T, B, I), loss="cross_entropy")
    e = np.exp(y[:, 0])
    assert_same(net.frozen().run(x[:, 0]), e / e.sum(-1, keepdims=True))
    net = export.from_onnx(
        tmp_path / "m.onnx",
        input_scaling=export.Scaling(mean=100.0, sd=[10.0, 20.0, 30.0][:I]),
        target_scaling=export.Scaling(mean=-5.0, sd=2.0, rows=50),
        horizon=2,
    )
    assert isinstance(net, rl.Forecaster)
    raw = 100 + np.array([10.0, 20.0, 30.0][:I]) * x[:, 0]
    assert_same(net.frozen().run(raw), -5 + 2 * y[:, 0])
    with pytest.raises(ValueError, match=r"scale_target: .* target_scaling=Scaling\(mean, sd\)"):
        export.from_onnx(tmp_path / "m.onnx", scale_target=True)
    with pytest.raises(ValueError, match="hidden_size: that is settled"):
        export.from_onnx(tmp_path / "m.onnx", hidden_size=9)
    with pytest.raises(ValueError, match="output_size is 3"):
        export.from_onnx(tmp_path / "m.onnx", output_size=3)
    with pytest.raises(TypeError, match="no option hiden_size; did you mean hidden_size"):
        export.from_onnx(tmp_path / "m.onnx", hiden_size=9)
    with pytest.raises(TypeError, match=r"input_scaling must be a Scaling\(mean, sd\), not 3"):
        export.from_onnx(tmp_path / "m.onnx", input_scaling=3)
    export.to_onnx(net, tmp_path / "own.onnx")
    with pytest.raises(TypeError, match="no option momentum"):
        export.from_onnx(tmp_path / "own.onnx", momentum=0.9)
