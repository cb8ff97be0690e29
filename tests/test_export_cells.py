"""Every cell with its options, in stacks: both graphs compute what the frozen learner computes."""

import dataclasses

import numpy as np
import onnxruntime as ort
import pytest
from streams import rows
from variants import WIRINGS

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.kernels.slots import CELL_ACTIVATIONS
from rtrl_lstm.spec import Spec

# What goes over a sequence in float32: one of ONNX's operators where it is exactly the cell.
OPERATOR_CELLS = {
    "lstm": {},
    "coupled": {"coupled_gates": True},
    "peephole": {"peephole": True},
    "peephole, coupled": {"peephole": True, "coupled_gates": True},
    **{f"g {name}": {"input_activation": name} for name in CELL_ACTIVATIONS[1:]},
    **{f"k {name}": {"cell_activation": name} for name in CELL_ACTIVATIONS[1:]},
    "g and k": {"input_activation": "4sigmoid-2", "cell_activation": "identity"},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
    "rnn relu": {"cell": "rnn", "input_activation": "relu"},
}
SCAN_CELLS = {
    "no input gate": {"input_gate": False},
    "no forget gate": {"forget_gate": False},
    "no output gate": {"output_gate": False},
    "no gates": {"input_gate": False, "forget_gate": False, "output_gate": False},
    "coupled, no output gate": {"coupled_gates": True, "output_gate": False},
    "1997": {
        "forget_gate": False,
        "input_activation": "4sigmoid-2",
        "cell_activation": "2sigmoid-1",
    },
    "peephole, no input gate": {"peephole": True, "input_gate": False},
    "peephole, no forget gate": {"peephole": True, "forget_gate": False},
    "peephole, no output gate": {"peephole": True, "output_gate": False},
    "elstm": {"cell": "elstm"},
    "elstm, no output gate": {"cell": "elstm", "output_gate": False},
}
CELLS = OPERATOR_CELLS | SCAN_CELLS
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def trained(dtype, count=100, **options):
    """A learner in the middle of a stream."""
    spec = Spec(3, 7, 2, dtype=dtype, **options)
    net = rl.Learner(3, 7, 2, dtype=dtype, **options)
    net.run(*rows(spec, count))
    return net


def later_rows(net, precision, count=40):
    """Rows that the learner has not seen, which the graph's precision can hold."""
    X, _ = rows(net.spec, count, seed=1)
    return X.astype(precision).astype(X.dtype)


def states(options, layers):
    kinds = "h" if options.get("cell") in ("gru", "rnn") else "hc"
    return [f"{kind}_{k}" for k in range(layers) for kind in kinds]


def assert_same(found, expected, precision):
    assert np.abs(found - expected).max() <= TOLERANCE[precision] * np.abs(expected).max()


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_graphs_are_the_frozen_learner(tmp_path, cell, layers, precision):
    net = trained(precision, num_layers=layers, **CELLS[cell])
    X, begins = later_rows(net, precision), np.arange(40) == 20
    frozen = net.frozen()
    expected = frozen.run(X, reset=begins)
    names = states(CELLS[cell], layers)
    for graph, said in (("step", "y"), ("sequence", "Y")):
        path = tmp_path / f"{graph}.onnx"
        differences = export.to_onnx(net, path, graph=graph, precision=precision)
        assert list(differences) == [said, *(f"{name}_out" for name in names)]
        assert max(differences.values()) <= TOLERANCE[precision]
        session = export.Session(path, "cpu")
        assert_same(session.run(X, reset=begins), expected, precision)
        assert list(session.state) == names
        for name, value in frozen.state().items():
            assert_same(session.state[name][0], value, precision)
    by_operator = precision == "float32" and cell in OPERATOR_CELLS
    operator = net.spec.cell.upper() if by_operator else "Scan"
    assert export.describe(path)["operator"] == operator


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", WIRINGS)
def test_every_wiring(tmp_path, name, precision):
    """Gates that see gates, blocks and projections, in a stack."""
    spec = Spec(3, 4, 2, dtype=precision, num_layers=2, **WIRINGS[name])
    fields = {
        f.name: getattr(spec, f.name) for f in dataclasses.fields(spec) if f.name != "horizon"
    }
    net = rl.Learner(**fields)
    net.run(*rows(spec, 60))
    X, frozen = later_rows(net, precision), net.frozen()
    expected = frozen.run(X)
    for graph in ("step", "sequence"):
        export.to_onnx(net, tmp_path / "m.onnx", graph=graph, precision=precision)
        session = export.Session(tmp_path / "m.onnx", "cpu")
        assert_same(session.run(X), expected, precision)
        for state, value in frozen.state().items():
            assert_same(session.state[state][0], value, precision)


