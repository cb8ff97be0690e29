"""Whatever the rows hold: no number in a model that is none, and forecasts that recover."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
from command_line import figures, run
from test_model import insides, shown

import rtrl_lstm as rl
from rtrl_lstm.modelfile import from_bytes, to_bytes
from rtrl_lstm.models.guard import EVERY, LOWER
from rtrl_lstm.models.model import Model
from rtrl_lstm.table.schema import BadRow

RNG = np.random.default_rng(7)
HOSTILE = {
    "huge": [(1e29, 1e29)] * 300,
    "alternating": [((-1) ** t * 1e30, (-1) ** t * 1e30) for t in range(300)],
    "constant": [(7.0, 7.0)] * 300,
    "zero": [(0.0, 0.0)] * 600,
    "denormal": [(5e-324 * (t % 3), 1e-310 * (t % 5)) for t in range(300)],
    "missing": [("", "")] * 600,
    "mixed": RNG.choice([1e30, -1e30, 1e-300, 0.0, 1.0], (300, 2)).tolist(),
    "beyond": [(1e308, 7.0), (0.5, -1e308)] * 150,  # bad rows, all of them
}


def _plain(rows: int) -> list[dict[str, float]]:
    return [{"x": x, "y": 3 * x + 50} for x in RNG.normal(size=rows).tolist()]


def _broken(model: Model) -> None:
    """Put a number that is none into a model's learner."""
    weights = model.learner.array("readout.weight")
    weights[:] = np.nan
    model.learner.set_array("readout.weight", weights)


@pytest.mark.parametrize("horizon", [0, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "sgd"},
        {"optimizer": "momentum"},
        {"optimizer": "obgd"},
        {"learning_rate": 1000.0, "optimizer": "sgd"},
    ],
)
def test_hostile_rows_leave_only_finite_numbers_and_forecasts_recover(
    horizon: int, options: dict
) -> None:
    model = Model("y", horizon=horizon, **options)
    model.run(_plain(600))
    for name, rows in HOSTILE.items():
        for stream in ([{"x": x, "y": y} for x, y in rows], after := _plain(1500)):
            for start in range(0, len(stream), 100):
                said = model.run(stream[start : start + 100])
                if name == "beyond" and stream is not after:
                    assert all(isinstance(value, BadRow) for value in said)
                    continue
                assert all(math.isfinite(value) for value in said), name
                learner = copy.copy(model.learner)
                learner.finish()
                assert learner.is_finite(), name
        errors = [abs(value - row["y"]) for value, row in zip(said, after[-100:], strict=True)]
        assert np.median(errors) < (4000 if "learning_rate" in options else 4), name


def test_a_model_that_broke_goes_back_and_says_nothing_wild() -> None:
    model, rows = Model("y", hidden_size=4), _plain(EVERY + 200)
    model.run(rows[: EVERY + 100])
    good, rate = copy.copy(model.good), model.learner.learning_rate
    _broken(model)
    said = model.run(rows[EVERY + 100 :])
    assert said[0] is None
    assert all(math.isfinite(value) for value in said[1:])
    assert model.interventions == 1
    assert model.learner.learning_rate == rate * LOWER
    # It learned from the rows since, beginning at the copy, and nothing else.
    good.learning_rate = rate * LOWER
    good.reset()
    fed = Model.from_json(json.loads(json.dumps(model.to_json())), good)
    assert good.labels == EVERY
    assert fed.learner.labels + 99 == model.learner.labels
    counts = model.counts
    assert counts["rows"] == EVERY + 200
    assert counts["unlabelled"] == 1


@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize("horizon", [0, 2])
@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_stepping_back_does_not_depend_on_chunks(task: str, horizon: int, chunk: int) -> None:
    rng = np.random.default_rng(0)
    rows = [{"x": x, "y": float(x > 0) if task == "binary" else x} for x in rng.normal(size=900)]
    for row in rows[300:400] if task == "regression" else []:
        row["y"] = 1e30
    models = [Model("y", task=task, horizon=horizon, hidden_size=3) for _ in range(2)]
    found = []
    for model, size in zip(models, (50, chunk), strict=True):
        said = model.run(rows[:100])
        _broken(model)
        for start in range(100, 900, size):
            said += model.run(rows[start : start + size])
        found.append((shown(said), insides(model), model.good.block.tobytes()))
    assert found[0] == found[1]
    assert models[0].interventions >= 1


