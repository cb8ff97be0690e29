"""Time stamps that skip, repeat and go back."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from command_line import figures, run
from test_model import insides, shown

from rtrl_lstm.models.model import Model
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.table.schema import BadRow, Schema

STEP = 1800


def _rows(steps: list[int]) -> list[dict[str, float]]:
    return [{"t": STEP * k, "x": float(k % 7), "y": float(k % 5)} for k in steps]


GAPPED = [*range(40), *range(44, 70), *range(300, 340)]  # 4 rows are missing, then 230


def _model(gaps: str, horizon: int = 3, **options: object) -> Model:
    return Model("y", time="t", horizon=horizon, gaps=gaps, hidden_size=3, **options)


def test_they_are_counted_whatever_is_done() -> None:
    strange = [*_rows([*range(20), 20, 20, 18, 21, 22, 25]), {"t": "oops", "x": 1, "y": 1}]
    for gaps, filled in (("skip", 0), ("reset", 0), ("fill", 2)):
        model = _model(gaps)
        assert isinstance(model.run(strange)[-1], BadRow)
        found = {"gaps": 1, "filled": filled, "repeated": 1, "out_of_order": 1}
        assert model.incidents == {"interventions": 0, **found}


def test_rows_at_no_regular_interval_have_no_gaps() -> None:
    stamps = np.cumsum(np.random.default_rng(0).exponential(100.0, 300))
    schema = Schema("y", time="t", gaps="reset")
    resets = [schema.read({"t": float(t), "y": 1.0}).reset for t in stamps]
    assert not any(resets)
    assert schema.incidents["gaps"] == 0


def test_reset_begins_a_sequence_and_fill_does_where_too_much_is_missing() -> None:
    for gaps, begins in (("skip", []), ("reset", [40, 66]), ("fill", [66])):
        schema = Schema("y", time="t", gaps=gaps)
        readings = [schema.read(row) for row in _rows(GAPPED)]
        assert [k for k, reading in enumerate(readings) if reading.reset] == begins


@pytest.mark.parametrize("horizon", [0, 3])
def test_filling_is_what_rows_of_missing_values_would_be(horizon: int) -> None:
    filled, given = _model("fill", horizon), _model("skip", horizon)
    steps = [*range(40), *range(44, 70)]
    whole = _rows([*range(70)])
    for k in (5, 40, 41, 42, 43):  # the first one, so that there are inputs for missing values
        whole[k]["x"] = whole[k]["y"] = None
    said, expected = filled.run([whole[k] for k in steps]), given.run(whole)
    assert shown(said) == shown([*expected[:40], *expected[44:]])
    assert filled.learner.block.tobytes() == given.learner.block.tobytes()
    assert filled.counts["rows"] == 66
    assert filled.counts["learned"] == (65 if horizon == 0 else given.counts["learned"] - 3)


def test_a_score_pairs_a_forecast_with_the_row_of_its_time() -> None:
    rows = _rows(GAPPED[:66])
    model, score = _model("fill"), Prequential(3)
    forecasts, readings = model.follow(rows)
    score.extend(forecasts, readings)
    time = {row["t"]: row["y"] for row in rows}
    known = [row for row in rows[:-1] if row["t"] + 3 * STEP in time and row["t"] >= 0]
    scored = [r for r, f in zip(rows, forecasts, strict=True) if f is not None and r in known]
    assert score.scored == len(scored)
    errors = [
        abs(f - time[r["t"] + 3 * STEP])
        for r, f in zip(rows, forecasts, strict=True)
        if f is not None and r in known
    ]
    assert score.loss == pytest.approx(sum(errors))


@pytest.mark.parametrize("gaps", ["skip", "reset", "fill"])
@pytest.mark.parametrize("horizon", [0, 1, 5])
def test_in_any_chunks_and_saved_the_same_and_every_row_counted(gaps: str, horizon: int) -> None:
    rng = np.random.default_rng(horizon)
    steps = np.cumsum(rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 9, 0, -2], 400)).tolist()
    rows = _rows(steps)
    whole, parts, steps_ = (_model(gaps, horizon, max_gap=6) for _ in range(3))
    expected = shown(whole.run(rows))
    found = []
    for start, end in pairwise([0, 1, 30, 31, 200, 400]):
        found += shown(parts.run(rows[start:end]))
        saved = json.loads(json.dumps(parts.to_json()))
        parts = Model.from_json(saved, parts.learner, parts.good)
    assert found == expected == [repr(steps_.step(row)) for row in rows]
    assert insides(parts) == insides(whole) == insides(steps_)
    counts = whole.counts
    assert min(counts.values()) >= 0
    assert counts["rows"] == 400 == sum(counts.values()) - 400
    assert counts["pending"] <= horizon
    assert whole.incidents["gaps"] > 0


@pytest.mark.parametrize("horizon", [0, 2])
def test_a_label_that_is_new_after_a_gap(horizon: int) -> None:
    rows = [{"t": STEP * k, "x": 1.0, "y": "ab"[k % 2]} for k in range(20)]
    rows += [{"t": STEP * k, "x": "", "y": "cd"[k % 2]} for k in range(25, 40)]
    one, other = _model("fill", horizon), _model("fill", horizon)
    said = one.run(rows)
    assert shown(said) == [repr(other.step(row)) for row in rows]
    assert insides(one) == insides(other)
    assert list(said[20]) == ["a", "b"] if horizon == 0 else ["a", "b", "d"]
    assert one.incidents["filled"] == 5


@pytest.mark.parametrize(
    "options", [{"gaps": "reset"}, {"gaps": "jump", "time": "t"}, {"max_gap": 0, "time": "t"}]
)
def test_what_makes_no_sense_is_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="gap"):
        Model("y", **options)


def test_on_the_command_line(tmp_path: Path) -> None:
    rows = _rows(GAPPED)
    lines = [f"{row['t']},{row['x']},{row['y']}\n" for row in rows]
    learn = ["learn", "a.csv", "--target", "y", "--time", "t", "--horizon", 2, "--gaps", "fill"]
    learn += ["--max-gap", 50, "--predictions", "p.csv", "--model"]
    (tmp_path / "a.csv").write_text("".join(["t,x,y\n", *lines]))
    done = run(*learn, "m", "--json", "--report", "r.html", cwd=tmp_path)
    found = figures(done)
    assert [found[name] for name in ("rows", "gaps", "filled")] == [106, 2, 4]
    assert "2 gaps in time, 4 rows filled in" in done.stderr
    said = (tmp_path / "p.csv").read_text()
    assert said.count("\n") == 107
    (tmp_path / "a.csv").write_text("".join(["t,x,y\n", *lines[:43]]))
    run(*learn, "n", cwd=tmp_path)
    (tmp_path / "a.csv").write_text("".join(["t,x,y\n", *lines]))
    run(*learn, "n", "--resume", cwd=tmp_path)
    assert (tmp_path / "n").read_bytes() == (tmp_path / "m").read_bytes()
    assert (tmp_path / "p.csv").read_text() == said
    wrong = run("learn", "a.csv", "--target", "y", "--gaps", "fill", cwd=tmp_path, code=1)
    assert "needs a time column" in wrong.stderr
