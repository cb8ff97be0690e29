"""How text is written: encodings, delimiters, decimal marks, units, no header, no time column."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from command_line import figures, run

from rtrl_lstm.cli import lines as lines_module
from rtrl_lstm.cli.dialect import Dialect
from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.cli.records import Record
from rtrl_lstm.cli.sources import Source
from rtrl_lstm.table.values import BadRow, is_number, number


def _read(path: Path, most: int = 3, **said: Any) -> list[Record]:
    records = []
    with Source(str(path), dialect=Dialect(**said)) as source:
        while taken := source.read(most):
            records += taken
    return records


def _fields(path: Path, **said: Any) -> list[list[Any]]:
    return [list((record.values or {}).values()) for record in _read(path, **said)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The first number that shows a mark decides; whole numbers do not.
        ("a;b\n5;6\n1,5;2\n7;-0,25\n", [["5", "6"], ["1.5", "2"], ["7", "-0.25"]]),
        ("a;b\n1.5;x\n1,5;2\n", [["1.5", "x"], ["1,5", "2"]]),
        ("a;b\n1.234,5;1\n1.234;2\n", [["1234.5", "1"], ["1234", "2"]]),
        ("a\tb\n1,5e3\t01.02.2020\n", [["1.5e3", "01.02.2020"]]),
        ("a|b\n1|2\n", [["1", "2"]]),
        # Where commas are between the fields, a number in quotes has its thousands set apart.
        ('a,b\n"1,234",x\n"-12,345,678.5",y\n', [["1234", "x"], ["-12345678.5", "y"]]),
        ('a,b\n"1,23",x\n"0,500",y\n', [["1,23", "x"], ["0,500", "y"]]),
        ('a,b\n"p, q",1.5\n', [["p, q", "1.5"]]),
        # With a unit, as spreadsheets have it; set apart by blanks, or by apostrophes.
        ('a,b\n"$1,234.50","-$12,345"\n"$1,23",$5\n', [["$1234.50", "-$12345"], ["$1,23", "$5"]]),
        ("a;b\n1.234,50 €;12,5 %\n€ 7,25;1.234\n", [["1234.50 €", "12.5 %"], ["€ 7.25", "1234"]]),
        ("a;b\n1\u202f234,5;1\n1\xa0234\xa0567;it's\n", [["1234.5", "1"], ["1234567", "it's"]]),
        ("a;b\n1'234.5;1\n12’345;1'2\n", [["1234.5", "1"], ["12345", "1'2"]]),
    ],
)
def test_numbers_are_read_as_they_are_written(
    tmp_path: Path, text: str, expected: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    for piece in (1, 5, 1 << 16):
        monkeypatch.setattr(lines_module, "PIECE", piece)
        assert _fields(path) == expected


def test_what_is_said_is_not_recognised(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("1,5;2\n3,5;4\n")
    assert _fields(path, columns=("a", "b")) == [["1.5", "2"], ["3.5", "4"]]
    assert _fields(path, columns=("a", "b"), decimal=".") == [["1,5", "2"], ["3,5", "4"]]
    records = _read(path, columns=("a", "b", "c"), delimiter=",")
    assert [record.why for record in records] == ["2 fields where the header has 3"] * 2
    assert [record.line for record in records] == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "utf-8-sig", "shift_jis"])
def test_other_encodings(tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.csv"
    word = "日本" if encoding == "shift_jis" else "Größe €"
    path.write_bytes(f"a,{word}\n1,{word}\n2,{word}\n".encode(encoding))
    for piece in (1, 2, 7, 1 << 16):
        monkeypatch.setattr(lines_module, "PIECE", piece)
        records = _read(path, encoding=encoding)
        assert [record.values for record in records] == [{"a": k, word: word} for k in "12"]
    if encoding == "utf-16":
        assert [record.values for record in _read(path)] == [{"a": k, word: word} for k in "12"]


def test_bytes_that_an_encoding_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,\x81\n2,\xe9\n")
    bad, good = _read(path, encoding="cp1252")
    assert "0x81" in bad.why
    assert good.values == {"a": "2", "b": "é"}
    path.write_bytes(b"a,\xe9\n1,2\n")
    with pytest.raises(Stop, match=r"the header.*--encoding cp1252"):
        _read(path)
    path.write_bytes("a,b\n1,2\n".encode("utf-16")[:-1])
    with pytest.raises(Stop, match="is no utf-16 text"):
        _read(path)


def test_units_of_money_and_percent() -> None:
    for text, value in [
        ("$3.50", 3.5),
        ("-€ 2", -2.0),
        ("12 %", 12.0),
        ("+.5€", 0.5),
        ("£7.", 7.0),
    ]:
        assert is_number(text)
        assert number(text, "x") == value
    # Python reads 2_023 as 2023; blanks at the beginning once took the cube of their number.
    for text in ("$", "% 5 %%", "3.5.1$", "5 kg", "$nan", "--5%", "2_023", " " * 20_000 + "x"):
        assert not is_number(text)
        with pytest.raises(BadRow):
            number(text, "x")


def _german(rows: int) -> str:
    lines = ["Tag;Wärme;Verbrauch"]
    for k in range(rows):
        numbers = f"{math.cos(k / 9):.1f};{100 + 9 * math.sin(k / 5):.2f}"
        lines.append(f"{k % 28 + 1:02d}.{k // 28 + 1:02d}.2020;" + numbers.replace(".", ","))
    return "\n".join(lines)


def test_the_file_of_a_german_spreadsheet(tmp_path: Path) -> None:
    """Dates keep their points; a run that stops and goes on knows the decimal mark."""
    text = _german(200)
    (tmp_path / "rows.csv").write_bytes(text.encode("cp1252"))
    said = ("rows.csv", "--target", "Verbrauch", "--encoding", "cp1252", "--json")
    done = run("learn", *said, "--model", "whole.rtrl", cwd=tmp_path)
    found = figures(done)
    assert found["learned"] == 200
    assert found["metrics"]["mae"] < found["baselines"]["last_value"]["mae"] * 1.2
    assert "column 'Tag' was taken for --time" in done.stderr
    first = text.split("\n")[:101]
    (tmp_path / "part.csv").write_bytes("\n".join(first).encode("cp1252") + b"\n")
    said = ("--target", "Verbrauch", "--encoding", "cp1252")
    run("learn", "part.csv", *said, "--model", "m.rtrl", cwd=tmp_path)
    run("learn", "rows.csv", *said, "--model", "m.rtrl", "--resume", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "whole.rtrl").read_bytes()


def test_a_point_before_letters_tells_no_decimal_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("at;y\n00.30 Uhr;\n01.30 Uhr;1,5\n02.30 Uhr;2,5\n")
    assert [row[1] for row in _fields(path)] == ["", "1.5", "2.5"]


def test_a_place_knows_the_decimal_mark(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a;b\n1,5;1\n7;2\n1,234;3\n")
    with Source(str(path)) as source:
        source.read(1)
        source.read(1)
        place = source.place()
    assert place is not None
    with Source(str(path)) as source:
        assert source.go_to(place)
        (record,) = source.read(9)
    assert record.values == {"a": "1.234", "b": "3"}


def test_no_header(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("".join(f"{k},{math.sin(k)}\n" for k in range(30)))
    said = run("learn", "rows.csv", "--target", "y", cwd=tmp_path, code=1).stderr
    assert "--columns A,B,... says what there is" in said
    found = figures(
        run("learn", "rows.csv", "--target", "y", "--columns", "t,y", "--json", cwd=tmp_path)
    )
    assert found["rows"] == 30


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# station 7\ntime,z\n1,2\n", "line 1 is the header: where line 3 is, tail -n +3"),
        ("# station 7\ntime,y\n1,2\n", "line 2 is its header: tail -n +2 rows.csv > table.csv"),
        ('Sales 2023,,\n,,\nday;shop; "y"\n', "line 3 is its header: tail -n +3 "),
        ("time  y\n1     2\n", "where blanks are between the columns, tr -s ' ' , < FILE"),
        ("time,y\r1,2\r", "lines end in CR alone"),
        ("x,x\n1,2\n", "the column 'x' twice: rename one, or name all: tail -n +2 FILE"),
    ],
)
def test_a_first_line_that_is_not_the_header_that_was_meant(
    tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "rows.csv").write_text(text)
    assert says in run("learn", "rows.csv", "--target", "y", cwd=tmp_path, code=1).stderr


def test_titles_above_the_header_of_a_file_that_no_tail_cuts(tmp_path: Path) -> None:
    folder, text = tmp_path / "my files", "Sales\ntime,y\n1,2\n"
    folder.mkdir()
    for name, content, cure in (
        ("rows.csv", text.encode(), ": tail -n +2 'my files/rows.csv' > 'my files/table.csv'\n"),
        ("rows.csv.gz", gzip.compress(text.encode()), "\n"),
        ("wide.csv", text.encode("utf-16"), "\n"),
    ):
        (folder / name).write_bytes(content)
        said = run("learn", f"my files/{name}", "--target", "y", cwd=tmp_path, code=1).stderr
        assert f"line 2 is its header{cure}" in said
    (folder / "table.csv").write_text("a,flag\n1,n\n2,y\n")
    said = run("learn", "my files/table.csv", "--target", "y", cwd=tmp_path, code=1).stderr
    assert "is its header" not in said
    said = run("learn", "my files/rows.csv", "--target", "y", cwd=tmp_path, code=1).stderr
    assert said.endswith("line 2 is its header\n")  # nothing that would write over a file


def test_names_with_commas(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('"a, b",c\n' + '"1,000",2\n' * 9)
    said = run("learn", "rows.csv", "--target", "a, b", cwd=tmp_path, code=1).stderr
    assert "quotes go round a name that has a comma" in said
    found = figures(run("learn", "rows.csv", "--target", '"a, b",c', "--json", cwd=tmp_path))
    assert list(found["targets"]) == ["a, b", "c"]


@pytest.mark.parametrize(
    ("rows", "options", "taken"),
    [
        ("when,y\n2020-01-01,1\n2020-01-02,2\n", (), True),
        ("when,y\n2020-01-01,1\n2020-01-02,2\n", ("--time", "none"), False),
        ("when,y\n2020-01-01,1\n2020-01-02,2\n", ("--features", "when"), False),
        ("when,y\n2020-01-01,1\n2020-01-02,2\n", ("--reset-on", "when"), False),
        ("when,then,y\n2020-01-01,2020-01-01,1\n", (), False),
        ('when,y\n"Jan 1, 2020",1\n', (), True),
        ("when,y\nJan is 1 2020,1\n", (), False),
        ("when,y\n20200101,1\n20200102,2\n", (), False),
        ("when,y\n2020-13-77,1\n2020-01-02,2\n", (), False),
        ("when,y\n2020-01-01T00:30,1\n", (), True),
        ("when,y\n2020-01-01T00:30:00.5Z,1\n", (), True),
        ("when,y\n2020-01-01T00:30:00+02:00,1\n", (), True),
        ("when,y\n20200101T003000,1\n", (), True),
        # Unix time is a number like others, but for its column's name.
        ("when,y\n1577836800,1\n", (), False),
        ("ts,y\n1577836800,1\n", (), True),
        ("Unix Time,y\n1577836800.25,1\n", (), True),
        ("event_timestamp,y\n1577836800000,1\n", (), True),
        ("ts,y\n15778,1\n", (), False),
        ("lights,y\n1577836800,1\n", (), False),
        ("when,y\n2020-01-01 00:30:00 UTC,1\n", (), True),
        ('when,y\n"Wed, 01 Jan 2020 00:30:00 GMT",1\n', (), True),
        ("ts,when,y\n1577836800,2020-01-01,1\n", (), True),
        ("date,y\n20200101,1\n20200102,2\n", (), True),
        ("date,y\n202001010030,1\n", (), True),
        ("date,y\n20209901,1\n", (), False),
        ("when,y\n01/Jan/2020:00:30:00 +0000,1\n", (), True),
        ("when,y\nWed Jan  1 00:30:00 2020,1\n", (), True),
        ("when,y\n2020-1-1 0:30,1\n", (), True),
        ("when,y\nJan 2020,1\nFeb 2020,2\n", (), True),
        ("when,y\nRoom 2020,1\n", (), False),
        ("when,y\n01.01.2020 00:00 - 01.01.2020 00:15,1\n", (), True),
        ("from,to,y\n1/2/2020 0:00,1/2/2020 1:00,1\n1/2/2020 1:00,1/2/2020 2:00,1\n", (), True),
        ("born,y,to\n2020-01-01,1,2020-01-02\n2019-01-01,2,2020-01-03\n", (), True),
        ("born,y,to\n2020-01-01,1,2020-01-02\n2019-01-01,2,2020-01-02\n", (), False),
    ],
)
def test_the_time_column_is_found(
    tmp_path: Path, rows: str, options: tuple[str, ...], taken: bool
) -> None:
    (tmp_path / "rows.csv").write_text(rows)
    said = run("learn", "rows.csv", "--target", "y", *options, cwd=tmp_path).stderr
    assert ("was taken for --time" in said) == taken


def test_the_same_command_goes_on_without_a_time_column(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("when,y\n2020-01-01,1\n2020-01-02,2\n")
    command = ("learn", "rows.csv", "--target", "y", "--time", "none", "--model", "m.rtrl")
    run(*command, "--resume", cwd=tmp_path)
    whole = (tmp_path / "m.rtrl").read_bytes()
    run(*command, "--resume", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == whole


def test_dates_and_times_of_day_in_two_columns(tmp_path: Path) -> None:
    """With `?` for what is missing, as in the household power data of UCI."""
    rows = "".join(f"16/12/2006;{17 + k // 60}:{k % 60:02d}:00;{k % 7}.5\n" for k in range(120))
    (tmp_path / "rows.txt").write_text("Date;Time;power\n" + rows + "16/12/2006;19:00:00;?\n")
    done = run("learn", "rows.txt", "--target", "power", "--horizon", "1", "--json", cwd=tmp_path)
    assert "'Date' was taken for --time\n" in done.stderr
    assert "'Time' was taken for --time-of-day\n" in done.stderr
    found = figures(done)
    assert (found["rows"], found["repeated"], found["gaps"], found["unlabelled"]) == (121, 0, 0, 1)
    said = ("--time", "Date", "--time-of-day", "Time", "--json")
    again = run("learn", "rows.txt", "--target", "power", "--horizon", "1", *said, cwd=tmp_path)
    assert figures(again)["metrics"] == found["metrics"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--delimiter", ""), "is not one character"),
        (("--encoding", "quark"), "there is no encoding 'quark'"),
        (("--encoding", "rot13"), "there is no encoding 'rot13'"),
        (("--columns", "a,,b"), "give column names"),
    ],
)
def test_what_no_text_has_is_refused(tmp_path: Path, options: tuple[str, ...], line: str) -> None:
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n")
    said = run("learn", "rows.csv", "--target", "y", *options, cwd=tmp_path, code=2).stderr
    assert line in said


NESTED = {"a": {"b": 1, "c": {"d": "x"}}, "e": [2, {"f": 3}], "g": {}, "h": None}
FLAT = {"a.b": 1, "a.c.d": "x", "e.0": 2, "e.1.f": 3, "h": None}


def test_nested_json_is_laid_flat(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    deep: dict[str, Any] = {"y": 1}
    for _ in range(40):
        deep = {"x": deep}
    wide = {"x": [[0] * 5000] * 3}
    path.write_text("\n".join(json.dumps(row) for row in (NESTED, deep, wide, {"y": 5})))
    first, second, third, last = _read(path)
    assert first.values == FLAT
    assert second.why == third.why == "nested too deeply, or too much in it"
    assert last.values == {"y": 5}
    with Source(str(path)) as source:
        assert source.columns == list(FLAT)


def test_structs_of_parquet_are_laid_flat(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    parquet.write_table(arrow.Table.from_pylist([{"a": {"b": 1, "c": {"d": "x"}}, "y": 2.0}]), path)
    with Source(str(path)) as source:
        assert source.columns == ["a.b", "a.c.d", "y"]
        (record,) = source.read(1)
    assert record.values == {"a.b": 1, "a.c.d": "x", "y": 2.0}
    assert json.loads(record.raw) == {"a": {"b": 1, "c": {"d": "x"}}, "y": 2.0}


def test_json_lines_have_no_dialect(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"y": 1}\n')
    said = run(
        "learn", "rows.jsonl", "--target", "y", "--decimal", ",", cwd=tmp_path, code=1
    ).stderr
    assert "rows.jsonl is JSON lines" in said
