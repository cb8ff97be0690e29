"""The step graph computes what the engine computes, and is refused where it does not."""

import numpy as np
import onnx
import pytest
from streams import rows

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.export import cells, parts
from rtrl_lstm.export.graph import Graph
from rtrl_lstm.spec import Spec

CASES = {
    "plain": {},
    "scaled": {"scale_inputs": True, "scale_target": True},
    "some inputs scaled": {"scale_inputs": (True, False, True), "output_size": 2},
    "shortcuts": {"shortcuts": True, "scale_inputs": True, "scale_target": True},
    "no bias": {"bias": False},
    "no bias, shortcuts": {"bias": False, "shortcuts": True},
    "sigmoid": {"output_activation": "sigmoid"},
    "log loss": {"loss": "log_loss", "scale_inputs": True},
    "classes": {"loss": "cross_entropy", "output_size": 4, "shortcuts": True},
    "one unit": {"hidden_size": 1},
    "counts": {"loss": "poisson"},
    "combined": {"scale_inputs": True, "scale_target": True, "combine_with": (2, 0)},
    "combined only": {
        "scale_inputs": True,
        "scale_target": True,
        "combine_with": (2, 0),
        "combine_only": (0,),
    },
    "each combined": {
        "scale_inputs": True,
        "scale_target": True,
        "output_size": 2,
        "combine_with": ((2, 0), (2, 1)),
        "combine_only": (0,),
    },
    "quantiles": {
        "loss": "quantile",
        "quantiles": (0.1, 0.5, 0.9),
        "output_size": 3,
        "scale_target": True,
    },
}
ALONE = {"float64": 1e-12, "float32": 2e-6}  # one step, of the output's size
RUNNING = {"float64": 1e-12, "float32": 1e-5}  # left running


def trained(dtype="float64", count=200, horizon=0, **options):
    """A learner in the middle of a stream, not at its start and not at a reset."""
    spec = Spec(**{"input_size": 3, "hidden_size": 7, **options}, dtype=dtype)
    options = {"hidden_size": 7, "dtype": dtype, **options}
    net = (
        rl.Forecaster(horizon, input_size=3, **options)
        if horizon
        else rl.Learner(input_size=3, **options)
    )
    net.run(*rows(spec, count))
    return net


def largest(found, expected):
    """The largest difference, as a fraction of the largest number of that output."""
    return (np.abs(found - expected).max(0) / np.abs(expected).max(0)).max()


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_the_graph_is_the_frozen_learner(tmp_path, case, dtype, precision):
    net = trained(dtype, **CASES[case])
    coarser = min(dtype, precision)
    differences = export.to_onnx(net, tmp_path / "m.onnx", precision=precision)
    assert set(differences) == {"y", "h_0_out", "c_0_out"}
    assert max(differences.values()) <= ALONE[coarser]

    X, _ = rows(net.spec, 300, seed=1)
    X = X.astype(np.float32)
    session, frozen = export.Session(tmp_path / "m.onnx", "cpu"), net.frozen()
    assert largest(session.run(X), frozen.run(X)) <= RUNNING[coarser]
    for name, value in frozen.state().items():
        np.testing.assert_allclose(session.state[name][0], value, atol=RUNNING[coarser])


def test_a_forecaster_exports_its_leading_state(tmp_path):
    net = trained(horizon=5, scale_inputs=True, scale_target=True)
    export.to_onnx(net, tmp_path / "m.onnx", precision="float64")
    session = export.Session(tmp_path / "m.onnx", "cpu")
    assert session.provenance.spec.horizon == 5
    X, _ = rows(net.spec, 100, seed=1)
    np.testing.assert_allclose(session.run(X), net.frozen().run(X), rtol=1e-12)


