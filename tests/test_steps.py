"""--horizon 1-H: one network with an output for each of the rows ahead."""

from __future__ import annotations

import copy
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from command_line import figures, run, waves
from test_model import insides, shown

from rtrl_lstm.cli.table import Table
from rtrl_lstm.modelfile import from_bytes, to_bytes
from rtrl_lstm.models.model import Model
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.steps import StepsScore
from rtrl_lstm.table.schema import Reading

H = 4


def _rows(count: int = 200) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [{"x": x, "y": 100 * y} for x, y in waves(count)]
    for t in range(20, count, 9):
        rows[t]["xy"[t % 2]] = ""
    return rows


def _model(**options: object) -> Model:
    return Model("y", horizon=H, every_step=True, **{"hidden_size": 4, **options})


def test_a_forecast_is_learned_from_when_all_its_rows_have_come() -> None:
    rows, model = _rows(), _model(features=["x"])
    model.run(rows[:60])
    assert (model.spec.horizon, model.spec.output_size, model.spec.every_step) == (H, H, True)
    assert all(one[0] == model.schema.place_of_number("y") for one in model.spec.combine_with)
    by_hand = copy.copy(model.learner)
    forecasts, readings = model.follow(rows[60:])
    for t, (forecast, reading) in enumerate(zip(forecasts, readings, strict=True), 60):
        y = [rows[k]["y"] for k in range(t - H + 1, t + 1)]
        label = [math.nan if one == "" else one for one in y]
        assert tuple(by_hand.step(np.array(reading.inputs), label).tolist()) == forecast
    assert len(forecasts[0]) == H
    assert model.counts["pending"] == H
    assert model.counts["learned"] == model.learner.labels == 200 - H


def test_one_step_is_a_forecast_of_one_row() -> None:
    model = Model("y", horizon=1, every_step=True)
    assert all(isinstance(forecast, float) for forecast in model.run(_rows(60)))
    assert model.spec.output_size == 1


@pytest.mark.parametrize("interval", [None, 0.8])
def test_a_score_is_that_of_each_alone(interval: float | None) -> None:
    rows, model = _rows(), _model(interval=interval)
    forecasts, readings = model.follow(rows)
    score = StepsScore(H, 5)
    score.extend(forecasts, readings)
    found = score.summary(model.counts)
    for step in range(1, H + 1):
        alone = Prequential(step, 5)
        alone.extend([forecast[step - 1] for forecast in forecasts], readings)
        wanted = alone.summary(model.counts)
        assert score.parts[str(step)].to_json() == alone.to_json()
        assert ("coverage" in wanted["metrics"]) == (interval is not None)
        assert found["steps"][str(step)]["metrics"] == wanted["metrics"]
        assert found["steps"][str(step)]["baselines"] == wanted["baselines"]
    each = [found["steps"][str(step)]["metrics"]["mae"] for step in range(1, H + 1)]
    assert found["metrics"]["mae"] == pytest.approx(sum(each) / H)
    # By hand: the first number of a forecast is of the next row.
    errors = [
        abs(forecasts[t][0] - rows[t + 1]["y"]) for t in range(4, 199) if rows[t + 1]["y"] != ""
    ]
    assert each[0] == pytest.approx(sum(errors) / len(errors))


def test_last_week_is_a_baseline_of_all_rows_up_to_a_week_ahead() -> None:
    truths = np.random.default_rng(0).normal(size=60)
    readings = [Reading([], y, y, False, 86400.0 * t, ()) for t, y in enumerate(truths.tolist())]
    score = StepsScore(horizon=7)
    score.extend([(0.0,) * 7] * 60, readings)
    found = score.summary(dict.fromkeys(("rows", "learned", "unlabelled", "pending"), 0))
    each = [step["baselines"] for step in found["steps"].values()]
    assert "same_time_last_week" not in each[6]  # it is the last value there
    said = [one.get("same_time_last_week", one["last_value"])["mae"] for one in each]
    assert found["baselines"]["same_time_last_week"]["mae"] == pytest.approx(np.mean(said))
    assert "same_time_last_week" in score.losses()


def test_a_season_that_says_nothing_yet_costs_no_time() -> None:
    """Rows up to its first word are scored at once, in the same bits as one by one."""
    truths = np.random.default_rng(0).normal(size=400).tolist()
    readings = [Reading([], y, y, False, 3600.0 * t, ()) for t, y in enumerate(truths)]
    said = [(0.5, -0.5)] * len(truths)
    whole, each = StepsScore(horizon=2), StepsScore(horizon=2)
    whole.extend(said[:60], readings[:60])
    assert whole.parts["1"].takes(1000) == 168 - 60  # a week's hours
    whole.extend(said[60:], readings[60:])
    for one in zip(said, readings, strict=True):
        each.extend(*([part] for part in one))
    assert whole.to_json() == each.to_json()
    assert "same_time_last_week" in whole.losses()


def test_progress_is_of_the_forecasts_since_the_line_before() -> None:
    """Of far steps fewer were scored, and a week shows later than a day."""
    truths = np.random.default_rng(0).normal(size=300).tolist()
    score = StepsScore(horizon=40)
    table, before, total = Table(score), 0, 0.0
    for row in (30, 60, 150, 200, 300):
        t = range(before, row)
        readings = [Reading([], truths[k], truths[k], False, 3600.0 * k, ()) for k in t]
        score.extend([(0.0,) * 40] * len(t), readings)
        learner, last, season = table.lines()[-1].split()[2:5]
        told = {(k, step) for k in t for step in range(1, 41) if k >= step}
        assert float(learner) == pytest.approx(np.mean([abs(truths[k]) for k, _ in told]), abs=1e-3)
        apart = [abs(truths[k] - truths[k - step]) for k, step in told]
        assert float(last) == pytest.approx(np.mean(apart), abs=1e-3)
        assert season == "-" or 0.9 < float(season) < 1.3
        total += sum(abs(truths[k]) for k, _ in told)
        assert score.losses()["learner"] == pytest.approx(total / 40)
        before = row
    assert season != "-"


