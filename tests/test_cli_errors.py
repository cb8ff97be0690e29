"""What a user does wrong gets one clear line and the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run, start, write_csv

import rtrl_lstm

ROW = "x,y\n1,2\n"


def _one_line(err: str) -> str:
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("Error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        (None, ["--target", "y"], "cannot read a.csv: No such file"),
        (ROW, ["--target", "z"], "no column 'z'; there are: x, y"),
        (ROW, ["--target", "y", "--features", "x,q"], "no column 'q'; there are: x, y"),
        (ROW, ["--target", "y", "--time", "when"], "no column 'when'; there are: x, y"),
        (ROW, ["--target", "y", "--reset-on", "id"], "no column 'id'; there are: x, y"),
        ("", ["--target", "y"], "a.csv is empty"),
        ("\n\n", ["--target", "y"], "a.csv is empty"),
        ("x,y\n", ["--target", "y"], "a.csv has a header and no rows"),
        ("x,y\n1,red\n", ["--target", "y", "--task", "regression"], "holds text: 'red'"),
        ("x,y\nno,2\n", ["--target", "y", "--time", "x"], "'x' is no time column"),
        ("x,y\n1\n2\n", ["--target", "y"], "no row of a.csv can be used; row 1 (line 2): 1 field"),
        (ROW, ["--target", "y", "--features", "y"], "cannot be a feature"),
        (ROW, ["--target", "y", "--model", "no/where/m.rtrl"], "cannot write no/where/m.rtrl"),
        (ROW, ["--target", "y", "--predictions", "no/p.csv"], "cannot write no/p.csv"),
        (ROW, ["--target", "y", "--bad-rows", "no/b.jsonl"], "cannot write no/b.jsonl"),
        (ROW, ["--target", "y", "--predictions", "a.csv"], "a.csv would be read and written"),
        (ROW, ["--target", "y", "--overwrite", "--model", "a.csv"], "a.csv would be read and"),
    ],
)
def test_learn_stops(tmp_path: Path, text: str | None, arguments: list, says: str) -> None:
    if text is not None:
        (tmp_path / "a.csv").write_text(text)
    model = [] if "--model" in arguments else ["--model", "m.rtrl"]
    err = run("learn", "a.csv", *arguments, *model, "--quiet", cwd=tmp_path, code=1).stderr
    assert says in _one_line(err)
    assert not (tmp_path / "m.rtrl").exists()
    if text is not None:
        assert (tmp_path / "a.csv").read_text() == text


def test_a_column_that_is_not_there_is_named_before_kernels_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTRL_LSTM_CACHE", str(tmp_path / "nothing compiled yet"))
    (tmp_path / "a.csv").write_text(ROW)
    with start("learn", "a.csv", "--target", "z", cwd=tmp_path) as process:
        assert "no column 'z'; there are: x, y" in _one_line(process.communicate()[1])


@pytest.mark.parametrize(
    "arguments",
    [
        ["learn", "a.csv"],
        ["learn", "a.csv", "--target", "y", "--resume"],
        ["learn", "a.csv", "--target", "y", "--overwrite"],
        ["learn", "a.csv", "--target", "y", "--checkpoint-every", "5"],
        ["learn", "a.csv", "--target", "y", "--model", "m", "--resume", "--overwrite"],
        ["learn", "a.csv", "--target", "y", "--model", "m", "--checkpoint-every", "often"],
        ["learn", "a.csv", "--target", "y", "--model", "m", "--checkpoint-every", "0"],
        ["learn", "a.csv", "--target", "y", "--hidden", "0"],
        ["learn", "a.csv", "--target", "y", "--learning-rate", "0"],
        ["learn", "a.csv", "--target", "y", "--horizon", "-1"],
        ["learn", "a.csv", "--target", "y", "--cell", "gru2"],
        ["learn", "a.csv", "--target", "y", "--features", "x,,z"],
        ["learn", "a.csv", "--nonsense"],
        ["predict"],
        ["export", "m.rtrl"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path: Path, arguments: list) -> None:
    (tmp_path / "a.csv").write_text(ROW)
    assert "Error: " in run(*arguments, cwd=tmp_path, code=2).stderr


def test_without_a_target_those_there_are_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROW)
    wanted = "--target COL is needed: the column to forecast"
    assert f"{wanted}; there are: x, y\n" in run("learn", "a.csv", cwd=tmp_path, code=2).stderr
    assert f"{wanted}\n" in run("learn", stdin=ROW, cwd=tmp_path, code=2).stderr


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source a.csv, a model m.rtrl and its graph m.onnx."""
    folder = tmp_path_factory.mktemp("learned")
    write_csv(folder / "a.csv")
    run("learn", "a.csv", "--target", "y", "--horizon", 1, "--model", "m.rtrl", cwd=folder)
    run("export", "m.rtrl", "m.onnx", cwd=folder)
    return folder


def test_a_damaged_model(learned: Path, tmp_path: Path) -> None:
    good = (learned / "m.rtrl").read_bytes()
    for damaged in (b"", b"hello", good[:100], good[:-10], good[:200] + b"\0" + good[201:]):
        (tmp_path / "m.rtrl").write_bytes(damaged)
        for command in (
            ["predict", "m.rtrl", learned / "a.csv"],
            ["inspect", "m.rtrl"],
            ["export", "m.rtrl", "m.onnx"],
            ["learn", learned / "a.csv", "--target", "y", "--model", "m.rtrl", "--resume"],
        ):
            assert "m.rtrl" in _one_line(run(*command, cwd=tmp_path, code=1).stderr)
        assert (tmp_path / "m.rtrl").read_bytes() == damaged


def test_a_damaged_graph(learned: Path, tmp_path: Path) -> None:
    good = (learned / "m.onnx").read_bytes()
    for damaged in (b"", b"hello", good[: len(good) // 2]):
        (tmp_path / "m.onnx").write_bytes(damaged)
        for command in (["infer", "m.onnx", learned / "a.csv"], ["inspect", "m.onnx"]):
            assert "m.onnx" in _one_line(run(*command, cwd=tmp_path, code=1).stderr)


@pytest.mark.parametrize("command", ["predict", "export", "infer", "inspect"])
def test_no_such_model(tmp_path: Path, command: str) -> None:
    more = ["out.onnx"] if command == "export" else []
    err = run(command, "nothing.rtrl", *more, cwd=tmp_path, code=1).stderr
    assert "nothing.rtrl: No such file" in _one_line(err)


def test_a_source_of_another_schema(learned: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    for command in (["predict", learned / "m.rtrl"], ["infer", learned / "m.onnx"]):
        err = _one_line(run(*command, "b.csv", cwd=tmp_path, code=1).stderr)
        assert "b.csv does not fit" in err
        assert "no column 'y'; there are: x, z" in err
    (tmp_path / "b.jsonl").write_text('{"p": 1}\n')
    err = _one_line(run("predict", learned / "m.rtrl", "b.jsonl", cwd=tmp_path, code=1).stderr)
    assert "there are: p" in err


def test_a_learner_reads_no_rows(tmp_path: Path) -> None:
    rtrl_lstm.Learner(input_size=2).save(tmp_path / "m.rtrl")
    (tmp_path / "a.csv").write_text(ROW)
    err = _one_line(run("predict", "m.rtrl", "a.csv", cwd=tmp_path, code=1).stderr)
    assert "holds a Learner" in err


def test_a_target_that_no_row_has(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n{"x": 2}\n')
    done = run("learn", "a.jsonl", "--target", "y", "--quiet", cwd=tmp_path, code=1)
    assert "no column 'y'; there are: x" in _one_line(done.stderr)