def test_names_shapes_and_versions_are_as_promised(tmp_path):
    net = trained(scale_inputs=True)
    export.to_onnx(net, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)

    def shapes(values):
        return {
            value.name: tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim)
            for value in values
        }

    # A state may be one for all, while x is a batch: its free dimension is another one.
    state = {name: (f"batch_of_{name}", 7) for name in ("h_0", "c_0")}
    assert shapes(model.graph.input) == {"x": ("batch", 3), **state}
    after = dict.fromkeys(("h_0_out", "c_0_out"), ("batch", 7))
    assert shapes(model.graph.output) == {"y": ("batch", 1), **after}
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for name, value in net.state().items():
        np.testing.assert_array_equal(stored[name], value[None].astype(np.float32))
    for name in ("weight_ih_l0", "weight_hh_l0", "readout.weight"):
        np.testing.assert_array_equal(stored[name], net.state_dict()[name].astype(np.float32))


def test_an_export_leaves_the_learner_as_it_was_and_its_bytes_depend_on_it_alone(tmp_path):
    net = trained()
    before = net.block.copy()
    (tmp_path / "elsewhere").mkdir()
    paths = tmp_path / "a.onnx", tmp_path / "elsewhere" / "b.onnx"
    for path in paths:
        export.to_onnx(net, path)
    np.testing.assert_array_equal(net.block, before)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert str(tmp_path).encode() not in first


def test_inputs_far_from_zero_keep_their_digits_in_float32():
    mean, scale = np.array([1e6 + 0.03, 0.0]), np.array([1.0, 1.0])
    g = Graph("scaling", np.float32)
    g.output("z", parts.standardise(g, g.input("x", (1, 2)), mean, scale), (1, 2))
    session = export.runtime.start(
        g.model(producer="", version="", doc="").SerializeToString(), "cpu"
    )
    x = np.array([[1e6 + 1, 0.5]], np.float32)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], (x - mean) * scale, rtol=1e-6)


def wrong_gate(g, spec, z, own, c_tm1):
    """An LSTM cell that forgets nothing."""
    added = g.op("Mul", g.op("Sigmoid", z["i"]), g.op("Tanh", z["g"]))
    c = g.op("Add", c_tm1, added)
    return g.op("Mul", g.op("Sigmoid", z["o"]), g.op("Tanh", c)), c, {}


def no_activation(g, a, activation):
    return a


def slightly_off(g, y, mean, scale):
    return g.op("Add", g.op("Mul", y, g.number("target_scale", scale * 1.001)), y)


@pytest.mark.parametrize(
    ("home", "part", "wrong", "options"),
    [
        (cells, "lstm", wrong_gate, {}),
        (parts, "activate", no_activation, {"loss": "log_loss"}),
        (parts, "unstandardise", slightly_off, {"scale_target": True}),
    ],
)
def test_a_wrong_graph_is_refused_with_the_numbers(
    tmp_path, monkeypatch, home, part, wrong, options
):
    net = trained(**options)
    path = tmp_path / "m.onnx"
    path.write_bytes(b"as it was")
    monkeypatch.setattr(home, part, wrong)
    with pytest.raises(export.ExportError, match=r"y by [\d.e-]+.* of its size.*nothing was"):
        export.to_onnx(net, path)
    assert path.read_bytes() == b"as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_state_at_export_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Graph,
        "input",
        lambda g, name, shape, default=None, add=Graph.input: add(
            g, name, shape, default if default is None else default + 0.01
        ),
    )
    with pytest.raises(export.ExportError, match="nothing was written"):
        export.to_onnx(trained(), tmp_path / "m.onnx")


def test_float32_is_refused_where_it_cannot_hold_the_inputs(tmp_path):
    net = rl.Learner(input_size=2, hidden_size=3, scale_inputs=True)
    rng = np.random.default_rng(0)
    milliseconds = 1.4e12 + 1000.0 * np.arange(100)
    net.run(np.column_stack([rng.normal(size=100), milliseconds]), np.zeros((100, 1)))
    with pytest.raises(export.ExportError, match=r"float32 is too coarse for the input 'x\[1\]'"):
        export.to_onnx(net, tmp_path / "m.onnx")
    export.to_onnx(net, tmp_path / "m.onnx", precision="float64")


@pytest.mark.parametrize(
    ("what", "options"),
    [("graph", {"graph": "picture"}), ("precision", {"precision": "float8"})],
)
def test_other_graphs_and_precisions_are_named(tmp_path, what, options):
    with pytest.raises(ValueError, match=f"{what} must be"):
        export.to_onnx(trained(), tmp_path / "m.onnx", **options)