@pytest.mark.parametrize("season", [False, True])
def test_all_are_learned(season: bool) -> None:
    rng = np.random.default_rng(0)
    y = 50 + 10 * np.sin(2 * np.pi * np.arange(4000) / 24) + rng.normal(size=4000) / 10
    stamps = {} if season else {"time": "t"}
    model = _model(hidden_size=8, learning_rate=0.003, **stamps)
    score = StepsScore(H, 3000)
    score.extend(*model.follow({"y": float(v), "t": 3600 * t} for t, v in enumerate(y)))
    found = score.summary(model.counts)["steps"]
    for step in range(1, H + 1):
        assert found[str(step)]["metrics"]["nrmse"] < 0.15


@pytest.mark.parametrize("options", [{}, {"time": "t", "gaps": "fill"}, {"reset_on": "part"}])
def test_in_any_chunks_and_saved_the_same(options: dict) -> None:
    rows = _rows(600)
    for t, row in enumerate(rows):
        row |= {"t": 60 * (t + 3 * (t > 70)), "part": t // 150}
    rows[100]["y"] = "oops"
    features = {"features": ["x"], **options}
    whole, parts, steps = (_model(**features) for _ in range(3))
    scores = [StepsScore(H), StepsScore(H)]
    followed = whole.follow(rows)
    scores[0].extend(*followed)
    found, stepped = [], []
    for start, end in pairwise([0, 1, 2, 60, 101, 102, 530, 600]):
        part = parts.follow(rows[start:end])
        found += shown(part[0])
        scores[1].extend(*part)
        parts = from_bytes(to_bytes(parts))
        scores[1] = StepsScore.from_json(json.loads(json.dumps(scores[1].to_json())))
    for row in rows:
        stepped += shown(steps.run([row]))
    assert found == shown(followed[0]) == stepped
    assert insides(parts) == insides(whole) == insides(steps)
    assert scores[0].to_json() == scores[1].to_json()
    assert sum(whole.counts.values()) == 2 * whole.counts["rows"] == 2 * 599


def test_frozen_it_says_the_same_and_learns_nothing() -> None:
    model = _model()
    model.run(_rows(100))
    before = insides(model)
    said = model.frozen().run(_rows()[:5])
    assert all(len(forecast) == H for forecast in said)
    assert insides(model) == before


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"horizon": 0}, "1 to 10,000"),
        ({"horizon": 10_001}, "1 to 10,000"),
        ({"task": "binary"}, "task regression"),
        ({"also": ["z"]}, "one target"),
        ({"key": "k"}, "no key"),
        ({"weight": "w"}, "no weight"),
    ],
)
def test_what_cannot_be_is_refused(options: dict, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Model("y", **{"horizon": 2, "every_step": True, **options})


def test_on_the_command_line(tmp_path: Path) -> None:
    lines = [f"{row['x']},{row['y']}\n" for row in _rows(300)]
    csv = tmp_path / "a.csv"
    csv.write_text("".join(["x,y\n", *lines]))
    learn = ["learn", "a.csv", "--target", "y", "--horizon", f"1-{H}", "--predictions", "p.csv"]
    learn.append("--model")
    done = run(*learn, "m", "--json", cwd=tmp_path)
    found = figures(done)
    assert list(found["steps"]) == ["1", "2", "3", "4"]
    assert "3 ahead" in done.stderr
    said = (tmp_path / "p.csv").read_text()
    assert said.startswith("prediction_1,prediction_2,prediction_3,prediction_4\n")
    assert said.count("\n") == 301
    for end in (1, 150, 300):
        csv.write_text("".join(["x,y\n", *lines[:end]]))
        again = figures(run(*learn, "n", "--resume", "--json", cwd=tmp_path))
    assert (tmp_path / "n").read_bytes() == (tmp_path / "m").read_bytes()
    assert (tmp_path / "p.csv").read_text() == said
    assert again["steps"] == found["steps"]
    rows = "x,y\n1,2\n2,\n"
    objects = run("predict", "m", "--predictions-format", "jsonl", stdin=rows, cwd=tmp_path)
    assert list(json.loads(objects.stdout.splitlines()[0])["predictions"]) == ["1", "2", "3", "4"]
    run("export", "m", "m.onnx", cwd=tmp_path)
    graph, model = (
        run(*command, stdin=rows, cwd=tmp_path).stdout.splitlines()
        for command in (["infer", "m.onnx"], ["predict", "m"])
    )
    assert graph[0] == model[0] == said.splitlines()[0]
    for one, other in zip(graph[1:], model[1:], strict=True):
        np.testing.assert_allclose(
            [float(y) for y in one.split(",")], [float(y) for y in other.split(",")], rtol=1e-3
        )
    assert json.loads(run("inspect", "m", "--json", cwd=tmp_path).stdout)["schema"]["every_step"]
    for wrong, why, code in (
        ([*learn, "o", "--key", "x"], "no key", 1),
        ([*learn, "o", "--target", "x,y"], "one target", 1),
        ([*learn, "o", "--horizon", "2-5"], "nor all up to one (1-24)", 2),
        ([*learn, "o", "--horizon", "-1"], "is neither a number of rows", 2),
        (["learn", "a.csv", "--model", "m", "--resume", "--horizon", 4], "--horizon 1-4, not 4", 1),
    ):
        assert why in run(*wrong, cwd=tmp_path, code=code).stderr
