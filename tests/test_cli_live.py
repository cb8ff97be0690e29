"""A live pipe: each row is answered before the next one is written; a stop leaves a whole model."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import COMMAND, EXAMPLE, run, start, waves, write_csv

ROWS = waves(60)


def _talk(process: subprocess.Popen[str], rows: list[str], header: str = "") -> list[str]:
    """From the first row on: write a row, read the answer, and only then write the next.

    The header goes with the first row, and that of the predictions comes with its answer.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    answers: list[str] = []
    for row in [header + rows[0], *rows[1:]]:
        process.stdin.write(row + "\n")
        process.stdin.flush()
        if not answers:
            answers.append(process.stdout.readline())
        answers.append(process.stdout.readline())
    return answers


def _rows(rows: list[tuple[float, float]]) -> list[str]:
    return [f"{x},{y}" for x, y in rows]


@pytest.mark.parametrize("horizon", [0, 2])
def test_a_row_is_answered_before_the_next(tmp_path: Path, horizon: int) -> None:
    arguments = ["learn", "--target", "y", "--horizon", horizon, "--predictions", "-"]
    with start(*arguments, "--quiet", cwd=tmp_path) as process:
        answers = _talk(process, _rows(ROWS), "x,y\n")
        assert answers[0] == "prediction\n"
        out, err = process.communicate()
    assert (out, err) == ("", "")
    whole = run(*arguments, stdin="\n".join(["x,y", *_rows(ROWS)]), cwd=tmp_path).stdout
    assert "".join(answers) == whole


def test_json_lines_live(tmp_path: Path) -> None:
    arguments = ["learn", "--target", "y", "--predictions", "-", "--quiet"]
    with start(*arguments, cwd=tmp_path) as process:
        said = ["red", "blue", "broken", "red"]
        rows = [color if color == "broken" else f'{{"x": 1, "y": "{color}"}}' for color in said]
        answers = _talk(process, rows)
        process.communicate()
    assert answers[0] == "prediction,probability\n"
    assert answers[1] == "\n"  # no class was known yet
    assert answers[2].startswith("red,")
    assert answers[3] == "\n"
    assert answers[4].split(",")[0] in ("red", "blue")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_waiting(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ["learn", "--target", "y", "--predictions", "-", "--model", "m.rtrl", "--json"]
    with start(*arguments, cwd=tmp_path) as process:
        _talk(process, _rows(ROWS), "x,y\n")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert "interrupted after row 60" in err
    assert '"rows": 60' in out.splitlines()[-1]
    # What was saved is what the same rows give without an interruption.
    rows = "\n".join(["x,y", *_rows(ROWS)])
    run("learn", "--target", "y", "--model", "n.rtrl", stdin=rows, cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "n.rtrl").read_bytes()


def test_interrupted_in_the_middle_of_a_file_and_resumed(tmp_path: Path) -> None:
    many = "".join(f"{x},{y}\n" for x, y in waves(60_000))
    (tmp_path / "a.csv").write_text("x,y\n" + many)
    arguments = ["learn", "a.csv", "--target", "y", "--hidden", 8, "--predictions", "p.csv"]
    with start(*arguments, "--model", "m.rtrl", "--progress", "plain", cwd=tmp_path) as process:
        assert process.stderr is not None
        while not process.stderr.readline().strip().startswith("8,192 "):
            pass
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    lines = (tmp_path / "p.csv").read_text().count("\n")
    assert 8_192 < lines <= 60_000
    run(*arguments, "--model", "m.rtrl", "--resume", "--quiet", cwd=tmp_path)
    resumed = (tmp_path / "p.csv").read_bytes()
    run(*arguments, "--model", "n.rtrl", "--quiet", cwd=tmp_path)
    assert resumed == (tmp_path / "p.csv").read_bytes()
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "n.rtrl").read_bytes()


def test_killed_after_a_checkpoint(tmp_path: Path) -> None:
    rows = "\n".join(["x,y", *_rows(ROWS[:50])])
    run("learn", "--target", "y", "--model", "n.rtrl", stdin=rows, cwd=tmp_path)
    expected = (tmp_path / "n.rtrl").read_bytes()
    arguments = ["learn", "--target", "y", "--predictions", "-", "--model", "m.rtrl"]
    with start(*arguments, "--checkpoint-every", 25, cwd=tmp_path) as process:
        _talk(process, _rows(ROWS[:55]), "x,y\n")
        # It is written aside, while forecasts go on.
        until = time.monotonic() + 60
        while (tmp_path / "m.rtrl").read_bytes() != expected and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()
    assert (tmp_path / "m.rtrl").read_bytes() == expected


def test_checkpoints_by_the_clock_come_while_the_pipe_is_silent(tmp_path: Path) -> None:
    arguments = ["learn", "--target", "y", "--predictions", "-", "--model", "m.rtrl"]
    with start(*arguments, "--checkpoint-every", "0.2s", cwd=tmp_path) as process:
        _talk(process, _rows(ROWS[:5]), "x,y\n")
        waited = time.monotonic() + 20
        while not (tmp_path / "m.rtrl").exists() and time.monotonic() < waited:
            time.sleep(0.05)
        assert (tmp_path / "m.rtrl").exists()
        process.communicate(timeout=30)


def test_a_reader_that_leaves_stops_it_with_the_model_saved(tmp_path: Path) -> None:
    command = f"'{COMMAND}' learn '{EXAMPLE}' --target value --predictions - --model m.rtrl"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} --quiet | head -n 2"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
    assert (tmp_path / "m.rtrl").exists()


def test_predict_answers_live(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    run("learn", "a.csv", "--target", "y", "--model", "m.rtrl", cwd=tmp_path)
    with start("predict", "m.rtrl", "--quiet", cwd=tmp_path) as process:
        header, *forecasts = _talk(process, ["1.0", "0.5"], "x\n")
        process.communicate()
    assert header == "prediction\n"
    assert all(float(forecast) for forecast in forecasts)
    assert process.returncode == 0


def test_help_imports_click_alone() -> None:
    show = "import sys; from rtrl_lstm.cli.main import commands; "
    show += "commands(['--help'], standalone_mode=False); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    heavy = {"numpy", "numba", "safetensors", "onnx", "onnxruntime", "rich"}
    assert heavy.isdisjoint(shown.stdout.splitlines()[-1].split())


@pytest.mark.proof
def test_first_forecast_within_a_second_when_warm(tmp_path: Path) -> None:
    fastest = []
    for _ in range(3):
        began = time.monotonic()
        with start("learn", "--target", "y", "--predictions", "-", cwd=tmp_path) as process:
            _talk(process, ["1.0,2.0"], "x,y\n")
            fastest.append(time.monotonic() - began)
            process.communicate()
    assert min(fastest) < 1.0


@pytest.mark.proof
def test_help_answers_at_once() -> None:
    fastest = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([COMMAND, "--help"], check=True, capture_output=True)
        fastest.append(time.monotonic() - began)
    assert min(fastest) < 0.15
