"""`rtrl-lstm learn`: figures, predictions, bad rows, notes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import EXAMPLE, figures, run, waves, write_csv

import rtrl_lstm
from rtrl_lstm.cli.learn import CELLS, OPTIMIZERS
from rtrl_lstm.optimizers import OPTIMIZERS as ALL_OPTIMIZERS
from rtrl_lstm.spec import CELLS as ALL_CELLS

TASKS = {
    "regression": ["10.5", "11.5"],
    "binary": ["no", "yes"],
    "multiclass": ["red", "green", "blue"],
}


def _json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_forecasts_taxis_better_than_the_baselines(tmp_path: Path) -> None:
    done = run("learn", EXAMPLE, "--target", "value", "--time", "timestamp", "--horizon", 5,
               "--json", cwd=tmp_path)  # fmt: skip
    found = figures(done)
    assert found["rows"] == 10_320
    assert found["pending"] == 5
    assert found["learned"] == 10_315
    assert found["unlabelled"] == found["bad_rows"] == 0
    learner, baselines = found["metrics"], found["baselines"]
    assert learner["nrmse"] < 0.5 * baselines["last_value"]["nrmse"]
    assert learner["nrmse"] < baselines["same_time_last_week"]["nrmse"]
    assert found["model"] is None
    assert found["rows_per_second"] > 0
    assert done.stdout.count("\n") == 1
    assert "same time last week" in done.stderr
    # The progress table: rows 8 and 8,192 have a line each.
    begins = [line.split()[0] for line in done.stderr.splitlines() if line.strip()]
    assert "8" in begins
    assert "8,192" in begins
    assert begins.index("10,320") < begins.index("learner")  # the last one is before the figures


def test_json_holds_what_is_promised(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    found = figures(run("learn", "a.csv", "--target", "y", "--json", cwd=tmp_path))
    assert set(found) == {
        "rows", "learned", "unlabelled", "pending", "bad_rows", "scored", "metrics", "baselines",
        "interventions", "seconds", "rows_per_second", "model",
    }  # fmt: skip
    assert set(found["metrics"]) == {"mae", "rmse", "nrmse", "mape"}


@pytest.mark.parametrize("task", TASKS)
def test_each_task_by_itself_and_by_name(tmp_path: Path, task: str) -> None:
    labels = TASKS[task]
    rows = "".join(f"{t % len(labels)},{labels[t % len(labels)]}\n" for t in range(120))
    (tmp_path / "a.csv").write_text("x,y\n" + rows)
    out = []
    # "no" and "yes" by themselves are two texts like any other.
    for how in [["--task", task]] + [["--task", "auto"]] * (task != "binary"):
        done = run("learn", "a.csv", "--target", "y", "--predictions", "p.csv", "--json", *how,
                   cwd=tmp_path)  # fmt: skip
        out.append((tmp_path / "p.csv").read_text())
        metrics = figures(done)["metrics"]
        assert set(metrics) == (
            {"mae", "rmse", "nrmse", "mape"} if task == "regression" else {"accuracy", "log_loss"}
        )
    assert len(set(out)) == 1
    lines = out[0].splitlines()
    assert len(lines) == 121
    if task == "regression":
        assert lines[0] == "prediction"
        float(lines[-1])
    else:
        assert lines[0] == "prediction,probability"
        label, probability = lines[-1].split(",")
        assert label in labels
        assert 0 < float(probability) <= 1


def test_predictions_have_a_line_per_row_in_order(tmp_path: Path) -> None:
    rows = [f"{x},{y}" for x, y in waves(60)]
    rows[10] = "broken"
    rows[20] = "text,1"
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    run("learn", "a.csv", "--target", "y", "--predictions", "p.csv", cwd=tmp_path)
    lines = (tmp_path / "p.csv").read_text().split("\n")
    assert lines[0] == "prediction"
    assert lines[-1] == ""
    assert len(lines) == 62
    assert [k for k, line in enumerate(lines[1:-1]) if not line] == [10, 20]


def test_predictions_are_those_of_the_model_in_python(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 300)
    run("learn", "a.csv", "--target", "y", "--predictions", "p.csv", "--seed", 3, "--hidden", 8,
        cwd=tmp_path)  # fmt: skip
    model = rtrl_lstm.Model(target="y", hidden_size=8, seed=3)
    expected = [model.step({"x": str(x), "y": str(y)}) for x, y in waves(300)]
    lines = (tmp_path / "p.csv").read_text().splitlines()[1:]
    assert [float(line) for line in lines] == expected


def test_a_prediction_depends_on_rows_up_to_its_own(tmp_path: Path) -> None:
    write_csv(tmp_path / "long.csv", 200)
    write_csv(tmp_path / "short.csv", 120)
    for name in ("long", "short"):
        run("learn", f"{name}.csv", "--target", "y", "--predictions", f"{name}.p", cwd=tmp_path)
    long, short = ((tmp_path / f"{name}.p").read_text() for name in ("long", "short"))
    assert long.startswith(short)


def test_formats_give_the_same(tmp_path: Path) -> None:
    rows = waves(100)
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in rows))
    (tmp_path / "a.tsv").write_text("x\ty\r\n" + "".join(f"{x}\t{y}\r\n" for x, y in rows))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"x": x, "y": y}) + "\n" for x, y in rows))
    out = [
        run("learn", name, "--target", "y", "--predictions", "-", cwd=tmp_path).stdout
        for name in ("a.csv", "a.tsv", "a.jsonl")
    ]
    for name in ("a.csv", "a.jsonl"):
        text = (tmp_path / name).read_text()
        done = run("learn", "--target", "y", "--predictions", "-", stdin=text, cwd=tmp_path)
        out.append(done.stdout)
    assert len(set(out)) == 1
    assert len(out[0].splitlines()) == 101


def test_bad_rows_are_set_aside_with_their_reasons(tmp_path: Path) -> None:
    text = "x,y\n1,2\n1,2,3\nabc,2\n1,zzz\n2,3\n"
    (tmp_path / "a.csv").write_text(text)
    done = run("learn", "a.csv", "--target", "y", "--bad-rows", "bad.jsonl", "--json", cwd=tmp_path)
    found = figures(done)
    assert (found["rows"], found["bad_rows"], found["learned"]) == (5, 3, 2)
    bad = _json_lines(tmp_path / "bad.jsonl")
    assert [(b["row"], b["line"], b["raw"]) for b in bad] == [
        (2, 3, "1,2,3"),
        (3, 4, "abc,2"),
        (4, 5, "1,zzz"),
    ]
    assert "3 fields where the header has 2" in bad[0]["why"]
    assert "'x'" in bad[1]["why"]
    assert "'y'" in bad[2]["why"]
    assert "3 rows could not be used" in done.stderr


def test_stops_at_a_bad_row_if_asked_to(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n2,3\nabc,2\n3,4\n")
    done = run("learn", "a.csv", "--target", "y", "--on-bad-row", "stop", "--predictions", "p.csv",
               "--model", "m.rtrl", cwd=tmp_path, code=1)  # fmt: skip
    assert "row 3 (line 4)" in done.stderr
    assert "'x'" in done.stderr
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 3
    # The rows before it are learned, and going on past it gives what skipping gives.
    run("learn", "a.csv", "--target", "y", "--model", "m.rtrl", "--resume", cwd=tmp_path)
    run("learn", "a.csv", "--target", "y", "--model", "n.rtrl", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "n.rtrl").read_bytes()


def test_score_from_counts_rows_of_the_origin(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 100)
    for first, horizon, scored in [(1, 0, 99), (51, 0, 50), (51, 5, 45), (100, 5, 0)]:
        found = figures(run("learn", "a.csv", "--target", "y", "--horizon", horizon,
                            "--score-from", first, "--json", cwd=tmp_path))  # fmt: skip
        assert found["scored"] == scored


def test_quiet_says_nothing(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    done = run("learn", "a.csv", "--target", "y", "--quiet", cwd=tmp_path)
    assert done.stdout == done.stderr == ""


def test_rich_progress_can_be_asked_for(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    done = run("learn", "a.csv", "--target", "y", "--progress", "rich", cwd=tmp_path)
    assert "MAE" in done.stderr


def test_notes_that_0_and_1_may_be_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{t},{t % 2}\n" for t in range(20)))
    assert "--task binary" in run("learn", "a.csv", "--target", "y", cwd=tmp_path).stderr
    done = run("learn", "a.csv", "--target", "y", "--task", "binary", cwd=tmp_path)
    assert "--task binary" not in done.stderr


def test_missing_labels_teach_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n2,\n3,NA\n4,5\n")
    found = figures(run("learn", "a.csv", "--target", "y", "--json", cwd=tmp_path))
    assert (found["learned"], found["unlabelled"]) == (2, 2)


def test_sequences_begin_anew(tmp_path: Path) -> None:
    rows = "".join(f"{t // 20},{x},{y}\n" for t, (x, y) in enumerate(waves(100)))
    (tmp_path / "a.csv").write_text("run,x,y\n" + rows)
    done = run("learn", "a.csv", "--target", "y", "--horizon", 3, "--reset-on", "run", "--json",
               cwd=tmp_path)  # fmt: skip
    assert figures(done)["scored"] == 5 * 17


def test_every_cell_and_optimizer_is_offered_and_works(tmp_path: Path) -> None:
    assert CELLS == ALL_CELLS
    assert tuple(ALL_OPTIMIZERS) == OPTIMIZERS
    write_csv(tmp_path / "a.csv", 50)
    for option, choices in (("--cell", CELLS), ("--optimizer", OPTIMIZERS)):
        for choice in choices:
            run("learn", "a.csv", "--target", "y", option, choice, "--quiet", cwd=tmp_path)


def test_help_states_the_defaults_of_the_model(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 3)
    model = rtrl_lstm.Model(target="y")
    model.step({"x": 1, "y": 2})
    said = " ".join(run("learn", "--help", cwd=tmp_path).stdout.split())
    for option, default in [
        ("--hidden N", model.spec.hidden_size),
        ("--cell", model.spec.cell),
        ("--optimizer", model.spec.optimizer.name),
        ("--learning-rate RATE", "falling"),
        ("--seed S", model.spec.seed),
    ]:
        assert f"[default: {default}" in said[said.index(option) :].split(" --")[0]
    assert (model.spec.learning_rate, model.spec.schedule) == (0.01, rtrl_lstm.Linear(4000, 0.1))
    assert "from .01 to .001 in the first 4,000 labels" in said


def test_options_change_the_learner(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 60)
    said = {
        run("learn", "a.csv", "--target", "y", "--predictions", "-", *more, cwd=tmp_path).stdout
        for more in (
            [], ["--hidden", 5], ["--learning-rate", 0.01], ["--seed", 1], ["--optimizer", "sgd"],
            ["--horizon", 1], ["--features", "x", "--horizon", 2],
        )
    }  # fmt: skip
    assert len(said) == 7
