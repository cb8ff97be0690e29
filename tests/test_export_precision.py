"""Weights stored in float16 and int8: a smaller file, and what that costs is told."""

import numpy as np
import onnx
import pytest
from command_line import run
from streams import rows

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.export import rounding, storage
from rtrl_lstm.spec import Spec

KINDS = {
    "lstm": {"num_layers": 2, "peephole": True},
    "gru": {"cell": "gru"},
    "scan": {"output_gate": False, "shortcuts": True, "scale_inputs": True, "scale_target": True},
}
COARSE = {"float16": 2e-3, "int8": 5e-2}


def trained(**options):
    net = rl.Learner(3, 32, **options)
    net.run(*rows(Spec(3, 32, **options), 200))
    return net


@pytest.mark.parametrize("precision", COARSE)
@pytest.mark.parametrize("graph", ["step", "sequence"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_holds_rounded_weights_and_says_what_they_cost(tmp_path, kind, graph, precision):
    net = trained(**KINDS[kind])
    exact = export.to_onnx(net, tmp_path / "exact.onnx", graph)
    cost = export.to_onnx(net, tmp_path / "m.onnx", graph, precision)
    assert cost.keys() == exact.keys()
    said = next(iter(cost.values()))
    assert next(iter(exact.values())) < said <= COARSE[precision]

    session = export.Session(tmp_path / "m.onnx", "cpu")
    X, _ = rows(net.spec, 100, seed=1)
    expected = net.frozen().run(X)
    off = np.abs(session.run(X.astype(np.float32)) - expected).max() / np.abs(expected).max()
    assert said / 10 < off < 10 * said
    assert export.describe(tmp_path / "m.onnx")["precision"] == precision
    sizes = [(tmp_path / name).stat().st_size for name in ("m.onnx", "exact.onnx")]
    weights = sum(value.size for value in net.state_dict().values() if value.ndim == 2)
    saved = weights * (4 - np.dtype(precision).itemsize)
    assert sizes[0] < sizes[1] - 0.8 * saved


def test_the_matrices_are_stored_so(tmp_path):
    net = trained()
    export.to_onnx(net, tmp_path / "m.onnx", precision="int8")
    tensors = {t.name: t for t in onnx.load(tmp_path / "m.onnx").graph.initializer}
    for name, value in net.state_dict().items():
        if value.ndim == 2:
            levels = onnx.numpy_helper.to_array(tensors[name])
            scale = onnx.numpy_helper.to_array(tensors[f"{name}.scale"])
            assert levels.dtype == np.int8
            assert np.abs(levels).max(1).tolist() == [127] * len(levels)
            assert np.abs(levels * scale - value).max() <= 0.51 * scale.max()
    assert onnx.numpy_helper.to_array(tensors["bias_l0"]).dtype == np.float32


def test_a_row_of_zeros_stays_so():
    matrix = np.array([[0.0, 0.0], [1.0, -2.0]])
    np.testing.assert_array_equal(storage.rounded(matrix, "int8")[0], 0.0)
    again = storage.rounded(storage.rounded(matrix, "int8"), "int8")
    np.testing.assert_array_equal(again, storage.rounded(matrix, "int8"))


def test_a_weight_that_float16_cannot_hold_is_named(tmp_path):
    net = rl.Learner(2, 3)
    weights = net.state_dict()
    weights["weight_ih_l0"][0, 0] = 1e5
    net.load_state_dict(weights)
    with pytest.raises(export.ExportError, match="weight_ih_l0 has numbers that float16 cannot"):
        export.to_onnx(net, tmp_path / "m.onnx", precision="float16")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_rounding_is_refused(tmp_path, monkeypatch):
    def off(matrix, levels=storage.to_levels):
        found, scale = levels(matrix)
        return found, scale * np.float32(1.01)

    monkeypatch.setattr(storage, "to_levels", off)
    net = trained()
    monkeypatch.setattr(rounding, "rounded", lambda matrix, precision: matrix)
    with pytest.raises(export.ExportError, match="the graph differs from the learner"):
        export.to_onnx(net, tmp_path / "m.onnx", precision="int8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--precision", "int8"], "int8 weights cost the forecast up to"),
        (["--precision", "float16", "--graph", "sequence"], "float16 weights cost the forecast"),
        (["--graph", "learner"], "checked in onnxruntime, largest difference"),
    ],
)
def test_the_command_line_says_it(tmp_path, options, said):
    model = rl.Model(target="y", hidden_size=8)
    model.run([{"x": k % 3, "y": k % 5} for k in range(40)])
    model.save(tmp_path / "m.rtrl")
    assert said in run("export", "m.rtrl", "m.onnx", *options, cwd=tmp_path).stderr
