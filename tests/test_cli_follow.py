"""A file that grows and is rotated; metrics while it does; rows from a broker."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from command_line import COMMAND, run, start, waves

ROWS = [f"{x},{y}\n" for x, y in waves(60)]
LEARN = ["learn", "log.csv", "--target", "y", "--hidden", 4, "--follow", "--predictions", "-"]


def _append(path: Path, rows: list[str]) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(rows)


def _answers(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def _expected(folder: Path, rows: int) -> tuple[str, bytes]:
    """Predictions and model of a file that was there from the beginning."""
    (folder / "whole.csv").write_text("x,y\n" + "".join(ROWS[:rows]))
    whole = ["learn", "whole.csv", *LEARN[2:6], "--predictions", "-", "--model", "whole.rtrl"]
    done = run(*whole, "--overwrite", "--quiet", cwd=folder)
    return done.stdout, (folder / "whole.rtrl").read_bytes()


def test_rows_are_answered_as_they_are_appended_and_files_rotated(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    _append(log, ["x,y\n", *ROWS[:5]])
    with start(*LEARN, "--quiet", cwd=tmp_path) as process:
        answers = _answers(process, 6)
        _append(log, [ROWS[5][:3]])  # half a row is none
        time.sleep(0.1)
        _append(log, [ROWS[5][3:], *ROWS[6:10]])
        answers += _answers(process, 5)
        log.rename(tmp_path / "log.csv.1")  # whoever writes it goes on writing for a while
        _append(tmp_path / "log.csv.1", ROWS[10:12])
        answers += _answers(process, 2)
        _append(log, ["x,y\n", *ROWS[12:20]])  # a new one, with its header
        answers += _answers(process, 8)
        log.rename(tmp_path / "log.csv.2")
        _append(log, ROWS[20:30])  # one without
        answers += _answers(process, 10)
        time.sleep(0.1)
        log.write_text("")  # cut short in its place
        time.sleep(0.2)
        _append(log, ["x,y\n", *ROWS[30:35]])
        answers += _answers(process, 5)
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 143
    assert "".join(answers) == _expected(tmp_path, 35)[0]


def test_a_new_header_may_name_the_columns_in_another_order(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    _append(log, ["x,y\n", *ROWS[:5]])
    with start(*LEARN, "--quiet", cwd=tmp_path) as process:
        answers = _answers(process, 6)
        log.rename(tmp_path / "log.csv.1")
        swapped = [",".join(reversed(row.strip().split(","))) + "\n" for row in ROWS[5:10]]
        _append(log, ["y,x\n", *swapped])
        answers += _answers(process, 5)
        process.terminate()
        process.communicate(timeout=30)
    assert "".join(answers) == _expected(tmp_path, 10)[0]


@pytest.mark.parametrize("header", [["x,y\n"], []])
def test_resumed_after_the_file_was_rotated(tmp_path: Path, header: list[str]) -> None:
    log = tmp_path / "log.csv"
    learn = [*LEARN[:-1], "p.csv", "--model", "m.rtrl", "--resume", "--quiet"]
    _append(log, ["x,y\n", *ROWS[:20]])

    def until(rows: int) -> None:
        with start(*learn, cwd=tmp_path) as process:
            waited = time.monotonic() + 30
            path = tmp_path / "p.csv"
            while not path.exists() or path.read_text().count("\n") < rows + 1:
                assert time.monotonic() < waited
                time.sleep(0.02)
            process.terminate()
            process.communicate(timeout=30)
            assert process.returncode == 143

    until(20)
    _append(log, ROWS[20:30])
    os.rename(log, tmp_path / "log.csv.2")
    _append(tmp_path / "log.csv.1", [*header, *ROWS[30:40]])
    _append(log, [*header, *ROWS[40:50]])
    until(50)
    _append(log, ROWS[50:])
    until(60)
    expected, model = _expected(tmp_path, 60)
    assert (tmp_path / "p.csv").read_text() == expected
    # It is still waiting for rows: all but the place in its file is what a finished run has.
    run("learn", "whole.csv", "--model", "m.rtrl", "--resume", "--quiet", cwd=tmp_path, code=1)
    log.write_text("x,y\n9,9\n")
    for old in tmp_path.glob("log.csv.*"):
        old.unlink()
    err = run(*learn, cwd=tmp_path, code=1).stderr
    assert "log.csv is not what m.rtrl learned from" in err
    assert len(model) > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-", "--follow"], "--follow waits for what is appended to one file"),
        (["log.csv", "log.csv", "--follow"], "--follow waits for what is appended to one file"),
        (["log.csv", "--follow", "--passes", 2], "--follow never comes to the end"),
        (["-", "--passes", 2], "a pipe cannot be read again"),
        (["-", "log.csv"], "standard input cannot be read along with files"),
        (["none-*.csv"], "no file matches none-*.csv"),
        (["log.csv", "other.csv"], "other.csv has no column 'x', which log.csv has"),
        (["log.csv", "--metrics-port", "1"], "cannot serve metrics on 127.0.0.1:1"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, arguments: list, says: str) -> None:
    (tmp_path / "log.csv").write_text("x,y\n1,2\n")
    (tmp_path / "other.csv").write_text("z,y\n1,2\n")
    if arguments[-1] == "1" and os.geteuid() == 0:
        with socket.socket() as taken:  # root may have any port that is free
            taken.bind(("127.0.0.1", 0))
            port = str(taken.getsockname()[1])
            arguments, says = [*arguments[:-1], port], says.replace(":1", f":{port}")
            err = run("learn", *arguments, "--target", "y", cwd=tmp_path, code=1).stderr
    else:
        err = run("learn", *arguments, "--target", "y", cwd=tmp_path, code=1).stderr
    assert says in err.splitlines()[-1]


def test_metrics_for_prometheus(tmp_path: Path) -> None:
    _append(tmp_path / "log.csv", ["x,y\n", *ROWS[:40], "bad\n"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = ["--metrics-port", port, "--model", "m.rtrl", "--checkpoint-every", "0.1s"]
    with start(*LEARN, *served, "--quiet", cwd=tmp_path) as process:
        _answers(process, 42)
        time.sleep(0.3)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        process.terminate()
        process.communicate(timeout=30)
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    found = {name.removeprefix("rtrl_lstm_"): float(value) for name, value in lines}
    assert found["rows_total"] == 41
    assert found["bad_rows_total"] == 1
    assert found["learned_total"] == 40
    assert found["lag_bytes"] == 0
    assert 0 < found["mean_loss"] < 10
    assert 0 <= found["checkpoint_age_seconds"] < 60
    assert found["rows_per_second"] > 0


@pytest.mark.skipif(
    not (shutil.which("mosquitto") and shutil.which("mosquitto_sub")),
    reason="needs an MQTT broker: apt install mosquitto mosquitto-clients",
)
def test_rows_from_an_mqtt_broker(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (tmp_path / "broker.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    learn = f"{COMMAND} learn --format jsonl --target y --predictions p.jsonl --model m.rtrl"
    with subprocess.Popen(["mosquitto", "-c", "broker.conf"], cwd=tmp_path) as broker:
        try:
            _wait_for(port)
            pipe = f"mosquitto_sub -p {port} -t power/+ -q 1 -C 30 | {learn}"
            with subprocess.Popen(["bash", "-c", pipe], cwd=tmp_path) as learner:
                time.sleep(1.0)  # until it has subscribed
                messages = "".join(f'{{"x": {x}, "y": {y}}}\n' for x, y in waves(30))
                publish = ["mosquitto_pub", "-p", port, "-t", "power/house", "-q", "1", "-l"]
                subprocess.run(publish, input=messages, text=True, check=True, timeout=30)
                assert learner.wait(timeout=60) == 0
        finally:
            broker.terminate()
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert [row["row"] for row in rows] == list(range(1, 31))
    piped = "".join(f'{{"x": {x}, "y": {y}}}\n' for x, y in waves(30))
    run("learn", "--target", "y", "--model", "n.rtrl", stdin=piped, cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "n.rtrl").read_bytes()


def _wait_for(port: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", int(port))) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the broker does not answer")
