"""What `learn` says about columns that are not what one would think."""

from __future__ import annotations

import math
import shlex
import subprocess
from pathlib import Path

import pytest
from command_line import figures, run

from rtrl_lstm.cli.table import WIDTH, number

DAYS = [f"2020-{1 + k // 28:02d}-{1 + k % 28:02d}" for k in range(300)]


def _learn(folder: Path, lines: list[str], *options: str) -> str:
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    said: str = run("learn", "rows.csv", "--target", "y", *options, cwd=folder).stderr
    return said


def test_several_series(tmp_path: Path) -> None:
    lines = ["day,shop,y"] + [f"{day},{shop},{day[-2:]}" for day in DAYS[:20] for shop in "abc"]
    assert "--key COL tells them apart" in _learn(tmp_path, lines)
    assert "tells them apart" not in _learn(tmp_path, lines, "--key", "shop")


def test_the_newest_row_first(tmp_path: Path) -> None:
    rows = [f"{day},{k % 7}" for k, day in enumerate(DAYS)]
    said = _learn(tmp_path, ["day,y", *rows[::-1]])
    assert "'day' are before the one above: the rows have to come in order, the oldest" in said
    assert "before the one above" not in _learn(tmp_path, ["day,y", *rows])


def test_rows_in_no_order(tmp_path: Path) -> None:
    rows = [f"{day},{k % 7}" for k, day in enumerate(DAYS)]
    mixed = [rows[k * 7 % len(DAYS)] for k in range(len(DAYS))]
    said = _learn(tmp_path, ["day,y", *mixed])
    assert (
        "time stamps in 'day' are before the one above: the rows have to come in order" not in said
    )
    mixed = [rows[k ^ 1] for k in range(len(DAYS))]
    said = _learn(tmp_path, ["day,y", *mixed])
    assert (
        "note: 150 time stamps in 'day' are before the one above: the rows have to come in" in said
    )
    assert "are before" not in _learn(tmp_path, ["day,y", *rows[:90], *rows[80:]])


def test_each_sequence_has_times_of_its_own(tmp_path: Path) -> None:
    rows = [f"{DAYS[k % 8]},{k // 8},{k % 7}" for k in range(400)]
    lines = ["day,run,y", *rows]
    assert "49 time stamps in 'day' are before" in _learn(tmp_path, lines)
    assert "are before" not in _learn(tmp_path, lines, "--reset-on", "run")


def test_text_of_very_many_values(tmp_path: Path) -> None:
    lines = ["sold,shop,y"] + [f"K{k},{k % 9}th,{k % 5}" for k in range(99)]
    said = _learn(tmp_path, lines)
    assert "column 'sold' is text, such as 'K0', of more than 64 values" in said
    assert "'shop' is text" not in said
    both = [*lines[:1], *(f"K{k},th{k},{k % 5}" for k in range(99))]
    assert "columns of text of more than 64 values: 'sold', 'shop'" in _learn(tmp_path, both)


def test_dates_that_are_text_as_of_a_pipe(tmp_path: Path) -> None:
    text = "day,y\n" + "".join(f"{day}T00:30:00,{k % 7}\n" for k, day in enumerate(DAYS))
    said = run("learn", "--target", "y", stdin=text, cwd=tmp_path).stderr
    assert "column 'day' holds dates and is taken for text: --time day" in said
    said = run("learn", "--target", "y", "--time", "day", stdin=text, cwd=tmp_path).stderr
    assert "taken for text" not in said


def test_labels_of_very_many_values(tmp_path: Path) -> None:
    said = _learn(tmp_path, ["x,y", *(f"1,kg {k}" for k in range(99))])
    assert (
        "column 'y' has more than 64 labels, such as 'kg 0' and 'kg 1': the others are '(other)'"
        in said
    )


HOURS = [f"2020-01-01 {hour:02d}:00,{hour},{hour % 5}" for hour in range(20)]


