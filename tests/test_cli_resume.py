"""Saving and going on: the same bytes as without a stop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import figures, run, waves, write_csv

ROWS = waves(240)
CSV = ["x,y\n", *(f"{x},{y}\n" for x, y in ROWS)]
LEARN = ["learn", "a.csv", "--target", "y", "--model", "m.rtrl"]


def _whole(tmp_path: Path, *options: object) -> tuple[bytes, bytes]:
    """Model and predictions of one run over all rows."""
    (tmp_path / "a.csv").write_text("".join(CSV))
    run(*LEARN[:-1], "whole.rtrl", *options, "--predictions", "whole.csv", cwd=tmp_path)
    return (tmp_path / "whole.rtrl").read_bytes(), (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("options", [[], ["--horizon", 4], ["--optimizer", "sgd"]])
def test_in_pieces_as_in_one(tmp_path: Path, options: list) -> None:
    whole = _whole(tmp_path, *options)
    for rows in (1, 3, 100, 101, 240):
        (tmp_path / "a.csv").write_text("".join(CSV[: rows + 1]))
        run(*LEARN, *options, "--resume", "--predictions", "p.csv", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == whole[0]
    assert (tmp_path / "p.csv").read_bytes() == whole[1]


def test_figures_in_pieces_as_in_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("".join(CSV))
    once = figures(run(*LEARN[:4], "--json", cwd=tmp_path))
    (tmp_path / "a.csv").write_text("".join(CSV[:100]))
    run(*LEARN, cwd=tmp_path)
    (tmp_path / "a.csv").write_text("".join(CSV))
    twice = figures(run(*LEARN, "--resume", "--json", cwd=tmp_path))
    for name in set(once) - {"seconds", "rows_per_second", "model"}:
        assert once[name] == twice[name]


def test_a_pipe_goes_on_with_new_rows(tmp_path: Path) -> None:
    whole = _whole(tmp_path)
    for first, last in ((0, 90), (90, 240)):
        rows = "".join([CSV[0], *CSV[first + 1 : last + 1]])
        piped = ["learn", "-", *LEARN[2:], "--resume", "--predictions", "p.csv"]
        run(*piped, stdin=rows, cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == whole[0]
    assert (tmp_path / "p.csv").read_bytes() == whole[1]


def test_at_the_end_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("".join(CSV))
    outputs = ["--predictions", "p.csv", "--bad-rows", "bad.jsonl"]
    run(*LEARN, *outputs, cwd=tmp_path)
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()}
    assert "0 and 1" not in run(*LEARN, "--resume", *outputs, cwd=tmp_path).stderr
    after = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()}
    assert {name: found[0] for name, found in after.items()} == {
        name: found[0] for name, found in before.items()
    }
    assert after["m.rtrl"] == before["m.rtrl"]


def test_resume_without_a_model_begins_afresh(tmp_path: Path) -> None:
    whole = _whole(tmp_path)
    (tmp_path / "p.csv").write_text("prediction\nold\nold\n")
    run(*LEARN, "--resume", "--predictions", "p.csv", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == whole[0]
    assert (tmp_path / "p.csv").read_bytes() == whole[1]


def test_predictions_beyond_the_model_are_cut_and_missing_ones_left_blank(tmp_path: Path) -> None:
    whole = _whole(tmp_path)[1].splitlines(keepends=True)
    (tmp_path / "a.csv").write_text("".join(CSV[:101]))
    run(*LEARN, cwd=tmp_path)
    (tmp_path / "a.csv").write_text("".join(CSV))
    # As after a crash: more lines than the model has seen, the last of them torn.
    (tmp_path / "p.csv").write_bytes(b"".join(whole[:150]) + b"12.")
    model = (tmp_path / "m.rtrl").read_bytes()
    run(*LEARN, "--resume", "--predictions", "p.csv", cwd=tmp_path)
    assert (tmp_path / "p.csv").read_bytes() == b"".join(whole)
    # A file that begins with the resumed run: rows keep their line.
    (tmp_path / "m.rtrl").write_bytes(model)
    run(*LEARN, "--resume", "--predictions", "new.csv", cwd=tmp_path)
    lines = (tmp_path / "new.csv").read_bytes().splitlines(keepends=True)
    assert lines == [whole[0], *[b"\n"] * 100, *whole[101:]]


def test_bad_rows_are_kept_over_a_stop(tmp_path: Path) -> None:
    rows = [*CSV[:50], "broken\n", *CSV[50:100], "1,2,3\n", *CSV[100:]]
    (tmp_path / "a.csv").write_text("".join(rows[:70]))
    run(*LEARN, "--bad-rows", "bad.jsonl", cwd=tmp_path)
    (tmp_path / "a.csv").write_text("".join(rows))
    found = figures(run(*LEARN, "--resume", "--bad-rows", "bad.jsonl", "--json", cwd=tmp_path))
    assert found["bad_rows"] == 2
    lines = (tmp_path / "bad.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [50, 101]


def test_checkpoints_leave_no_trace(tmp_path: Path) -> None:
    whole = _whole(tmp_path)
    run(*LEARN, "--checkpoint-every", 7, cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == whole[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.csv", "m.rtrl", "whole.csv", "whole.rtrl",
    ]  # fmt: skip


def test_an_existing_model_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    run(*LEARN, cwd=tmp_path)
    before = (tmp_path / "m.rtrl").read_bytes()
    err = run(*LEARN, "--seed", 1, cwd=tmp_path, code=1).stderr
    assert "--resume" in err
    assert "--overwrite" in err
    assert (tmp_path / "m.rtrl").read_bytes() == before
    run(*LEARN, "--seed", 1, "--overwrite", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() != before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--target", "x"), ("--horizon", 3), ("--hidden", 64), ("--seed", 9), ("--features", "x"),
        ("--learning-rate", 0.5), ("--optimizer", "sgd"), ("--task", "multiclass"),
        ("--score-from", 7),
    ],
)  # fmt: skip
def test_options_that_contradict_the_model(tmp_path: Path, option: str, value: object) -> None:
    write_csv(tmp_path / "a.csv")
    run(*LEARN, cwd=tmp_path)
    arguments = ["learn", "a.csv", "--model", "m.rtrl", "--resume", option, value]
    err = run(*arguments, cwd=tmp_path, code=1).stderr
    assert f"was made with {option}" in err
    assert len(err.splitlines()) == 1


def test_options_may_be_left_out_or_said_again(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    again = ["--hidden", 8, "--horizon", 2, "--optimizer", "sgd", "--task", "regression"]
    run(*LEARN, *again, cwd=tmp_path)
    run(*LEARN, *again, "--resume", cwd=tmp_path)
    run("learn", "a.csv", "--model", "m.rtrl", "--resume", cwd=tmp_path)


def test_a_source_that_is_not_the_one_it_began_with(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 50)
    run(*LEARN, cwd=tmp_path)
    write_csv(tmp_path / "a.csv", 40)
    assert "has 40 rows" in run(*LEARN, "--resume", cwd=tmp_path, code=1).stderr
    rows = "".join(f"{x + 1},{y}\n" for x, y in waves(60))
    (tmp_path / "a.csv").write_text("x,y\n" + rows)
    assert "row 50 of a.csv is not" in run(*LEARN, "--resume", cwd=tmp_path, code=1).stderr
    (tmp_path / "a.csv").write_text("z,y\n" + rows)
    err = run(*LEARN, "--resume", cwd=tmp_path, code=1).stderr
    assert "no column 'x'; there are: z, y" in err
