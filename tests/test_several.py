"""Several targets: one network with an output for each."""

from __future__ import annotations

import copy
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from command_line import figures, run
from test_model import insides, shown

from rtrl_lstm.modelfile import from_bytes, to_bytes
from rtrl_lstm.models.model import Model
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.several import SeveralScore
from rtrl_lstm.table.schema import BadRow


def _rows(count: int = 200) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=count)
    rows: list[dict[str, object]] = []
    for t in range(count):
        past = x[max(t - 1, 0)]
        row = {"x": x[t], "a": 3 * x[t] + 50, "b": 1000 * past - 20 * x[t]}
        rows.append({name: float(value) for name, value in row.items()})
    for t in range(20, count, 9):
        rows[t]["ab"[t % 2]] = ""
    rows[25]["a"] = rows[25]["b"] = None
    return rows


def _model(horizon: int = 0, **options: object) -> Model:
    return Model("a", also=["b"], horizon=horizon, **{"hidden_size": 4, **options})


@pytest.mark.parametrize("horizon", [0, 3])
def test_it_is_one_network_with_two_outputs(horizon: int) -> None:
    rows, model = _rows(), _model(horizon)
    said = model.run(rows[:60])
    assert model.spec.output_size == 2
    assert model.spec.loss == "squared_error"
    own = ("a", "b") if horizon else ("a[t-1]", "b[t-1]")
    assert set(own) < set(model.schema.input_names)
    assert all(len(forecast) == 2 for forecast in said)
    by_hand = copy.copy(model.learner)
    forecasts, readings = model.follow(rows[60:])
    for forecast, reading in zip(forecasts, readings, strict=True):
        y = (reading.label, reading.also[0])
        assert tuple(by_hand.step(np.array(reading.inputs), y).tolist()) == forecast
    assert model.counts["learned"] == model.learner.labels


def test_both_are_learned() -> None:
    model, score = _model(hidden_size=8, learning_rate=0.01), SeveralScore(0, 3000, ["a", "b"])
    score.extend(*model.follow(_rows(6000)))
    found = score.summary(model.counts)
    for name in ("a", "b"):
        assert found["targets"][name]["metrics"]["nrmse"] < 0.3
    both = [found["targets"][name]["metrics"]["mae"] for name in ("a", "b")]
    assert found["metrics"]["mae"] == pytest.approx(sum(both) / 2)


@pytest.mark.parametrize("horizon", [0, 2])
def test_a_score_is_that_of_each_alone(horizon: int) -> None:
    rows, model = _rows(), _model(horizon)
    forecasts, readings = model.follow(rows)
    score = SeveralScore(horizon, 5, ["a", "b"])
    score.extend(forecasts, readings)
    for k, name in enumerate("ab"):
        alone = Prequential(horizon, 5)
        truths = [None if row[name] in ("", None) else row[name] for row in rows]
        alone.extend(
            [forecast[k] for forecast in forecasts],
            [reading._replace(truth=y) for reading, y in zip(readings, truths, strict=True)],
        )
        assert (
            alone.summary(model.counts)["metrics"]
            == (score.summary(model.counts)["targets"][name]["metrics"])
        )


@pytest.mark.parametrize("options", [{}, {"time": "t", "gaps": "fill"}, {"weight": "w"}])
@pytest.mark.parametrize("horizon", [0, 2])
def test_in_any_chunks_and_saved_the_same(options: dict, horizon: int) -> None:
    rows = _rows()
    for t, row in enumerate(rows):
        row |= {"t": 60 * (t + 3 * (t > 70)), "w": 1 + t % 2}
    rows[100]["b"] = "oops"
    features = {"features": ["x"], **options}
    whole, parts, steps = (_model(horizon, **features) for _ in range(3))
    scores = [SeveralScore(horizon, 1, ["a", "b"]) for _ in range(2)]
    followed = whole.follow(rows)
    scores[0].extend(*followed)
    found, stepped = [], []
    for start, end in pairwise([0, 1, 2, 60, 72, 200]):
        followed_part = parts.follow(rows[start:end])
        found += shown(followed_part[0])
        scores[1].extend(*followed_part)
        parts = from_bytes(to_bytes(parts))
        scores[1] = SeveralScore.from_json(json.loads(json.dumps(scores[1].to_json())))
    for row in rows:
        try:
            stepped.append(repr(steps.step(row)))
        except BadRow as bad:
            stepped.append(repr(bad))
    assert found == shown(followed[0]) == stepped
    assert insides(parts) == insides(whole) == insides(steps)
    assert scores[0].to_json() == scores[1].to_json()
    assert scores[0].bad_rows == 1


