"""Panel: a learner for each key, each as if its rows were a stream of their own."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from command_line import figures, run
from test_model import insides, shown

import rtrl_lstm as rl
from rtrl_lstm.modelfile import from_bytes, to_bytes
from rtrl_lstm.models.model import Model
from rtrl_lstm.models.panel import Panel
from rtrl_lstm.score.panel import PanelScore
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.table.schema import BadRow

KEYS = ["north", "south", "7"]


def _rows(count: int = 300, missing: int = 0) -> list[dict[str, object]]:
    """Rows of three series, some longer; the first rows of each may have no target."""
    rng = np.random.default_rng(1)
    places = [int(k) for k in rng.choice(3, count, p=[0.5, 0.3, 0.2])]
    rows: list[dict[str, object]] = []
    for t, place in enumerate(places):
        x = math.sin(t / 3)
        y = "" if t < missing else 10.0**place * (x + rng.normal() / 10)
        rows.append({"k": KEYS[place], "x": x, "y": y})
    return rows


def _panel(horizon: int = 0, **options: object) -> Panel:
    return Panel("y", key="k", horizon=horizon, hidden_size=3, **options)


@pytest.mark.parametrize("horizon", [0, 2])
def test_each_key_is_a_stream_of_its_own(horizon: int) -> None:
    rows, panel, score = _rows(), _panel(horizon), PanelScore(horizon)
    forecasts, readings = panel.follow(rows)
    score.extend(forecasts, readings)
    assert list(panel.models) == list(dict.fromkeys(row["k"] for row in rows))
    scored, loss, counts = 0, 0.0, dict.fromkeys(panel.counts, 0)
    for key in KEYS:
        own = [t for t, row in enumerate(rows) if row["k"] == key]
        model, alone = Model("y", features=["x"], horizon=horizon, hidden_size=3), None
        said, read = model.follow([rows[t] for t in own])
        alone = Prequential(horizon)
        alone.extend(said, read)
        assert shown(forecasts[t] for t in own) == shown(said)
        block = panel.models[key].learner.block
        assert block.tobytes() == model.learner.block.tobytes()
        scored, loss = scored + alone.scored, loss + alone.loss
        counts = {name: counts[name] + model.counts[name] for name in counts}
    assert panel.counts == counts
    assert score.scored == scored
    assert score.loss == pytest.approx(loss)
    assert panel.incidents["keys"] == 3


@pytest.mark.parametrize("horizon", [0, 2])
@pytest.mark.parametrize("missing", [0, 20])
def test_in_any_chunks_and_saved_on_the_way_the_same(horizon: int, missing: int) -> None:
    rows = [*_rows(200, missing), {"x": 1}, {"k": "7", "x": "oops", "y": 1}]
    whole, parts, steps = (_panel(horizon, max_keys=2) for _ in range(3))
    scores = PanelScore(horizon), PanelScore(horizon)
    followed = whole.follow(rows)
    expected = shown(followed[0])
    scores[0].extend(*followed)
    found = []
    for start, end in pairwise([0, 1, 2, 25, 26, 120, 202]):
        forecasts, readings = parts.follow(rows[start:end])
        found += shown(forecasts)
        scores[1].extend(forecasts, readings)
        parts = from_bytes(to_bytes(parts))
        scores = scores[0], PanelScore.from_json(json.loads(json.dumps(scores[1].to_json())))
    stepped = []
    for row in rows:
        try:
            stepped.append(repr(steps.step(row)))
        except BadRow as bad:
            stepped.append(repr(bad))
    assert found == expected == stepped
    assert to_bytes(parts) == to_bytes(whole) == to_bytes(steps)
    assert json.dumps(scores[0].to_json()) == json.dumps(scores[1].to_json())
    assert sum(isinstance(forecast, BadRow) for forecast in followed[0]) > 2


def test_the_first_target_decides_for_all() -> None:
    panel = _panel()
    panel.run([{"k": "a", "x": 1, "y": ""}, {"k": "b", "x": 1, "y": "yes"}])
    assert isinstance(panel.run([{"k": "a", "x": 1, "y": "3.5"}])[0], float | dict | None)
    assert {model.schema.task for model in panel.models.values()} == {"multiclass"}


def test_bad_keys_are_bad_rows_and_change_nothing() -> None:
    panel = _panel(max_keys=1)
    panel.run([{"k": "a", "x": 1, "y": 1}, {"k": "a", "x": 2, "y": 2}])
    before = insides(panel.models["a"])
    many, none = panel.run([{"k": "b", "x": 1, "y": 1}, {"k": "", "x": 1, "y": 1}])
    assert (
        str(many) == "column 'k': 'b' is one key too many: 1 are the most there may be (max_keys)"
    )
    assert str(none) == "column 'k': there is no key"
    assert insides(panel.models["a"]) == before
    assert str(panel.frozen().run([{"k": "c", "x": 1}])[0]).endswith("was learned from")


@pytest.mark.parametrize(
    "options", [{"max_keys": 0}, {"time": "k"}, {"features": ["k"]}, {"target": "k"}]
)
def test_what_makes_no_sense_is_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=r"key"):
        Panel(**{"target": "y", "key": "k", **options})


def test_a_forged_or_cut_file_is_refused() -> None:
    panel = _panel()
    panel.run(_rows(50))
    content = to_bytes(panel)
    for wrong in (content[:-1], content[:-8] + b"\1" * 8, content + b"\0"):
        with pytest.raises(rl.ModelFileError):
            from_bytes(wrong)


def test_on_the_command_line(tmp_path: Path) -> None:
    rows = _rows(400)
    lines = [f"{row['k']},{row['x']},{row['y']}\n" for row in rows]
    csv = tmp_path / "a.csv"
    csv.write_text("".join(["k,x,y\n", *lines]))
    learn = ["learn", "a.csv", "--target", "y", "--key", "k", "--horizon", 1]
    learn += ["--predictions", "p.csv", "--json", "--model"]
    found = figures(run(*learn, "m", cwd=tmp_path))
    assert [found[name] for name in ("rows", "keys", "bad_rows", "pending")] == [400, 3, 0, 3]
    assert found["scored"] > 380
    said = (tmp_path / "p.csv").read_text()
    for end in (1, 150, 400):
        csv.write_text("".join(["k,x,y\n", *lines[:end]]))
        again = figures(run(*learn, "n", "--resume", "--checkpoint-every", 37, cwd=tmp_path))
    assert (tmp_path / "n").read_bytes() == (tmp_path / "m").read_bytes()
    assert (tmp_path / "p.csv").read_text() == said
    assert {**again, "metrics": 0} != found
    assert again["metrics"] == found["metrics"]
    assert "kind                 panel" in run("inspect", "m", cwd=tmp_path).stdout
    predicted = run("predict", "m", stdin="k,x,y\n7,1,2\nnew,1,2\n7,1,3\n", cwd=tmp_path)
    assert predicted.stdout.count("\n") == 4
    assert "'new' was learned from" in predicted.stderr
    few = run(*learn[:-1], "--max-keys", 1, "--on-bad-row", "skip-all", cwd=tmp_path)
    assert "is one key too many" in few.stderr
    for wrong, why in (
        (["report", "m"], "holds 3 models"),
        (["export", "m", "m.onnx"], "holds 3 models"),
        ([*learn, "o", "--report", "r.html"], "--report shows one series"),
        ([*learn, "m", "--resume", "--max-keys", "5"], "was made with --max-keys 1000"),
    ):
        assert why in run(*wrong, cwd=tmp_path, code=1).stderr


def test_a_table_without_the_key() -> None:
    with pytest.raises(rl.SchemaError, match="no column 'shop'; there are: k, y"):
        Panel("y", key="shop").step({"k": 1, "y": 2.0})
