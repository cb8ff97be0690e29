"""Numbers with units: what is taken off, when, and what is left alone."""

from pathlib import Path
from typing import Any

import pytest
from command_line import figures, run

from rtrl_lstm import Model
from rtrl_lstm.table.schema import BadRow, Schema
from rtrl_lstm.table.units import unit_of
from rtrl_lstm.table.values import as_number


@pytest.mark.parametrize(
    ("fields", "unit"),
    [
        (["12.3 kWh", "4kWh", " -1e3 kWh "], "kWh"),
        (["3 °C", "4 °C", "5.5 °C"], "°C"),
        (["EUR 3", "EUR 4.50", "EUR 1"], "EUR"),
        (["5m3/h", "6m3/h", "7 m3/h"], "m3/h"),
        (["5 stars", "4 stars", "4 stars"], "stars"),
        (["5 kWh", "6 MWh", "1 kWh"], ""),
        (["5 kWh", "6", "1 kWh"], ""),
        (["5 kWh", "6 kWh"], ""),
        (["5 kWh", "6 kWh", 7.0], ""),
        (["12 Jan", "13 Jan", "14 Jan"], ""),
        (["1am", "2am", "3am"], ""),
        (["4th", "2nd", "3rd"], ""),
        (["4th", "5th", "6th"], ""),
        (["K1", "K2", "K3"], ""),
        (["Room 1", "Room 2", "Room 3"], ""),
        (["12 %", "13 %", "14 %"], ""),  # read as numbers anyway
        (["3 4 kWh", "3 4 kWh", "3 4 kWh"], ""),
        ([" " * 50_000 + "x"] * 3, ""),
        (["1" * 50_000 + "!"] * 3, ""),
        ([], ""),
    ],
)
def test_all_fields_of_a_column_have_one_unit(fields: list[str], unit: str) -> None:
    assert unit_of(fields) == unit


@pytest.mark.parametrize(
    ("text", "value"),
    [("(123)", -123.0), (" ($ 4.50) ", -4.5), ("(12 %)", -12.0), ("(-3)", None), ("(a)", None),
     ("()", None), ("(1", None), ("(1) 2", None)],
)  # fmt: skip
def test_brackets_are_a_minus(text: str, value: float | None) -> None:
    assert as_number(text) == value


def test_a_schema_takes_them_off() -> None:
    schema = Schema("y", units={"y": "kWh", "price": "EUR"}, horizon=1, missing=[-999])
    rows = [
        {"y": "12 kWh", "price": "EUR 3", "size": "5 m"},
        {"y": "13kWh", "price": "4", "size": "6 m"},
        {"y": "-999 kWh", "price": "", "size": "6 m"},
        {"y": 14.0, "price": "EUR 5", "size": "6 m"},
    ]
    found = [schema.read(row) for row in rows]
    assert [one.truth for one in found] == [12.0, 13.0, None, 14.0]
    assert "size=5 m" in schema.input_names
    assert schema.truth({"y": "15 kWh"}) == 15.0
    for wrong in ("15 MWh", "kWh", "EUR 15"):
        with pytest.raises(BadRow, match="not a number"):
            schema.read({**rows[0], "y": wrong})


@pytest.mark.parametrize("units", [{"y": ""}, {"y": 3}, {3: "kWh"}, [("y", "kWh")]])
def test_what_units_cannot_be(units: Any) -> None:
    with pytest.raises(ValueError, match="units must be"):
        Model("y", units=units)


@pytest.mark.parametrize("unit", [" kWh", "deg C", "jan", "1"])
def test_what_is_never_taken_off_is_no_unit(unit: str) -> None:
    """A column would silently stay one of text."""
    with pytest.raises(ValueError, match=f"units: '{unit}' is not one word"):
        Model("y", units={"y": unit})


@pytest.mark.parametrize("unit", ["kWh", "m3/h", "°C", "EUR", "US$", "$", "%"])
def test_what_is_a_unit(unit: str) -> None:
    for field in (f"5 {unit}", f"{unit} 5"):
        if as_number(field) is not None or unit_of([field] * 3):
            assert Schema("y", units={"y": unit}).truth({"y": field}) == 5.0


def _rows(unit: str, comma: bool = False) -> list[str]:
    numbers = [f"{k % 7 + k / 8}" for k in range(60)]
    return [f"{n.replace('.', ',') if comma else n}{unit}" for n in numbers]


@pytest.mark.parametrize(
    ("unit", "between", "comma"), [(" kWh", ",", False), ("kWh", ";", False), (" kWh", ";", True)]
)
def test_a_file_is_as_one_without_them(
    tmp_path: Path, unit: str, between: str, comma: bool
) -> None:
    said = []
    for name, end in (("with", unit), ("without", "")):
        lines = [f"{k % 5}{between}{value}" for k, value in enumerate(_rows(end, comma))]
        (tmp_path / f"{name}.csv").write_text("\n".join([f"x{between}y", *lines]) + "\n")
        done = run("learn", f"{name}.csv", "--target", "y", "--horizon", 1, "--predictions",
                   f"{name}.txt", "--model", f"{name}.rtrl", "--json", cwd=tmp_path)  # fmt: skip
        said.append((tmp_path / f"{name}.txt").read_text())
        assert ("'kWh' was taken off the numbers of column 'y'" in done.stderr) == bool(end)
        assert figures(done)["bad_rows"] == 0
    assert said[0] == said[1]
    command = ("learn", "with.csv", "--model", "with.rtrl", "--resume", "--json")
    with (tmp_path / "with.csv").open("a") as more:
        more.write(f"1{between}9{unit}\n2{between}3 MWh\n")
    done = run(*command, cwd=tmp_path)
    assert figures(done)["bad_rows"] == 1
    assert "'3 MWh' is not a number" in done.stderr
    done = run("predict", "with.rtrl", "with.csv", "--json", cwd=tmp_path)
    assert figures(done)["bad_rows"] == 1


def test_labels_keep_theirs(tmp_path: Path) -> None:
    lines = ["x,y,shop", *(f"{k % 5} m,{k % 3} stars,{k % 4} st" for k in range(60))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    learn = ("learn", "rows.csv", "--target", "y", "--reset-on", "shop", "--json")
    done = run(*learn, "--task", "multiclass", cwd=tmp_path)
    assert "note: 'm' was taken off the numbers of column 'x'\n" in done.stderr
    assert "'stars' was taken" not in done.stderr
    assert "accuracy" in figures(done)["metrics"]
    done = run(*learn, cwd=tmp_path)
    assert "'stars' was taken off the numbers of column 'y'" in done.stderr
    assert "holds 0, 1 and 2 only: where these are labels" in done.stderr
