"""A Model in onnxruntime: the same rows in, the same forecasts out."""

import csv
import json
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import pytest

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.export import provenance
from rtrl_lstm.table.schema import BadRow

TAXI = Path(__file__).resolve().parent.parent / "examples" / "nyc_taxi.csv"


def taxi(count):
    with TAXI.open(newline="") as lines:
        return list(islice(csv.DictReader(lines), count))


def clicks(count, seed=0):
    """Rows with a category, a gap, a sequence and two or three classes; a few are bad."""
    rng = np.random.default_rng(seed)
    rows = []
    for t in range(count):
        size = rng.normal(50.0, 20.0)
        row = {
            "user": f"u{t // 25}",
            "page": str(rng.choice(["home", "cart", "help"])),
            "size": "" if rng.random() < 0.1 else f"{size:.3f}",
            "bought": "yes" if size + rng.normal() > 50 else "no",
        }
        if rng.random() < 0.05:
            row["size"] = "a lot"
        rows.append(row)
    return rows


def assert_same(found, expected, tolerance):
    """Forecasts agree, numbers to a fraction of the largest of them."""
    assert len(found) == len(expected)
    size = max((abs(other) for other in expected if isinstance(other, float)), default=1.0)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, BadRow):
            assert str(one) == str(other)
        elif isinstance(other, dict):
            assert one == pytest.approx(other, abs=tolerance)
        elif other is None:
            assert one is None
        else:
            assert one == pytest.approx(other, abs=tolerance * size)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("horizon", [0, 5])
def test_a_stream_of_numbers_and_times(tmp_path, horizon, precision):
    rows = taxi(900)
    model = rl.Model(target="value", time="timestamp", horizon=horizon, dtype=precision)
    model.run(rows[:600])
    export.to_onnx(model, tmp_path / "m.onnx", precision=precision)
    session = export.ModelSession(tmp_path / "m.onnx", "cpu")
    expected = model.frozen().run(rows[600:])
    assert_same(session.run(rows[600:]), expected, {"float32": 1e-5, "float64": 1e-12}[precision])


@pytest.mark.parametrize("graph", ["step", "sequence", "learner"])
@pytest.mark.parametrize("target", ["bought", "page"])
@pytest.mark.parametrize("horizon", [0, 2])
def test_categories_gaps_sequences_and_bad_rows(tmp_path, target, horizon, graph):
    rows = clicks(400)
    rows[350]["page"] = "never seen before"
    model = rl.Model(
        target=target, horizon=horizon, reset_on="user", hidden_size=6, dtype="float64"
    )
    model.run(rows[:300])
    export.to_onnx(model, tmp_path / "m.onnx", graph=graph, precision="float64")
    session, frozen = export.ModelSession(tmp_path / "m.onnx", "cpu"), model.frozen()
    expected = frozen.run(rows[300:])
    assert any(isinstance(forecast, BadRow) for forecast in expected)
    assert any(isinstance(forecast, dict) for forecast in expected)
    assert_same(session.run(rows[300:]), expected, 1e-12)


def test_step_is_run_and_a_bad_row_changes_nothing(tmp_path):
    rows = [row for row in clicks(150) if row["size"] != "a lot"]
    model = rl.Model(target="bought", hidden_size=6)
    model.run(rows[:100])
    export.to_onnx(model, tmp_path / "m.onnx")
    stepped, run = (export.ModelSession(tmp_path / "m.onnx", "cpu") for _ in range(2))
    forecasts = []
    for row in rows[100:]:
        with pytest.raises(BadRow):
            stepped.step({**row, "size": "a lot"})
        forecasts.append(stepped.step(row))
    assert forecasts == run.run(rows[100:])


def test_readings_are_the_models(tmp_path):
    rows = taxi(300)
    model = rl.Model(target="value", time="timestamp", horizon=3)
    model.run(rows[:200])
    export.to_onnx(model, tmp_path / "m.onnx")
    _, found = export.ModelSession(tmp_path / "m.onnx", "cpu").follow(rows[200:])
    assert found == model.frozen().follow(rows[200:])[1]


