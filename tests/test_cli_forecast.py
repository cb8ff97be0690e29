"""`predict`, `export`, `infer`, `inspect`: what was learned, put to use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import EXAMPLE, figures, run, waves

from rtrl_lstm.cli.export import GRAPHS, PRECISIONS
from rtrl_lstm.export import provenance

CASES = {
    "regression": ([], lambda t, y: y),
    "horizon": (["--horizon", 3, "--time", "when"], lambda t, y: y),
    "binary": (["--task", "binary"], lambda t, y: "yes" if y > 10 else "no"),
    "multiclass": (["--reset-on", "run"], lambda t, y: ["red", "green", "blue"][t % 3]),
}


@pytest.fixture(params=CASES)
def learned(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a model m.rtrl that learned a.csv, and b.csv, the rows that follow."""
    options, target = CASES[request.param]
    rows = [
        f"{t // 50},2024-01-{1 + t // 24:02d} {t % 24:02d}:00,{x},{'ab'[t % 2]},{target(t, y)}\n"
        for t, (x, y) in enumerate(waves(300))
    ]
    header = "run,when,x,kind,y\n"
    (tmp_path / "a.csv").write_text(header + "".join(rows[:200]))
    (tmp_path / "b.csv").write_text(header + "".join(rows[200:]))
    if "--time" not in options:
        options = ["--features", "x,kind", *options]
    run("learn", "a.csv", "--target", "y", *options, "--model", "m.rtrl", cwd=tmp_path)
    return tmp_path


def _read(text: str) -> tuple[list[str], np.ndarray]:
    """The labels, if any, and the numbers of some predictions."""
    lines = [line.rpartition(",") for line in text.splitlines()[1:]]
    assert all(number for _, _, number in lines)
    return [label for label, _, _ in lines], np.array([float(number) for *_, number in lines])


@pytest.mark.parametrize("graph", ["step", "sequence", "learner"])
def test_infer_gives_what_predict_gives(learned: Path, graph: str) -> None:
    model = (learned / "m.rtrl").read_bytes()
    said = run("predict", "m.rtrl", "b.csv", "--quiet", cwd=learned).stdout
    assert (learned / "m.rtrl").read_bytes() == model
    run("export", "m.rtrl", "m.onnx", "--graph", graph, cwd=learned)
    inferred = run("infer", "m.onnx", "b.csv", "--provider", "cpu", "--quiet", cwd=learned).stdout
    assert said.splitlines()[0] == inferred.splitlines()[0]
    labels, numbers = _read(said)
    assert len(numbers) == 100
    labels_inferred, numbers_inferred = _read(inferred)
    assert labels == labels_inferred
    np.testing.assert_allclose(numbers_inferred, numbers, rtol=1e-4)


def test_infer_and_predict_give_the_same_rows_of_the_taxi_file(tmp_path: Path) -> None:
    """All 10,320 of them, with a model that has learned the first half."""
    lines = EXAMPLE.read_text().splitlines(keepends=True)
    (tmp_path / "half.csv").write_text("".join(lines[:5161]))
    options = ("--target", "value", "--time", "timestamp", "--horizon", 5, "--model", "m.rtrl")
    run("learn", "half.csv", *options, "--quiet", cwd=tmp_path)
    run("export", "m.rtrl", "m.onnx", cwd=tmp_path)
    said, inferred = (
        run(*command, EXAMPLE, "--quiet", cwd=tmp_path).stdout
        for command in (("predict", "m.rtrl"), ("infer", "m.onnx", "--provider", "cpu"))
    )
    assert said.splitlines()[0] == inferred.splitlines()[0]
    assert len(said.splitlines()) == len(lines)
    numbers, others = _read(said)[1], _read(inferred)[1]
    np.testing.assert_allclose(others, numbers, rtol=0, atol=1e-5 * np.abs(numbers).max())


def test_predict_does_not_learn_and_scores_where_there_are_labels(learned: Path) -> None:
    done = run("predict", "m.rtrl", "b.csv", "--predictions", "p.csv", "--json", cwd=learned)
    found = figures(done)
    assert found["rows"] == 100
    assert found["scored"] > 90
    assert found["model"] == "m.rtrl"
    assert "learned" not in found
    assert done.stdout.count("\n") == 1
    # The same rows again, cut in two, give the same: only the state moves on.
    run("predict", "m.rtrl", "b.csv", "--predictions", "q.csv", cwd=learned)
    assert (learned / "p.csv").read_text() == (learned / "q.csv").read_text()


def test_inspect_tells_what_a_file_is(learned: Path) -> None:
    out = run("inspect", "m.rtrl", cwd=learned).stdout
    assert "target" in out
    assert "y" in out
    assert "hidden_size" in out
    found = json.loads(run("inspect", "m.rtrl", "--json", cwd=learned).stdout)
    assert found["spec"]["hidden_size"] == 16
    assert found["rows"] == 200
    run("export", "m.rtrl", "m.onnx", cwd=learned)
    found = json.loads(run("inspect", "m.onnx", "--json", cwd=learned).stdout)
    assert found["graph"] == "step"
    assert found["inputs"]["x"] == ["batch", found["spec"]["input_size"]]
    assert "step" in run("inspect", "m.onnx", cwd=learned).stdout


def test_every_graph_and_precision_is_offered() -> None:
    assert GRAPHS == provenance.GRAPHS
    assert PRECISIONS == provenance.PRECISIONS


def test_precision_of_an_export(learned: Path) -> None:
    run("export", "m.rtrl", "m.onnx", "--precision", "float64", cwd=learned)
    found = json.loads(run("inspect", "m.onnx", "--json", cwd=learned).stdout)
    assert found["precision"] == "float64"


def test_rows_that_were_learned_from_are_told(tmp_path: Path) -> None:
    """Their forecasts say nothing of those to come."""
    lines = ["day,key,y", *(f"2024-01-{1 + k:02d},{'ab'[k > 14]},{k % 7}" for k in range(28))]
    (tmp_path / "a.csv").write_text("\n".join(lines[:22]) + "\n")
    (tmp_path / "b.csv").write_text("\n".join(lines[:1] + lines[22:]) + "\n")
    told = "no row is later than the last one that m.rtrl has learned from"
    run("learn", "a.csv", "--target", "y", "--model", "m.rtrl", cwd=tmp_path)
    assert told in run("predict", "m.rtrl", "a.csv", cwd=tmp_path).stderr
    assert told not in run("predict", "m.rtrl", "b.csv", cwd=tmp_path).stderr
    options = ("--target", "y", "--model", "k.rtrl", "--key", "key")
    run("learn", "a.csv", *options, cwd=tmp_path)
    assert "no row is later" not in run("predict", "k.rtrl", "b.csv", cwd=tmp_path).stderr


def test_the_wrong_kind_of_file_names_the_right_command(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n2,3\n3,4\n")
    run("learn", "a.csv", "--target", "y", "--model", "m.rtrl", cwd=tmp_path)
    run("export", "m.rtrl", "m.onnx", cwd=tmp_path)
    said = run("infer", "m.rtrl", "a.csv", cwd=tmp_path, code=1).stderr
    assert said.endswith("a model file is for predict\n")
    said = run("predict", "m.onnx", "a.csv", cwd=tmp_path, code=1).stderr
    assert said.endswith("a graph is for infer and inspect\n")


def test_a_file_where_a_command_is_to_be(tmp_path: Path) -> None:
    said = run("a.csv", cwd=tmp_path, code=2).stderr
    assert "there is no command 'a.csv': learn, predict, report, export, infer, inspect" in said