@pytest.mark.parametrize("graph", ["step", "sequence"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("cell", ["lstm", "peephole", "no gates", "gru", "rnn", "elstm"])
def test_without_biases_and_with_everything_around_the_cell(tmp_path, cell, precision, graph):
    around = {"bias": False, "shortcuts": True, "scale_inputs": True, "scale_target": True}
    net = trained(precision, num_layers=2, **around, **CELLS[cell])
    export.to_onnx(net, tmp_path / "m.onnx", graph=graph, precision=precision)
    X = later_rows(net, precision)
    found = export.Session(tmp_path / "m.onnx", "cpu").run(X)
    assert_same(found, net.frozen().run(X), precision)


@pytest.mark.parametrize("graph", ["step", "sequence"])
@pytest.mark.parametrize("options", [{"num_layers": 2}, {"cell": "gru", "num_layers": 2}])
def test_a_forecaster_of_layers_exports_its_leading_state(tmp_path, options, graph):
    net = rl.Forecaster(3, input_size=2, hidden_size=5, dtype="float64", **options)
    X = np.random.default_rng(0).normal(size=(80, 2))
    net.run(X[:60], X[:60, 0])
    export.to_onnx(net, tmp_path / "m.onnx", graph=graph, precision="float64")
    found = export.Session(tmp_path / "m.onnx", "cpu").run(X[60:])
    assert_same(found, net.frozen().run(X[60:]), "float64")


@pytest.mark.parametrize("graph", ["step", "sequence"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_single_input_keeps_its_digits(tmp_path, bias, graph):
    """onnxruntime merges a MatMul with a scale that is a single number, and rounds that number."""
    net = rl.Learner(1, 4, bias=bias, dtype="float64", scale_inputs=True, scale_target=True)
    x = 3.0 + np.random.default_rng(0).normal(size=(50, 1)) / 3
    net.run(x, x)
    differences = export.to_onnx(net, tmp_path / "m.onnx", graph=graph, precision="float64")
    assert max(differences.values()) <= 1e-14


@pytest.mark.parametrize("graph", ["step", "sequence"])
def test_a_net_that_grows_without_bound_is_the_same_net(tmp_path, graph):
    net = rl.Learner(2, 4, cell="rnn", input_activation="relu", bias=False)
    weights = net.state_dict()
    weights["weight_hh_l0"][:] = 3.0
    net.load_state_dict(weights)
    differences = export.to_onnx(net, tmp_path / "m.onnx", graph=graph)
    assert max(differences.values()) <= 1e-5


@pytest.mark.parametrize("graph", ["step", "sequence"])
def test_a_diverged_learner_is_refused(tmp_path, graph):
    net = rl.Learner(2, 4)
    net.set_array("layer0.s", np.array([0.0, np.inf, 0.0, 0.0]))
    with pytest.raises(export.ExportError, match="c_0 has numbers that are not finite"):
        export.to_onnx(net, tmp_path / "m.onnx", graph=graph)
    assert list(tmp_path.iterdir()) == []


def test_describe_says_cell_and_layers(tmp_path):
    net = rl.Learner(2, 4, cell="gru", num_layers=3)
    export.to_onnx(net, tmp_path / "m.onnx")
    found = export.describe(tmp_path / "m.onnx")
    assert (found["cell"], found["layers"], found["operator"]) == ("gru", 3, None)
    assert list(found["inputs"]) == ["x", "h_0", "h_1", "h_2"]
    assert list(found["outputs"]) == ["y", "h_0_out", "h_1_out", "h_2_out"]


@pytest.mark.parametrize("graph", ["step", "sequence"])
@pytest.mark.parametrize("cell", ["lstm", "peephole", "gru", "rnn", "elstm"])
def test_the_one_state_at_export_serves_a_stack_over_a_batch_of_any_size(tmp_path, cell, graph):
    net = trained("float64", num_layers=3, **CELLS[cell])
    export.to_onnx(net, tmp_path / "m.onnx", graph=graph, precision="float64")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    providers = ["CPUExecutionProvider"]
    bare = ort.InferenceSession(tmp_path / "m.onnx", options, providers=providers)
    X = later_rows(net, "float64", 8)
    fed = {"x": X} if graph == "step" else {"X": X[None]}
    found = bare.run(None, fed)[0].reshape(8, 2)
    assert_same(found, np.array([net.frozen().predict(x) for x in X]), "float64")
