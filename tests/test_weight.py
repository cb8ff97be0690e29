"""A row's weight: what its label counts for, and never an input."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from command_line import figures, run, waves
from test_model import insides, shown

import rtrl_lstm as rl
from rtrl_lstm.models.model import Model
from rtrl_lstm.models.wanted import DEFAULTS
from rtrl_lstm.table.schema import BadRow

SMALL = {**DEFAULTS, "hidden_size": 4}


def _rows(count: int = 60) -> list[dict[str, float]]:
    return [{"x": x, "y": y, "w": (t % 5) / 2} for t, (x, y) in enumerate(waves(count))]


@pytest.mark.parametrize("horizon", [0, 3])
def test_the_engine_gets_the_weight_of_the_row_that_brings_the_label(horizon: int) -> None:
    rows = _rows(30)  # before a season is looked for
    model = Model("y", features=["x"], weight="w", horizon=horizon, **SMALL)
    model.run(rows[:2])
    by_hand = copy.copy(model.learner)
    for row, reading in zip(rows[2:], model.follow(rows[2:])[1], strict=True):
        assert reading.weight == row["w"]
        by_hand.step(np.array(reading.inputs), reading.label, row["w"])
    by_hand.finish()
    model.learner.finish()
    np.testing.assert_array_equal(by_hand.block, model.learner.block)


def test_it_is_no_input_and_changes_what_is_learned() -> None:
    weighted, plain = Model("y", weight="w", **SMALL), Model("y", features=["x"], **SMALL)
    said, usual = weighted.run(_rows()), plain.run(_rows())
    assert weighted.schema.input_names == plain.schema.input_names
    assert said != usual
    ones = Model("y", weight="w", **SMALL)
    assert ones.run([{**row, "w": "1"} for row in _rows()]) == usual


def test_weight_zero_moves_no_weight() -> None:
    # With SGD, because Adam's momentum goes on for a while.
    sgd = Model("y", weight="w", **{**SMALL, "optimizer": "sgd"})
    sgd.run(_rows())
    before = sgd.learner.state_dict()
    sgd.run([{"x": 1.0, "y": 100.0 * k, "w": 0} for k in range(20)])
    after = sgd.learner.state_dict()
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


@pytest.mark.parametrize("weight", ["-1", "", None, "heavy", "inf", "1e31"])
def test_a_weight_that_is_none_is_a_bad_row_and_changes_nothing(weight: str | None) -> None:
    model = Model("y", weight="w", **SMALL)
    model.run(_rows())
    before = insides(model)
    assert isinstance(model.run([{"x": 1, "y": 2, "w": weight}])[0], BadRow)
    assert insides(model) == before


def test_it_is_saved_and_not_needed_to_forecast(tmp_path: Path) -> None:
    model = Model("y", weight="w", **SMALL)
    model.run(_rows(30))
    model.save(tmp_path / "m.rtrl")
    other = rl.load(tmp_path / "m.rtrl")
    assert isinstance(other, Model)
    unweighted = [{"x": row["x"]} for row in _rows(5)]
    assert shown(other.frozen().run(unweighted)) == shown(model.frozen().run(unweighted))
    assert shown(other.run(_rows()[30:])) == shown(model.run(_rows()[30:]))
    assert insides(other) == insides(model)


@pytest.mark.parametrize(
    "roles", [{"weight": "y"}, {"weight": "x", "features": ["x"]}, {"weight": "t", "time": "t"}]
)
def test_a_column_has_one_role(roles: dict) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Model("y", **roles)


def test_on_the_command_line(tmp_path: Path) -> None:
    lines = [f"{row['x']},{row['y']},{row['w']}\n" for row in _rows(200)]
    (tmp_path / "a.csv").write_text("".join(["x,y,w\n", *lines, "1,2,-3\n", "1,2,\n"]))
    learn = ["learn", "a.csv", "--target", "y", "--weight", "w", "--predictions", "p.csv"]
    found = figures(run(*learn, "--json", "--bad-rows", "b.jsonl", "--model", "m", cwd=tmp_path))
    assert found["bad_rows"] == 2
    bad = (tmp_path / "b.jsonl").read_text()
    assert "column 'w': '-3' is negative" in bad
    assert "column 'w': there is no weight" in bad
    whole, said = (tmp_path / "m").read_bytes(), (tmp_path / "p.csv").read_bytes()
    (tmp_path / "m").unlink()
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text("".join(["x,y,w\n", *lines[:77]]))
    run(*learn, "--model", "m", cwd=tmp_path)
    (tmp_path / "a.csv").write_text(text)
    run(*learn, "--model", "m", "--resume", cwd=tmp_path)
    assert (tmp_path / "m").read_bytes() == whole
    assert (tmp_path / "p.csv").read_bytes() == said
    unweighted = "x\n1\n2\n"
    assert run("predict", "m", stdin=unweighted, cwd=tmp_path).stdout.count("\n") == 3
    wrong = run("learn", "a.csv", "--target", "y", "--weight", "y", cwd=tmp_path, code=1)
    assert "cannot be the weight" in wrong.stderr