@pytest.mark.parametrize(
    "units",
    [[",°C,kW"], ["-,,kW"], ["date,°C,"], ["TS,Deg C,kW", ",,Avg"], ["-999,Deg C,kW", ",,Avg"]],
)
def test_units_below_the_header(tmp_path: Path, units: list[str]) -> None:
    """What they say of the columns is not what the columns hold."""
    options = ("--missing", "-999", "--predictions", "p.csv")
    said = _learn(tmp_path, ["time,x,y", *units, *HOURS], *options)
    count = "1 row" if len(units) == 1 else "2 rows"
    why = "row 1 (line 2): it holds units, or other text, where the rows below hold values"
    assert f"{count} could not be used; the first: {why}" in said
    assert "'time' was taken for --time" in said
    _, *forecasts = (tmp_path / "p.csv").read_text().splitlines()
    _learn(tmp_path, ["time,x,y", *HOURS], *options)
    _, *plain = (tmp_path / "p.csv").read_text().splitlines()
    assert [line.split(",")[1:] for line in forecasts[len(units) :]] == [
        line.split(",")[1:] for line in plain
    ]
    assert "no row" not in said


def test_with_units_a_run_goes_on_and_a_model_forecasts(tmp_path: Path) -> None:
    lines = ["time,x,y", ",°C,kW", *HOURS]
    _learn(tmp_path, lines[:12], "--model", "m.rtrl")
    _learn(tmp_path, lines, "--model", "m.rtrl", "--resume")
    whole = (tmp_path / "m.rtrl").read_bytes()
    _learn(tmp_path, lines, "--model", "m.rtrl", "--overwrite")
    assert (tmp_path / "m.rtrl").read_bytes() == whole
    said = run("predict", "m.rtrl", "rows.csv", cwd=tmp_path)
    assert "1 row could not be used; the first: row 1 (line 2)" in said.stderr
    assert len(said.stdout.splitlines()) == len(lines)


@pytest.mark.parametrize("row", ["2020-01-01 00:00,n/a?,3", "2020-01-01 00:00,1,kW", ",,"])
def test_a_row_with_a_value_in_it_is_none_of_units(tmp_path: Path, row: str) -> None:
    assert "it holds units" not in _learn(tmp_path, ["time,x,y", row, *HOURS])


def test_labels_are_no_units(tmp_path: Path) -> None:
    lines = ["colour,shape,y", *(f"{['red', 'blue'][k % 2]},round,a{k % 3}" for k in range(9))]
    assert "it holds units" not in _learn(tmp_path, lines)


def test_one_text_at_the_beginning_that_hides_numbers(tmp_path: Path) -> None:
    lines = ["x,y,z", "n/a?,kW,2", *(f"{k},{k % 5}.5,3" for k in range(9))]
    said = _learn(tmp_path, lines)
    assert (
        "column 'x' was taken for text, as it begins with 'n/a?', though the rest are numbers: "
        "--missing 'n/a?' makes it one of numbers"
    ) in said
    assert "column 'y' was taken for labels, as it begins with 'kW', though" in said
    assert "begins with" not in _learn(tmp_path, lines, "--missing", "n/a?", "--missing", "kW")
    labels = ["x,y,z", *(f"{k},{'abc'[k % 3]},{'a1'[k % 2]}" for k in range(9))]
    assert "begins with" not in _learn(tmp_path, labels)


@pytest.mark.parametrize(
    ("nines", "said"),
    [
        ("-999", "-999"),
        ("9999.0", "9999"),
        ("-99.9", "-99.9"),
        ("-200", "-200"),
        ("-127.0", "-127"),
    ],
)
def test_numbers_that_are_written_where_there_is_none(
    tmp_path: Path, nines: str, said: str
) -> None:
    lines = ["x,y,z", *(f"{k % 7},{nines if k % 9 == 3 else k % 5},{k % 3}" for k in range(60))]
    note = (
        f"column 'y' holds {said}, far from all else there: where that means no value, "
        f"--missing {said} says so"
    )
    assert note in _learn(tmp_path, lines)
    assert "far from" not in _learn(tmp_path, lines, "--missing", said)
    both = ["x,y,z", *(f"{k % 7},{nines},{nines if k % 9 else 1 + k}" for k in range(60))]
    assert "far from" not in _learn(tmp_path, [*lines[:1], *(f"{90 + k},1,{k}" for k in range(60))])
    assert f"column 'z' holds {said}" not in _learn(tmp_path, both[:2])
    three = ["x,y,z", *(f"{nines if k % 7 == 3 else k % 7},{k % 9},{k % 3}" for k in range(60))]
    rows = [line.rsplit(",", 1)[0] + f",{nines if k % 8 == 3 else 1 + k % 4}"
            for k, line in enumerate(three)]  # fmt: skip
    rows[0] = three[0]
    assert f"columns 'x', 'z' hold {said}, far" in _learn(tmp_path, rows)


