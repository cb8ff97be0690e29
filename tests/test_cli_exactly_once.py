"""Where a run stands in its files is kept in the checkpoint; what goes on from there, is exact."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from backports import zstd
from command_line import COMMAND, figures, run, start, waves, write_csv
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from benchmarks.reliability.kills import OUTPUTS, Kind, measure
from rtrl_lstm.cli.lines import Trail
from rtrl_lstm.cli.sources import Source

BAD = 151  # the row at which the first run stops
ROWS = [f"{x},{y}\n" for x, y in waves(240)]
ROWS[BAD - 1] = "torn\n"
OPTIONS = ["--target", "y", "--hidden", 4, "--predictions", "p.csv", "--bad-rows", "bad.jsonl"]


@pytest.mark.parametrize("kind", [Kind("0.02s"), Kind("1000", ids=True, pipe=True)])
def test_killed_at_random_moments(tmp_path: Path, kind: Kind) -> None:
    found = measure(tmp_path, kills=2, rows=10_000, kind=kind)
    assert found["kills"] == 2
    assert all(found[name] for name in OUTPUTS)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        (Kind("5000"), 1_000_000),
        (Kind("2000", ids=True), 200_000),
        (Kind("2000", ids=True, pipe=True), 200_000),
    ],
)
def test_killed_200_times(tmp_path: Path, kind: Kind, rows: int) -> None:
    found = measure(tmp_path, kills=200, rows=rows, kind=kind)
    assert found["kills"] == 200
    assert all(found[name] for name in OUTPUTS)


def _plain(folder: Path) -> list[str]:
    (folder / "a.csv").write_text("x,y\n" + "".join(ROWS))
    return ["a.csv"]


def _gzip(folder: Path) -> list[str]:
    (folder / "a.csv.gz").write_bytes(gzip.compress(("x,y\n" + "".join(ROWS)).encode()))
    return ["a.csv.gz"]


def _zstd(folder: Path) -> list[str]:
    text = "\ufeffx,y\r\n\r\n" + "".join(ROWS).replace("\n", "\r\n")
    (folder / "a.csv.zst").write_bytes(zstd.compress(text.encode()))
    return ["a.csv.zst"]


def _three_files(folder: Path) -> list[str]:
    for k in range(3):
        rows = "".join(ROWS[80 * k : 80 * (k + 1)])
        (folder / f"day-{k}.csv").write_text("x,y\n" + rows + "\n" * k)
    return ["day-*.csv"]


def _bad_row_first_in_its_file(folder: Path) -> list[str]:
    (folder / "1.csv").write_text("x,y\n" + "".join(ROWS[: BAD - 1]))
    (folder / "2.csv").write_text("x,y\n" + "".join(ROWS[BAD - 1 :]))
    return ["1.csv", "2.csv"]


def _passes(folder: Path) -> list[str]:
    (folder / "a.csv").write_text("x,y\n" + "".join(ROWS[BAD - 10 :]).replace("torn", "1,2", 0))
    return ["a.csv", "--passes", "3"]


def _json_lines(folder: Path) -> list[str]:
    rows = [f'{{"x": {x}, "y": {y}}}\n' for x, y in waves(240)]
    rows[BAD - 1] = "[1, 2]\n"
    (folder / "a.jsonl").write_text("".join(rows))
    return ["a.jsonl"]


SOURCES = [
    _plain, _gzip, _zstd, _three_files, _bad_row_first_in_its_file, _passes, _json_lines,
]  # fmt: skip


@pytest.mark.parametrize("make", SOURCES)
def test_stopped_in_the_middle_and_resumed(tmp_path: Path, make) -> None:
    """A stop at a bad row is a stop at a known moment; skipping it later, nothing is different."""
    source = make(tmp_path)
    run("learn", *source, *OPTIONS, "--model", "m.rtrl", cwd=tmp_path)
    whole = [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.csv", "bad.jsonl")]
    (tmp_path / "m.rtrl").unlink()
    stop = ["--on-bad-row", "stop", "--model", "m.rtrl"]
    assert "torn" in whole[2].decode() or "[1, 2]" in whole[2].decode()
    run("learn", *source, *OPTIONS, *stop, cwd=tmp_path, code=1)
    # As after a crash: the outputs are ahead of the model, and the last line of each is torn.
    (tmp_path / "p.csv").write_bytes((tmp_path / "p.csv").read_bytes() + b"1.5\n2.5\n3.")
    (tmp_path / "bad.jsonl").write_bytes(b'{"row": 200, "line": 201}\n{"row"')
    run("learn", *source, *OPTIONS, "--model", "m.rtrl", "--resume", cwd=tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.csv", "bad.jsonl")] == whole


def test_a_source_that_was_changed(tmp_path: Path) -> None:
    _plain(tmp_path)
    good = (tmp_path / "a.csv").read_text()
    learn = ["learn", "a.csv", *OPTIONS, "--model", "m.rtrl"]
    run(*learn, "--on-bad-row", "stop", cwd=tmp_path, code=1)
    before = {name: (tmp_path / name).read_bytes() for name in ("m.rtrl", "p.csv")}
    lines = good.splitlines(keepends=True)
    for changed in (
        [*lines[:3], "0.5,1\n", *lines[4:]],  # a row was edited
        [*lines[:3], *lines[4:]],  # removed
        [*lines[:3], "0.5,1\n", *lines[3:]],  # put between
        lines[:50],  # the file is shorter
    ):
        (tmp_path / "a.csv").write_text("".join(changed))
        err = run(*learn, "--resume", cwd=tmp_path, code=1).stderr
        assert "a.csv is not what m.rtrl learned from: up to row 150" in err
        assert len(err.splitlines()) == 1
        assert {name: (tmp_path / name).read_bytes() for name in before} == before
    # What comes later may change: it was not learned yet.
    (tmp_path / "a.csv").write_text("".join([*lines[: BAD + 10], "7,8\n"]))
    found = figures(run(*learn, "--resume", "--json", cwd=tmp_path))
    assert found["rows"] == BAD + 10


def test_a_pipe_says_that_it_has_no_place(tmp_path: Path) -> None:
    _plain(tmp_path)
    rows = (tmp_path / "a.csv").read_bytes()
    run("learn", *OPTIONS, "--model", "m.rtrl", stdin=rows, cwd=tmp_path)
    done = run("learn", *OPTIONS, "--model", "m.rtrl", "--resume", stdin=rows, cwd=tmp_path)
    assert "m.rtrl has seen 240 rows; a pipe has no place to go back to" in done.stderr
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 481


def test_rows_read_from_a_pipe_are_learned_before_it_ends(tmp_path: Path) -> None:
    """A signal while a chunk is learned: what was read beyond it cannot be read again."""
    many = "".join(f"{x},{y}\n" for x, y in waves(3000))
    learn = ["learn", "--target", "y", "--hidden", 64, "--predictions", "p.csv"]
    with start(*learn, "--progress", "plain", cwd=tmp_path) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("x,y\n" + many[:60_000].rpartition("\n")[0] + "\n")
        process.stdin.flush()
        while process.stderr.readline().split()[:1] != ["512"]:
            pass
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 143
    lines = (tmp_path / "p.csv").read_text().count("\n") - 1
    assert lines == many[:60_000].count("\n")


def test_one_process_to_a_model(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    learn = ["learn", "--target", "y", "--model", "m.rtrl", "--predictions", "-"]
    with start(*learn, cwd=tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("x,y\n1,2\n")
        process.stdin.flush()
        process.stdout.readline()
        for more in ([], ["--resume"], ["--overwrite"]):
            refused = ["learn", "a.csv", "--target", "y", "--model", "m.rtrl", *more]
            err = run(*refused, cwd=tmp_path, code=1).stderr
            assert err.startswith("Error: m.rtrl is being learned by another process")
        process.kill()  # which leaves no lock behind
        process.wait()
    run("learn", "a.csv", "--target", "y", "--model", "m.rtrl", "--resume", cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "m.rtrl"]


def test_a_damaged_checkpoint_leaves_the_one_before_it(tmp_path: Path) -> None:
    _write_long(tmp_path)
    learn = ["learn", "a.csv", *LONG, "--model", "m.rtrl"]
    run(*learn, cwd=tmp_path)
    whole = [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.jsonl")]
    (tmp_path / "m.rtrl").unlink()
    _stop_at_a_full_disk(tmp_path, [*learn, "--checkpoint-every", 100])
    damaged = (tmp_path / "m.rtrl").read_bytes()[:-1]
    (tmp_path / "m.rtrl").write_bytes(damaged)
    (tmp_path / ".m.rtrl.0badcafe.part").write_bytes(b"of a process that was killed")
    done = run(*learn, "--resume", cwd=tmp_path)
    assert "the last checkpoint is damaged: going on from m.rtrl.previous" in done.stderr
    assert [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.jsonl")] == whole
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["a.csv", "m.rtrl", "p.jsonl"]


# Rows whose model stays small, and predictions that do not.
LONG = ["--target", "y", "--hidden", 4, "--predictions", "p.jsonl"]


def _write_long(folder: Path) -> None:
    rows = (f"{x:.1f},{y:.1f}\n" for x, y in waves(6000))
    (folder / "a.csv").write_text("x,y\n" + "".join(rows))


def _stop_at_a_full_disk(folder: Path, arguments: list, code: int = 1) -> str:
    """Run with no file allowed to grow beyond 250 KB. Returns what it says."""
    command = " ".join(map(str, [COMMAND, *arguments]))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 250; exec {command}"],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_parquet_goes_on_behind_a_checkpoint(tmp_path: Path) -> None:
    _write_long(tmp_path)
    table = arrow_csv.read_csv(tmp_path / "a.csv")
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=900)
    run("learn", "a.csv", *LONG, "--model", "m.rtrl", cwd=tmp_path)
    whole = [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.jsonl")]
    (tmp_path / "m.rtrl").unlink()
    learn = ["learn", "a.parquet", *LONG, "--model", "m.rtrl", "--resume"]
    _stop_at_a_full_disk(tmp_path, [*learn, "--checkpoint-every", 300])
    assert (tmp_path / "m.rtrl").exists()
    run(*learn, cwd=tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.jsonl")] == whole


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    _write_long(tmp_path)
    learn = ["learn", "a.csv", *LONG, "--model", "m.rtrl"]
    run(*learn, cwd=tmp_path)
    whole = [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.jsonl")]
    err = _stop_at_a_full_disk(
        tmp_path, [*learn, "--overwrite", "--checkpoint-every", 100, "--quiet"]
    )
    assert err == (
        "Error: cannot write p.jsonl: File too large; m.rtrl is whole: --resume goes on from it "
        "once that is put right\n"
    )
    lines = (tmp_path / "p.jsonl").read_bytes()
    assert lines.endswith(b"\n")
    assert whole[1].startswith(lines)
    run(*learn, "--resume", cwd=tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.jsonl")] == whole


def test_a_full_disk_and_learning_goes_on(tmp_path: Path) -> None:
    _write_long(tmp_path)
    learn = ["learn", "a.csv", *LONG, "--model", "m.rtrl"]
    run(*learn, cwd=tmp_path)
    whole = [(tmp_path / name).read_bytes() for name in ("m.rtrl", "p.jsonl")]
    goes_on = [*learn, "--overwrite", "--on-write-error", "continue", "--checkpoint-every", 100]
    err = _stop_at_a_full_disk(tmp_path, goes_on, code=0)
    assert "forecasts could not be written" in err
    assert (tmp_path / "m.rtrl").read_bytes() == whole[0]
    assert whole[1].startswith((tmp_path / "p.jsonl").read_bytes())


def test_a_model_that_cannot_be_saved(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 600)
    learn = ["learn", "a.csv", "--target", "y", "--hidden", 4, "--model", "m.rtrl"]
    run(*learn, cwd=tmp_path)
    good = (tmp_path / "m.rtrl").read_bytes()
    larger = ["learn", "a.csv", "--target", "y", "--hidden", 64, "--model", "m.rtrl", "--overwrite"]
    for more, line in (
        ([], "Error: cannot write m.rtrl: File too large; it is as it was"),
        (
            ["--on-write-error", "continue"],
            "cannot write m.rtrl: File too large; it is as it was; l",
        ),
    ):
        err = _stop_at_a_full_disk(tmp_path, [*larger, *more, "--checkpoint-every", 100])
        assert sum(said.startswith(line) for said in err.splitlines()) == 1
        assert (tmp_path / "m.rtrl").read_bytes() == good
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "m.rtrl"]


def test_forecasts_that_cannot_be_written(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    err = run("learn", "a.csv", "--target", "y", "--predictions", "/dev/full", "--quiet",
              cwd=tmp_path, code=1).stderr  # fmt: skip
    assert err == "Error: cannot write /dev/full: No space left on device\n"


def test_a_bad_row_is_found_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,y\n2,3\noops,4\n3,4\n")
    run("learn", "a.csv", "b.csv", "--target", "y", "--bad-rows", "bad.jsonl", cwd=tmp_path)
    found = json.loads((tmp_path / "bad.jsonl").read_text())
    why = "column 'x': 'oops' is not a number"
    assert found == {"row": 3, "line": 3, "why": why, "raw": "oops,4", "file": "b.csv"}


def test_a_stream_that_is_mostly_bad_stops(tmp_path: Path) -> None:
    rows = [
        f"{x},{y}\n" if k < 1200 or k % 3 == 0 else "oops\n" for k, (x, y) in enumerate(waves(5000))
    ]
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(rows))
    learn = ["learn", "a.csv", "--target", "y", "--model", "m.rtrl", "--quiet"]
    err = run(*learn, cwd=tmp_path, code=1).stderr
    assert err.startswith("Error: a.csv: most rows are bad: 501 of rows 1,001 to 1,952")
    assert len(err.splitlines()) == 1
    figured = figures(run(*learn, "--resume", "--on-bad-row", "skip-all", "--json", cwd=tmp_path))
    assert figured["rows"] == 5000
    parts = ("learned", "unlabelled", "pending", "bad_rows")
    assert figured["rows"] == sum(figured[part] for part in parts)


def test_a_source_that_breaks_off_keeps_what_was_learned(tmp_path: Path) -> None:
    rows = "".join(f"{x},{y}\n" for x, y in waves(20_000))
    torn = gzip.compress(("x,y\n" + rows).encode())[:60_000]
    (tmp_path / "a.csv.gz").write_bytes(torn)
    learn = ["learn", "a.csv.gz", "--target", "y", "--hidden", 4, "--model", "m.rtrl"]
    err = run(*learn, "--quiet", cwd=tmp_path, code=1).stderr
    assert err.startswith("Error: cannot read a.csv.gz: Compressed file ended before")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(("x,y\n" + rows).encode()))
    run(*learn, "--resume", "--quiet", cwd=tmp_path)
    run(*learn[:-1], "n.rtrl", "--quiet", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "n.rtrl").read_bytes()


def test_a_check_does_not_depend_on_the_pieces() -> None:
    text = b"one\ntwo\n\nthree\n\n\nfour"
    for step in (1, 2, 3, 7, 100):
        pieces = [text[k : k + step] for k in range(0, len(text), step)]
        for line in range(8):
            waiting = iter(pieces)
            seen, check = Trail(5).pass_over(lambda _, w=waiting: next(w, b""), line)
            assert seen == min(line, 7)
            trail = Trail(5)
            for piece in pieces:
                trail.add(piece)
                trail.near(line)
            assert trail.to(seen) == check
            # With an ended last line it is the same.
            longer = iter([text + b"\nfive\n"])
            assert Trail(5).pass_over(lambda _, w=longer: next(w, b""), seen) == (seen, check)


def test_forecasts_as_json_lines(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 30)
    run("learn", "a.csv", "--target", "y", "--predictions", "p.csv", cwd=tmp_path)
    run("learn", "a.csv", "--target", "y", "--predictions", "p.jsonl", cwd=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    numbers = (tmp_path / "p.csv").read_text().splitlines()[1:]
    assert [line["row"] for line in lines] == list(range(1, 31))
    assert [line["prediction"] for line in lines] == [float(n) if n else None for n in numbers]
    said = run("learn", "--target", "y", "--predictions", "-", "--predictions-format", "jsonl",
               stdin="x,y\n1,no\n2,yes\n1,no\n", cwd=tmp_path).stdout  # fmt: skip
    first, _, third = (json.loads(line) for line in said.splitlines())
    assert first == {"row": 1, "prediction": None}
    assert third["prediction"] in ("no", "yes")
    assert sum(third["probabilities"].values()) == pytest.approx(1.0)


def test_places_are_for_files_only(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 5)
    with Source(str(tmp_path / "a.csv"), places=False) as source:
        assert source.read(3)
        assert source.place() is None