def test_the_file_holds_the_schema(tmp_path):
    model = rl.Model(target="value", time="timestamp", horizon=5)
    model.run(taxi(50))
    export.to_onnx(model, tmp_path / "m.onnx")
    assert export.describe(tmp_path / "m.onnx")["schema"] == model.schema.to_json()
    schema = export.Session(tmp_path / "m.onnx", "cpu").schema
    assert schema.input_names == model.schema.input_names
    export.to_onnx(model.learner, tmp_path / "l.onnx")
    assert export.Session(tmp_path / "l.onnx", "cpu").schema is None


def test_a_model_without_a_learner_is_refused(tmp_path):
    with pytest.raises(export.ExportError, match="nothing to export"):
        export.to_onnx(rl.Model(target="value"), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def symbols(count, seed=0):
    """Labels of a pattern with faults, gaps and a few sequences."""
    rng = np.random.default_rng(seed)
    rows = [{"symbol": "abcacbb"[t % 7], "run": str(t // 90)} for t in range(count)]
    for t in rng.choice(count, count // 8, replace=False):
        rows[t]["symbol"] = str(rng.choice(["a", "b", "c", "", "new"]))
    return rows


@pytest.mark.parametrize("graph", ["step", "sequence", "learner"])
@pytest.mark.parametrize("horizon", [0, 1, 3])
def test_what_followed_the_last_labels_lies_beside_the_graph(tmp_path, horizon, graph):
    rows = symbols(700)
    options = {"horizon": horizon, "reset_on": "run", "dtype": "float64", "hidden_size": 6}
    model, alone = rl.Model("symbol", **options), rl.Model("symbol", contexts=False, **options)
    model.run(rows[:500])
    alone.run(rows[:500])
    export.to_onnx(model, tmp_path / "m.onnx", graph=graph, precision="float64")
    session = export.ModelSession(tmp_path / "m.onnx", "cpu")
    expected = model.frozen().run(rows[500:])
    assert_same(session.run(rows[500:]), expected, 1e-12)
    hits = [max(said, key=said.get) for said in expected[: 200 - horizon]]
    truths = [row["symbol"] for row in rows[500 + horizon :]]
    assert np.mean([hit == truth for hit, truth in zip(hits, truths, strict=True)]) > 0.7
    # The graph by itself is the network, which learned as if there were no contexts.
    export.to_onnx(alone, tmp_path / "a.onnx", graph=graph, precision="float64")
    x = np.random.default_rng(0).normal(size=(20, model.spec.input_size))
    found, others = (export.Session(tmp_path / f"{name}.onnx", "cpu").run(x) for name in "ma")
    np.testing.assert_array_equal(found, others)


@pytest.mark.parametrize(
    "damage",
    [
        {"labels": [0] * 7},
        {"labels": [0] * 7 + [99]},
        {"shares": None},
        {"weights": [0.5, 0.5]},
        {"weights": [0.5, 0.5, 0.5, -0.5]},
        {"chain": [1.5, 0.0]},
        {"chain": [0.5, "often"]},
        {"frequencies": [1.0]},
        {"successors": [[0, 0, 1, 99, 0]]},
        {"successors": [[0, 0, 1, 0]]},
        {"successors": [[16, 0, 1, 0, 0]]},
        {"rows": [0] * 7},
        {"rows": [-1] + [0] * 7},
        {"inputs": [99]},
        {"inputs": 0},
    ],
)
def test_damaged_contexts_are_refused(tmp_path, damage):
    model = rl.Model("symbol", horizon=1)
    model.run(symbols(100))
    export.to_onnx(model, tmp_path / "m.onnx")
    file = onnx.load(tmp_path / "m.onnx")
    (entry,) = (entry for entry in file.metadata_props if entry.key == provenance.KEY)
    document = json.loads(entry.value)
    document["model"]["contexts"] |= damage
    entry.value = json.dumps(document)
    onnx.save(file, tmp_path / "m.onnx")
    with pytest.raises(export.GraphFileError, match="the labels in it are damaged"):
        export.ModelSession(tmp_path / "m.onnx", "cpu")
