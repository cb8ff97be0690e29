"""Prediction intervals: that they cover what was asked for, and are part of the model."""

from __future__ import annotations

import copy
import csv
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import EXAMPLE, figures, run, write_csv

import rtrl_lstm as rl
from rtrl_lstm.models.intervals import WARM_UP, Intervals, Ranged
from rtrl_lstm.score.prequential import Prequential

RNG_SEED = 11  # not of the streams by which the steps were chosen


def _stream(name: str, rows: int = 6000) -> list[float]:
    rng = np.random.default_rng(RNG_SEED)
    t = np.arange(rows)
    noise = rng.normal(size=rows)
    made = {
        "waves": np.sin(t / 10) + 0.3 * noise,
        "walk": np.cumsum(noise),
        "skewed": np.sin(t / 20) + rng.exponential(size=rows),
        "calm and wild": np.exp(np.sin(t / 200)) * rng.standard_t(4, size=rows),
        "shift": np.where(t < rows // 2, noise, 100 + 8 * noise),
    }
    return [float(value) for value in made[name]]


def _score(model: rl.Model, rows: list[dict[str, Any]]) -> Prequential:
    score = Prequential(model.schema.horizon)
    score.extend(*model.follow(rows))
    return score


@pytest.mark.parametrize("level", [0.5, 0.9])
@pytest.mark.parametrize("name", ["waves", "walk", "skewed", "calm and wild", "shift"])
@pytest.mark.parametrize("horizon", [1, 5])
def test_coverage_is_within_two_points(name: str, level: float, horizon: int) -> None:
    model = rl.Model(target="y", horizon=horizon, interval=level)
    found = _score(model, [{"y": y} for y in _stream(name)]).summary(model.counts)["metrics"]
    assert found["coverage"] == pytest.approx(level, abs=0.02)
    assert found["width"] > 0


@pytest.mark.parametrize("horizon", [1, 5, 48])
def test_coverage_of_the_taxi_rows_is_within_two_points(horizon: int) -> None:
    with open(EXAMPLE, newline="") as file:
        rows = list(csv.DictReader(file))
    model = rl.Model(target="value", time="timestamp", horizon=horizon, interval=0.9)
    score = _score(model, rows)
    assert score.summary(model.counts)["metrics"]["coverage"] == pytest.approx(0.9, abs=0.02)
    assert score.ranges.count > 10_000


@pytest.mark.parametrize("horizon", [0, 2])
def test_forecasts_stay_what_they_are(horizon: int) -> None:
    rows = [{"x": y, "y": y + 1} for y in _stream("waves", 300)]
    bare = rl.Model(target="y", horizon=horizon).run(rows)
    ranged = rl.Model(target="y", horizon=horizon, interval=0.8).run(rows)
    assert ranged == bare
    known = [one for one in ranged if isinstance(one, Ranged) and not math.isnan(one.lower)]
    assert len(known) == len(rows) - WARM_UP - max(horizon - 1, 0)
    assert all(one.lower <= one.upper for one in known)


@pytest.mark.parametrize("horizon", [0, 2])
def test_row_by_row_saved_and_loaded_it_is_the_same(horizon: int, tmp_path: Path) -> None:
    rows = [{"x": y, "y": y if k % 9 else None} for k, y in enumerate(_stream("walk", 300))]
    whole = rl.Model(target="y", horizon=horizon, interval=0.8)
    expected = [_ends(one) for one in whole.run(rows)]
    model, found = rl.Model(target="y", horizon=horizon, interval=0.8), []
    for k, row in enumerate(rows):
        if k in (10, 150):
            model.save(tmp_path / "m.rtrl")
            model = rl.load(tmp_path / "m.rtrl")
            model = copy.deepcopy(pickle.loads(pickle.dumps(model)))
        found.append(_ends(model.step(row)))
    assert found == expected
    assert json.dumps(model.to_json()) == json.dumps(whole.to_json())


SEVERAL = {
    "steps": {"target": "y", "horizon": 4, "every_step": True},
    "targets": {"target": "y", "also": ["z"], "horizon": 2},
    "targets at once": {"target": "y", "also": ["z"]},
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_each_of_several_has_the_interval_that_it_would_have_alone(kind: str) -> None:
    options, stream = SEVERAL[kind], _stream("calm and wild", 1500)
    rows: list[dict[str, Any]] = [{"y": y, "z": 2 - y * abs(y)} for y in stream]
    for k in range(40, len(rows), 7):
        rows[k]["yz"[k % 2]] = None
    model, parts = (rl.Model(interval=0.8, **options) for _ in range(2))
    found = model.run(rows)
    assert [[float(y) for y in one] for one in found[1:]] == [
        list(one) for one in rl.Model(**options).run(rows)[1:]
    ]
    split = [*parts.run(rows[:7])]
    parts = rl.modelfile.from_bytes(rl.modelfile.to_bytes(parts))
    split += parts.run(rows[7:])
    assert [one and [_ends(y) for y in one] for one in split] == [
        one and [_ends(y) for y in one] for one in found
    ]
    steps = "every_step" in options
    for k in range(len(found[-1])):
        alone = Intervals(0.8, k + 1 if steps else options.get("horizon", 0))
        truths = [row["y" if steps else "yz"[k]] for row in rows]
        inside = count = 0
        for one, truth in zip(found, truths, strict=True):
            ranged = alone.take(one and float(one[k]), math.nan if truth is None else truth, False)
            assert _ends(ranged) == (one and _ends(one[k]))
        for t in range(200, len(rows) - alone.horizon):
            truth = truths[t + alone.horizon]
            if truth is not None:
                count += 1
                inside += found[t][k].lower <= truth <= found[t][k].upper
        assert inside / count == pytest.approx(0.8, abs=0.04)
    frozen = model.frozen()
    assert frozen.interval == 0.8
    assert len(frozen.run(rows[:3])[-1]) == len(found[-1])


def test_the_ends_of_each_are_written_beside_it(tmp_path: Path) -> None:
    rows = "".join(f"{y},{-y}\n" for y in _stream("waves", 200))
    (tmp_path / "a.csv").write_text(f"y,z\n{rows}")
    learn = ("learn", "a.csv", "--target", "y,z", "--interval", "0.8", "--quiet", "--time", "none")
    run(*learn, "--predictions", "p.csv", "--model", "m", cwd=tmp_path)
    with open(tmp_path / "p.csv", newline="") as file:
        header, *lines = csv.reader(file)
    names = [f"{part}_{name}" for name in "yz" for part in ("prediction", "lower", "upper")]
    assert header == names
    assert lines[5][1:3] == ["", ""]
    assert all(float(line[k + 1]) <= float(line[k + 2]) for line in lines[100:] for k in (0, 3))
    run(*learn, "--predictions", "p.jsonl", cwd=tmp_path)
    objects = [json.loads(one) for one in (tmp_path / "p.jsonl").read_text().splitlines()]
    last = objects[-1]
    assert objects[5]["lower"] == objects[5]["upper"] == {"y": None, "z": None}
    assert [last[end]["z"] for end in ("predictions", "lower", "upper")] == [
        float(value) for value in lines[-1][3:]
    ]
    steps = ("--target", "y", "--horizon", "1-3", "--interval", "0.8", "--time", "none", "--json")
    done = run("learn", "a.csv", *steps, "--model", "s", "--predictions", "s.csv", cwd=tmp_path)
    found = figures(done)
    assert 0.6 < found["metrics"]["coverage"] < 1
    assert set(found["steps"]["2"]["metrics"]) >= {"coverage", "width"}
    said = (tmp_path / "s.csv").read_text()
    assert said.startswith("prediction_1,lower_1,upper_1,prediction_2,")
    run("learn", "a.csv", "--model", "s", "--resume", "--predictions", "s.csv", cwd=tmp_path)
    assert (tmp_path / "s.csv").read_text() == said
    answer = run("predict", "s", "a.csv", cwd=tmp_path).stdout.splitlines()
    assert answer[0] == said.splitlines()[0]
    assert answer[-1].count(",") == 8


def _ends(ranged: Any) -> Any:
    return ranged and [float(ranged), repr(ranged.lower), repr(ranged.upper)]


def test_offsets_move_as_they_should() -> None:
    """By hand: ten errors of a hundred beyond each side leave them where they are."""
    intervals = Intervals(0.8, horizon=0)
    for k in range(WARM_UP):
        assert math.isnan(intervals.take(0.0, k - 14.5, False).upper)
    first = intervals.take(0.0, 0.0, False)
    assert (first.lower, first.upper) == (pytest.approx(-11.6), pytest.approx(11.6))
    scale = 1.5 * 7.5
    step = 0.1 * scale
    inside = intervals.take(0.0, 99.0, False)
    assert inside.upper == pytest.approx(11.6 - 0.1 * step)
    beyond = intervals.take(0.0, 0.0, False)
    step *= 0.998  # the error before was 0
    assert beyond.upper == pytest.approx(inside.upper + 0.9 * step)
    assert beyond.lower == pytest.approx(inside.lower + 0.1 * step)


def test_a_new_sequence_learns_nothing_from_the_one_before() -> None:
    intervals = Intervals(0.9, horizon=2)
    for k in range(100):
        intervals.take(0.0, float(k % 7), False)
    before = intervals.to_json()["offsets"]
    intervals.take(0.0, 1e6, True)
    intervals.take(0.0, 1e6, False)
    assert intervals.to_json()["offsets"] == before
    intervals.take(0.0, 1e6, False)
    assert intervals.to_json()["offsets"] != before


def test_sides_never_cross() -> None:
    rng = np.random.default_rng(0)
    intervals = Intervals(0.05, horizon=3)
    for t in range(3000):
        ranged = intervals.take(0.0, float(rng.normal() * 10 ** math.sin(t / 50)), False)
        assert not ranged.upper < ranged.lower


def test_a_stream_without_errors_is_no_harm() -> None:
    model = rl.Model(target="y", horizon=1, interval=0.9)
    for _ in range(200):
        forecast = model.step({"y": 5.0})
    assert not forecast.upper < forecast.lower


def test_a_frozen_model_keeps_its_offsets() -> None:
    rows = [{"y": y} for y in _stream("waves", 300)]
    model = rl.Model(target="y", horizon=1, interval=0.9)
    model.run(rows)
    last = model.frozen().run(rows)[-1]
    now = model.step(rows[0])
    frozen = model.frozen()
    wild = [{"y": 1e4 * (-1) ** k} for k in range(50)]
    widths = {round(one.upper - one.lower, 9) for one in frozen.run(wild)}
    assert len(widths) == 1
    assert widths == {round(now.upper - now.lower, 9)}
    assert last.lower < last < last.upper


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="interval must be between 0 and 1"):
        rl.Model(target="y", interval=90)
    with pytest.raises(ValueError, match="interval is for task regression, not binary"):
        rl.Model(target="y", task="binary", interval=0.9)
    model = rl.Model(target="y", interval=0.9)
    with pytest.raises(rl.SchemaError, match="column 'y' has labels"):
        model.step({"x": 1, "y": "red"})


def test_a_ranged_forecast_is_a_float() -> None:
    one = Ranged(2.0, 1.0, 3.5)
    assert one == 2.0
    assert json.dumps([one]) == "[2.0]"
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (float(other), other.lower, other.upper) == (2.0, 1.0, 3.5)


def test_on_the_command_line(tmp_path: Path) -> None:
    write_csv(tmp_path / "s.csv", 300)
    lines = (tmp_path / "s.csv").read_text().splitlines(keepends=True)
    learn = ("learn", "part.csv", "--target", "y", "--horizon", 2, "--interval", 0.8)
    outputs = ("--model", "m.rtrl", "--predictions", "p.csv", "--json")
    (tmp_path / "part.csv").write_text("".join(lines[:201]))
    run(*learn, *outputs, cwd=tmp_path)
    (tmp_path / "part.csv").write_text("".join(lines))
    done = run("learn", "part.csv", *outputs, "--resume", cwd=tmp_path)
    stopped = (tmp_path / "p.csv").read_bytes(), (tmp_path / "m.rtrl").read_bytes()
    whole = run(*learn, *outputs, "--overwrite", cwd=tmp_path)
    assert stopped == ((tmp_path / "p.csv").read_bytes(), (tmp_path / "m.rtrl").read_bytes())
    assert figures(done)["metrics"] == figures(whole)["metrics"]
    assert 0.7 < figures(whole)["metrics"]["coverage"] < 0.9
    with open(tmp_path / "p.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["prediction", "lower", "upper"]
    assert rows[10]["lower"] == ""
    truths = [float(line.split(",")[1]) for line in lines[1:]]
    inside = [
        float(row["lower"]) <= truth <= float(row["upper"])
        for row, truth in zip(rows, truths[2:], strict=False)
        if row["lower"]
    ]
    assert np.mean(inside) == figures(whole)["metrics"]["coverage"]
    assert "coverage" in whole.stderr
    done = run("predict", "m.rtrl", "s.csv", "--predictions", "-", "--quiet", cwd=tmp_path)
    assert done.stdout.startswith("prediction,lower,upper\n")
    assert all(len(line.split(",")) == 3 for line in done.stdout.splitlines())
    run("learn", "s.csv", *outputs, "--resume", "--interval", 0.9, cwd=tmp_path, code=1)
    run("report", "m.rtrl", "r.html", cwd=tmp_path)
    assert "80 % was asked for" in (tmp_path / "r.html").read_text()
    (tmp_path / "labels.csv").write_text("x,y\n1,red\n2,blue\n")
    done = run("learn", "labels.csv", "--target", "y", "--interval", 0.9, cwd=tmp_path, code=1)
    assert "interval is for a target of numbers" in done.stderr