@pytest.mark.parametrize("numbers", [(0.5, -1.5), (-20.0, 0.0, 7.0), (-200.0,), (3.0, 200.0)])
def test_other_numbers_are_told_of_nobody(tmp_path: Path, numbers: tuple[float, ...]) -> None:
    lines = ["x,y", *(f"{k % 3},{numbers[k % len(numbers)]}" for k in range(60)), "1,-5000", "1,-0"]
    assert "far from" not in _learn(tmp_path, lines)


def test_a_few_numbers_with_a_unit_are_no_labels_but_by_request(tmp_path: Path) -> None:
    rows = "x,y\n" + "".join(f"{k % 5},{k % 7} kWh\n" for k in range(40))
    learn = ("learn", "--target", "y")
    said = run(*learn, stdin=rows, cwd=tmp_path).stderr
    assert "column 'y' holds numbers with 'kWh' behind them, which are taken for text" in said
    said = run(*learn, "--task", "multiclass", stdin=rows, cwd=tmp_path).stderr
    assert "behind them" not in said


@pytest.mark.parametrize("unit", [" °C", "km/h", " [µg/m³]"])
def test_numbers_with_a_unit_in_each_cell_of_a_pipe(tmp_path: Path, unit: str) -> None:
    """What it advises helps."""
    lines = ["x,y", *(f"-{k}.5{unit},{k}{unit}" for k in range(70))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    said = run("learn", "--target", "y", stdin="\n".join(lines) + "\n", cwd=tmp_path).stderr
    for name in "xy":
        assert f"column {name!r} holds numbers with {unit.strip()!r} behind them" in said
    advice = said.split("text: ")[1].split(" FILE | ")[0]
    plain = subprocess.run([*shlex.split(advice), "rows.csv"], cwd=tmp_path, capture_output=True)
    assert plain.stdout.decode().splitlines() == [line.replace(unit, "") for line in lines]
    for other in ("{k} {m}m", "1.1.{year}", "{k}-{m}{k}", "{k} m{k}"):
        texts = [other.format(k=k, m="mk"[k % 2], year=1900 + k) for k in range(70)]
        options = ("--time", "none", "--horizon", "1")
        said = _learn(tmp_path, ["x,y", *(f"{text},1" for text in texts)], *options)
        assert "behind them" not in said


def test_a_horizon_beyond_the_last_row(tmp_path: Path) -> None:
    lines = ["x,y", *(f"{k},{k % 5}" for k in range(20))]
    said = "nothing was learned: --horizon 20 is beyond the last row"
    assert said in _learn(tmp_path, lines, "--horizon", "20")
    assert "nothing was learned" not in _learn(tmp_path, lines, "--horizon", "19")
    said = "nothing was learned: no value in column 'y' to learn from"
    for horizon in ("0", "3"):
        options = ("--task", "regression", "--horizon", horizon)
        assert said in _learn(tmp_path, ["x,y", *["1,"] * 20], *options)
    said = "nothing was learned: no two values of 'y' are 3 rows apart in a sequence"
    assert said in _learn(tmp_path, lines, "--horizon", "3", "--reset-on", "x")


def test_figures_of_rows_that_never_come(tmp_path: Path) -> None:
    lines = ["x,y", *(f"{k},{k % 5}" for k in range(20))]
    said = "nothing was scored: --score-from 21 is a later row"
    assert said in _learn(tmp_path, lines, "--score-from", "21")
    assert "nothing was scored" not in _learn(tmp_path, lines, "--score-from", "20")


def test_a_text_among_numbers_may_be_a_missing_value(tmp_path: Path) -> None:
    lines = ["x,y", *(f"{k},{k % 5}" for k in range(9)), "it's,1", "un known,2"]
    assert "means no value" not in _learn(tmp_path, lines)
    said = _learn(tmp_path, lines[:-2] + lines[-1:])
    note = "note: where 'un known' means no value, --missing 'un known' says so: its row is then"
    assert note in said
    assert "bad row" not in _learn(tmp_path, lines[:-2] + lines[-1:], "--missing", "un known")


@pytest.mark.parametrize("horizon", ["0", "1"])
def test_a_target_of_many_digits_wants_float64(tmp_path: Path, horizon: str) -> None:
    """What it advises helps, and goes on with --resume."""
    rows = [f"{1e9 + math.sin(k / 5):.6f}" for k in range(600)]
    said = ("--horizon", horizon, "--time", "none")
    lines = [f"{y},1" for y in rows]
    assert "too coarse for it: --dtype float64" in _learn(tmp_path, ["y,x", *lines], *said)
    options = ("--target", "y", *said, "--dtype", "float64", "--json")
    fine = run("learn", "rows.csv", *options, "--model", "whole.rtrl", cwd=tmp_path)
    assert "too coarse" not in fine.stderr
    found = figures(fine)
    assert found["metrics"]["mae"] < 0.5 * found["baselines"]["last_value"]["mae"]
    (tmp_path / "part.csv").write_text("\n".join(["y,x", *lines[:200]]) + "\n")
    run("learn", "part.csv", *options, "--model", "m.rtrl", cwd=tmp_path)
    run("learn", "rows.csv", "--model", "m.rtrl", "--resume", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "whole.rtrl").read_bytes()
    other = run(
        "learn", "rows.csv", "--model", "m.rtrl", "--resume", "--dtype", "float32",
        cwd=tmp_path, code=1,
    )  # fmt: skip
    assert "was made with --dtype float64, not float32" in other.stderr
    assert "too coarse" not in _learn(tmp_path, ["y,x", *(f"{float(y) - 1e9},1" for y in rows)])


@pytest.mark.parametrize(
    ("value", "text"),
    [(999_999_999.7, "1.000e+09"), (-123_456_789, "-1.235e+08"), (123_456_789, "123,456,789"),
     (-12_345.67, "-12,345.7"), (3.2e-5, "3.200e-05"), (0, "0.0000"), (-1.5e-9, "-1.500e-09")],
)  # fmt: skip
def test_columns_of_figures_never_touch(value: float, text: str) -> None:
    assert number(value) == text
    assert len(text) < WIDTH


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ("01", "column 'y' holds 0 and 1 only: --task binary forecasts probabilities"),
        ("12", "holds 1 and 2 only: where these are labels, --task binary forecasts"),
        ("210", "holds 0, 1 and 2 only: where these are labels, --task multiclass forecasts"),
        ("654321", "holds 1, 2, 3, 4, 5 and 6 only: where these"),
        (["1.0", "-1", ""], "holds -1 and 1 only"),
        (range(7), ""),
        (["1", "2", "2.5"], ""),
        (["1"], ""),
        (["a", "b"], ""),
    ],
)
def test_labels_that_are_numbers(tmp_path: Path, values: list[str], note: str) -> None:
    lines = ["x,y", *(f"{k % 13},{value}" for k in range(40) for value in values)]
    said = _learn(tmp_path, lines)
    assert note in said if note else "only:" not in said