def test_the_guard_looks_at_each() -> None:
    model, rows = _model(), _rows(3500)
    model.run(rows[:600])
    model.run([{"x": 1.0, "a": 1.0, "b": 1e29}] * 300)
    said = model.run(rows)
    assert model.interventions > 0
    assert all(math.isfinite(number) for forecast in said for number in forecast)
    assert abs(said[-1][1]) < 1e5


def test_frozen_it_says_the_same_and_learns_nothing() -> None:
    model = _model(2)
    model.run(_rows(100))
    before = insides(model)
    assert shown(model.frozen().run(_rows()[:5])) != shown(_model(2).run(_rows()[:5]))
    assert insides(model) == before


@pytest.mark.parametrize(
    "options",
    [
        {"also": ["a"]},
        {"also": ["b", "b"]},
        {"also": ["b"], "time": "b"},
        {"also": ["b"], "task": "binary"},
        {"also": ["b"], "features": ["b"]},
    ],
)
def test_what_cannot_be_is_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="targets"):
        Model("a", **options)


def test_targets_are_called_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("out_kWh,in_kWh\n" + "1,2\n2,3\n" * 5)
    said = run("learn", "a.csv", "--target", "out_kWh,in_kWh", cwd=tmp_path).stderr
    assert "\nin_kWh: last value " in said


def test_on_the_command_line(tmp_path: Path) -> None:
    lines = [f"{row['x']},{row['a'] or ''},{row['b'] or ''}\n" for row in _rows(300)]
    csv = tmp_path / "a.csv"
    csv.write_text("".join(["x,a,b\n", *lines]))
    learn = ["learn", "a.csv", "--target", "a,b", "--predictions", "p.csv", "--model"]
    done = run(*learn, "m", "--json", cwd=tmp_path)
    found = figures(done)
    assert found["rows"] == 300
    assert set(found["targets"]) == {"a", "b"}
    assert "b: last value" in done.stderr
    said = (tmp_path / "p.csv").read_text()
    assert said.startswith("prediction_a,prediction_b\n")
    assert said.count(",") == said.count("\n") == 301
    for end in (1, 150, 300):
        csv.write_text("".join(["x,a,b\n", *lines[:end]]))
        again = figures(run(*learn, "n", "--resume", "--json", cwd=tmp_path))
    assert (tmp_path / "n").read_bytes() == (tmp_path / "m").read_bytes()
    assert (tmp_path / "p.csv").read_text() == said
    assert again["targets"] == found["targets"]
    objects = run("predict", "m", "--predictions-format", "jsonl", stdin="x\n1\n", cwd=tmp_path)
    assert set(json.loads(objects.stdout)["predictions"]) == {"a", "b"}
    run("export", "m", "m.onnx", cwd=tmp_path)
    graph, model = (
        run(*command, stdin="x,a,b\n1,2,3\n2,,4\n", cwd=tmp_path).stdout.splitlines()
        for command in (["infer", "m.onnx"], ["predict", "m"])
    )
    assert graph[0] == model[0] == "prediction_a,prediction_b"
    for one, other in zip(graph[1:], model[1:], strict=True):
        np.testing.assert_allclose(
            [float(x) for x in one.split(",")], [float(x) for x in other.split(",")], rtol=1e-4
        )
    for wrong, why in (
        ([*learn, "o", "--key", "x"], "--key is for a single --target"),
        (["learn", "a.csv", "--model", "m", "--resume", "--target", "b,a"], "--target a,b"),
    ):
        assert why in run(*wrong, cwd=tmp_path, code=1).stderr


def test_no_mean_over_different_units_is_shown(tmp_path: Path) -> None:
    """What people see is the same if a target is in other units; each has its own errors."""
    seen = []
    for factor in (1, 1000):
        rows = [(row["a"] or 0, factor * (row["b"] or 0)) for row in _rows(200)]
        (tmp_path / "a.csv").write_text("a,b\n" + "".join(f"{a!r},{b!r}\n" for a, b in rows))
        learn = ("learn", "a.csv", "--target", "a,b", "--horizon", "1", "--dtype", "float64")
        said = run(*learn, "--report", "page.html", cwd=tmp_path).stderr
        lines = said.splitlines()
        so_far = next(float(line.split()[1]) for line in lines if line.startswith(" " * 9 + "200"))
        learner = next(line.split() for line in lines if line.startswith("learner"))
        assert learner[1:3] == ["-", "-"]
        seen.append((so_far, float(learner[3])))
        assert "error over the last value's" in lines[0]
        page = (tmp_path / "page.html").read_text()
        assert "standard deviations of each target, <b>" in page
        assert "<dt>NRMSE</dt>" in page
        assert "<dt>MAE</dt>" not in page
    assert seen[0] == pytest.approx(seen[1], rel=0.02)
