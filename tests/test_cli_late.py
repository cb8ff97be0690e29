"""Labels that come late, on the command line: exactly once, from a file and from a pipe."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from command_line import figures, run, start
from test_delayed import _delays, _late, _rows

import rtrl_lstm.models.delayed
from rtrl_lstm.cli.records import Record
from rtrl_lstm.cli.replay import Replay
from rtrl_lstm.models.delayed import Delayed

RECORDS = [json.dumps(record) + "\n" for record in _late(_rows(), _delays(150, 12))]
RECORDS[40:40] = ["{torn\n", RECORDS[3], '{"x": 1, "y": 2}\n']
LEARN = ["learn", "--target", "y", "--id", "id", "--max-delay", 9, "--hidden", 4]
WRITTEN = ("m", "p.csv", "bad.jsonl")


def _learn(source: str, *options: object) -> list[object]:
    outputs = ["--model", "m", "--predictions", "p.csv", "--bad-rows", "bad.jsonl"]
    return [*LEARN, source, *outputs, *options]


def _written(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in WRITTEN]


@pytest.fixture
def whole(tmp_path: Path) -> list[bytes]:
    """What a run that nothing happens to writes, from a pipe."""
    folder = tmp_path / "whole"
    folder.mkdir()
    run(*_learn("-"), stdin="".join(RECORDS), cwd=folder)
    return _written(folder)


def test_every_record_is_accounted_for(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(RECORDS))
    done = run(*_learn("a.jsonl", "--json"), cwd=tmp_path)
    found = figures(done)
    parts = ["learned", "unlabelled", "pending", "bad_rows"]
    parts += ["late_labels", "too_late", "repeated_ids"]
    assert sum(found[name] for name in parts) == found["rows"] == len(RECORDS)
    assert found["bad_rows"] == 2
    assert found["repeated_ids"] == 1
    assert min(found[name] for name in parts if name != "pending") > 0
    assert "labels came late" in done.stderr
    lines = (tmp_path / "p.csv").read_text().splitlines()[1:]
    assert len(lines) == len(RECORDS)
    is_row = ['"x"' in record and '"id"' in record for record in RECORDS]
    assert [bool(line) for line in lines[60:]] == is_row[60:]
    said = run("inspect", "m", "--json", cwd=tmp_path)
    assert json.loads(said.stdout)["kind"] == "delayed"


@pytest.mark.parametrize("again_from", ["the beginning", "before the end", "behind the end"])
@pytest.mark.parametrize("end", [43, 44, 120])
def test_a_pipe_that_comes_again(
    tmp_path: Path, whole: list[bytes], end: int, again_from: str
) -> None:
    run(*_learn("-"), stdin="".join(RECORDS[:end]), cwd=tmp_path)
    begin = {"the beginning": 0, "before the end": end - 15, "behind the end": end}[again_from]
    done = run(*_learn("-", "--resume"), stdin="".join(RECORDS[begin:]), cwd=tmp_path)
    assert _written(tmp_path) == whole
    assert ("learned before: passed over" in done.stderr) == (begin < end)


def test_a_file_is_gone_on_with_where_it_stood(tmp_path: Path, whole: list[bytes]) -> None:
    for end in (5, 41, 60, len(RECORDS)):
        (tmp_path / "a.jsonl").write_text("".join(RECORDS[:end]))
        run(*_learn("a.jsonl", "--resume"), cwd=tmp_path)
    assert _written(tmp_path) == whole


def test_killed_and_piped_in_once_more(tmp_path: Path, whole: list[bytes]) -> None:
    with start(*_learn("-", "--checkpoint-every", 7, "--resume"), cwd=tmp_path) as process:
        assert process.stdin is not None
        for record in RECORDS[:100]:
            process.stdin.write(record)
        process.stdin.flush()
        until = time.monotonic() + 60
        while time.monotonic() < until and not (tmp_path / "m.previous").exists():
            time.sleep(0.02)
        process.kill()
    assert (tmp_path / "m").exists()
    run(*_learn("-", "--resume"), stdin="".join(RECORDS), cwd=tmp_path)
    assert _written(tmp_path) == whole


def test_forecasts_go_on_behind_the_last_row(tmp_path: Path) -> None:
    run(*_learn("-"), stdin="".join(RECORDS), cwd=tmp_path)
    rows = "".join(json.dumps({**row, "id": f"n{t}"}) + "\n" for t, row in enumerate(_rows()[:4]))
    said = run("predict", "m", stdin=rows, cwd=tmp_path).stdout.splitlines()[1:]
    run("export", "m", "m.onnx", cwd=tmp_path)
    inferred = run("infer", "m.onnx", stdin=rows, cwd=tmp_path).stdout.splitlines()[1:]
    assert [float(line) for line in inferred] == pytest.approx([float(line) for line in said], 1e-4)
    assert len(said) == 4
    assert "late labels" in run("report", "m", cwd=tmp_path, code=1).stderr
    refused = run("export", "m", "m.onnx", "--graph", "learner", cwd=tmp_path, code=1).stderr
    assert "labels that come late" in refused


@pytest.mark.parametrize(
    ("options", "why", "code"),
    [
        (["--horizon", 2], "the horizon is 0", 1),
        (["--key", "x"], "no key", 1),
        (["--interval", 0.9], "no interval", 1),
        (["--report", "r.html"], "whose labels come with their rows", 1),
        (["--passes", 2], "--passes would bring the same ids again", 2),
        (["--max-delay", 0], "--max-delay", 2),
        (["--id", "nope"], "no column 'nope'; there are: id, x", 1),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, options: list, why: str, code: int) -> None:
    (tmp_path / "a.jsonl").write_text("".join(RECORDS))
    assert why in run(*LEARN, "a.jsonl", *options, cwd=tmp_path, code=code).stderr


def test_a_delay_is_for_rows_with_ids(tmp_path: Path) -> None:
    done = run("learn", "--target", "y", "--max-delay", 2, cwd=tmp_path, code=2)
    assert "--max-delay is for --id COL" in done.stderr


def _records(rows: list[dict]) -> list[Record]:
    return [Record(k, json.dumps(row), row) for k, row in enumerate(rows, 2)]


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_ids_that_are_forgotten_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    """... where the stream comes again from its very first id."""
    monkeypatch.setattr(rtrl_lstm.models.delayed, "LEAST", 40)
    records = _records(_late(_rows(), _delays(150, 12)))
    cut = next(k for k in range(200, 300) if "x" in records[k].values)
    taken, new = records[:cut], records[cut:]
    late = Delayed("y", id="id", max_delay=5, hidden_size=3)
    late.run(record.values for record in taken)
    taken.insert(150, Record(1, "torn", None))

    def passed(stream: list[Record]) -> list[Record]:
        replay = Replay(late, cut + 1, lambda record: record == taken[-1])
        left = [
            record
            for begin in range(0, len(stream), pieces)
            for record in replay.new_ones(stream[begin : begin + pieces])
        ]
        left += replay.rest()
        assert replay.passed == len(stream) - len(left)
        return left

    torn = Record(1, "torn, too", None)
    assert passed([*taken, *new]) == new
    assert passed([*taken[-20:], torn, *new]) == [torn, *new]
    assert passed([torn, *new]) == [torn, *new]
    assert passed([*taken, torn]) == [torn]
    assert passed(taken) == []