def test_few_rows_or_another_task_are_no_labels(tmp_path: Path) -> None:
    lines = ["x,z,y", *(f"{k % 13},{k % 3},{k % 3}" for k in range(60))]
    assert "--task multiclass" in _learn(tmp_path, lines)
    assert "only:" not in _learn(tmp_path, lines[:20])
    for options in (("--task", "multiclass"), ("--target", "y,z"), ("--interval", "0.9"),
                    ("--horizon", "1-2")):  # fmt: skip
        assert "only:" not in _learn(tmp_path, lines, *options)


def test_days_of_a_spreadsheet(tmp_path: Path) -> None:
    rows = [f"{44927 + k / 24:.5f},{k % 24}" for k in range(200)]
    said = _learn(tmp_path, ["Date,y", *rows], "--horizon", "1")
    assert "note: column 'Date' was taken for --time\n" in said
    assert (
        "numbers in 'Date' were read as days of a spreadsheet, the last one as 2023-01-09" in said
    )
    said = _learn(tmp_path, ["time,y", *rows], "--horizon", "1")
    assert "--time" not in said
    said = _learn(tmp_path, ["time,y", *rows], "--time", "time")
    assert "numbers in 'time' were read as days of a spreadsheet" in said


def test_years_as_time_stamps(tmp_path: Path) -> None:
    said = _learn(
        tmp_path, ["year,y", *(f"{1900 + k},{k % 11}" for k in range(90))], "--time", "year"
    )
    assert "numbers in 'year' were read as years, the last one as 1989-01-01" in said