def test_what_it_would_go_back_to_is_saved(tmp_path: Path) -> None:
    model, rows = Model("y", hidden_size=3), _plain(600)
    model.run(rows[:400])
    model.save(tmp_path / "m.rtrl")
    other = rl.load(tmp_path / "m.rtrl")
    assert isinstance(other, Model)
    for one in (model, other):
        _broken(one)
    assert shown(other.run(rows[400:])) == shown(model.run(rows[400:]))
    assert to_bytes(other) == to_bytes(model)
    assert from_bytes(to_bytes(model)).interventions == model.interventions == 1


def test_a_model_without_rate_at_fault_keeps_its_rate() -> None:
    """One scale of numbers after another: statistics begin anew, the rate is as it was."""
    model = Model("y", hidden_size=4)
    model.run(_plain(600))
    model.run([{"x": 1e29, "y": 1e29 * (1 + t % 2)} for t in range(600)])
    model.run(_plain(2500))
    assert model.interventions == 2
    assert model.learner.learning_rate == pytest.approx(model.spec.learning_rate)


def test_a_frozen_model_that_broke_begins_again_where_it_was_frozen() -> None:
    model = Model("y", hidden_size=3)
    model.run(_plain(300))
    frozen = model.frozen()
    _broken(frozen)
    assert frozen.run([{"x": 1}])[0] is None
    assert math.isfinite(frozen.run([{"x": 1}])[0])
    assert model.interventions == 0


def test_plain_streams_are_left_alone() -> None:
    slow = [{"y": 20 + math.sin(t / 5000)} for t in range(3000)]
    steps = [{"y": 1e6 * (t // 700) + t % 2} for t in range(3000)]
    rare = [{"y": float(t % 400 == 399)} for t in range(3000)]
    for rows in (slow, steps, rare, _plain(2000)):
        for horizon in (0, 24):
            model = Model("y", horizon=horizon, task="regression", hidden_size=4)
            model.run(rows)
            assert model.interventions == 0


@pytest.mark.parametrize("horizon", [0, 1])
def test_tiny_targets_are_left_alone(horizon: int) -> None:
    """The first forecast of all is large beside them, and says nothing of the learner."""
    rows = [{"x": t % 7, "y": 1e-9 * math.sin(t / 10)} for t in range(2 * EVERY)]
    whole, steps = Model("y", horizon=horizon), Model("y", horizon=horizon)
    assert whole.run(rows) == [steps.step(row) for row in rows]
    assert whole.interventions == steps.interventions == 0


def test_the_command_line_says_so_once_and_counts(tmp_path: Path) -> None:
    rows = [*_plain(600), *[{"x": 1e29, "y": 1e29}] * 300, *_plain(3000)]
    lines = "".join(f"{row['x']},{row['y']}\n" for row in rows)
    (tmp_path / "a.csv").write_text("x,y\n" + lines)
    learn = ["learn", "a.csv", "--target", "y", "--json", "--model"]
    done = run(*learn, "m.rtrl", "--report", "r.html", cwd=tmp_path)
    found = figures(done)
    assert found["interventions"] > 0
    assert done.stderr.count("stepped back at row") == 1
    assert f"stepped back {found['interventions']} times" in done.stderr
    assert "stepped back" in (tmp_path / "r.html").read_text()
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(lines.splitlines(keepends=True)[:1111]))
    run(*learn, "n.rtrl", cwd=tmp_path)
    (tmp_path / "a.csv").write_text("x,y\n" + lines)
    again = figures(run(*learn, "n.rtrl", "--resume", cwd=tmp_path))
    assert (tmp_path / "n.rtrl").read_bytes() == (tmp_path / "m.rtrl").read_bytes()
    assert again["interventions"] == found["interventions"]
