"""Rows in: the CSV dialect, JSON lines, compression, rows that cannot be read."""

from __future__ import annotations

import csv
import gzip
import io
import os
import random
from pathlib import Path

import pytest

from rtrl_lstm.cli import lines as lines_module
from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.cli.lines import Damaged, Lines, decoded
from rtrl_lstm.cli.records import MOST_LINES, Record
from rtrl_lstm.cli.sources import Source


def _read(path: Path, data: bytes | str, most: int = 7) -> list[Record]:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    records = []
    with Source(str(path)) as source:
        while taken := source.read(most):
            records += taken
    return records


def _values(records: list[Record]) -> list[list[str] | None]:
    return [None if r.values is None else list(r.values.values()) for r in records]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n3,4\n", [["1", "2"], ["3", "4"]]),
        ("a,b\r\n1,2\r\n3,4", [["1", "2"], ["3", "4"]]),
        ("\ufeffa,b\n1,2\n", [["1", "2"]]),
        ("\n\na,b\n\n1,2\n  \n\r\n3,4\n\n", [["1", "2"], ["3", "4"]]),
        ('a,b\n"x,y","say ""yes"""\n', [["x,y", 'say "yes"']]),
        ('a,b\n"two\nlines",2\n3,4\n', [["two\nlines", "2"], ["3", "4"]]),
        ('a,b\n1,"two\r\nlines"\r\n3,4\r\n', [["1", "two\r\nlines"], ["3", "4"]]),
        ('"a","b"\n"",\n', [["", ""]]),
        ('a,b\n5" pipe,2\n', [['5" pipe', "2"]]),
        ("a,b\n1\n1,2,3\n3,4\n", [None, None, ["3", "4"]]),
        ("a;b\n1;2\n", [["1", "2"]]),
        ("a\tb\n1,5\t2\n", [["1.5", "2"]]),
        ("a\n1\n", [["1"]]),
    ],
)
def test_csv_dialect(tmp_path: Path, text: str, expected: list[list[str] | None]) -> None:
    assert _values(_read(tmp_path / "rows.csv", text)) == expected


def test_csv_agrees_with_the_csv_module_whatever_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(1)
    rows = [["".join(rng.choices('a,"\n é', k=rng.randrange(6))) for _ in "xyz"] for _ in "." * 300]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["x", "y", "z"], *rows])
    for piece in (1, 7, 64, 1 << 16):
        monkeypatch.setattr(lines_module, "PIECE", piece)
        assert _values(_read(tmp_path / "rows.csv", out.getvalue())) == rows


def test_records_know_their_line_and_text(tmp_path: Path) -> None:
    records = _read(tmp_path / "rows.csv", 'a,b\n\n"x\ny",2\nbroken\n3,4\n')
    assert [(r.line, r.raw) for r in records] == [(3, '"x\ny",2'), (5, "broken"), (6, "3,4")]
    assert records[1].why == "1 field where the header has 2"


def test_a_quote_that_is_never_closed_loses_one_row(tmp_path: Path) -> None:
    rows = "".join(f"{k},{k}\n" for k in range(2 * MOST_LINES))
    records = _read(tmp_path / "rows.csv", f'a,b\n0,"oops\n{rows}')
    assert records[0].line == 2
    assert "never closed" in records[0].why or "not closed within" in records[0].why
    assert [r.values for r in records[1:]] == [
        {"a": str(k), "b": str(k)} for k in range(2 * MOST_LINES)
    ]


def test_a_quote_closed_in_the_wrong_place_loses_one_row(tmp_path: Path) -> None:
    records = _read(tmp_path / "rows.csv", 'a,b\n1,"oops\n"x",2\n3,4\n')
    assert _values(records) == [None, ["x", "2"], ["3", "4"]]
    assert "wrong place" in records[0].why


@pytest.mark.parametrize(
    ("line", "why"),
    [(b"1,\xff", "0xff, is not UTF-8"), (b"1,\0", "NUL"), (b'"a"b,2', "not the CSV dialect")],
)
def test_damaged_lines_are_bad_rows(tmp_path: Path, line: bytes, why: str) -> None:
    records = _read(tmp_path / "rows.csv", b"a,b\n1,2\n" + line + b"\n3,4\n")
    assert [r.values is None for r in records] == [False, True, False]
    assert why in records[1].why


def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LONGEST", 100)
    monkeypatch.setattr(lines_module, "PIECE", 8)
    data = io.BytesIO(b"a\n" + b"x" * 1000 + b"\nb\nc")
    lines, found = Lines(data.read), []
    while (some := lines.next()) is not None:
        found += [*(decoded(some.data) if some.data else []), *some.more]
    assert found[0] == "a"
    assert isinstance(found[1], Damaged)
    assert found[2:] == ["b", "c"]


def test_json_lines(tmp_path: Path) -> None:
    text = '{"a": 1, "b": null}\n\n{"a": true}\r\n[1]\n{"a":\n{"a": NaN}\n' + "[" * 100_000
    records = _read(tmp_path / "rows.jsonl", text)
    assert records[0].values == {"a": 1, "b": None}
    assert records[1].values == {"a": True}
    assert [r.values is None for r in records] == [False, False, True, True, False, True]
    assert "not a JSON object" in records[2].why
    assert "not JSON" in records[3].why


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.CSV"])
def test_gzip_is_seen_by_its_bytes(tmp_path: Path, name: str) -> None:
    zipped = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")
    assert _values(_read(tmp_path / name, zipped)) == [["1", "2"], ["3", "4"]]


def test_format_by_name_or_else_by_content(tmp_path: Path) -> None:
    assert _read(tmp_path / "rows.tsv", "a\tb,c\n1\t2\n")[0].values == {"a": "1", "b,c": "2"}
    assert _read(tmp_path / "rows.log", '{"a": 1}\n')[0].values == {"a": 1}
    assert _read(tmp_path / "rows.log", "a\n1\n")[0].values == {"a": "1"}
    zipped = gzip.compress(b'{"a": 1}\n')
    assert _read(tmp_path / "rows.jsonl.gz", zipped)[0].values == {"a": 1}


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"\n\n", "is empty"),
        ("rows.csv", b"a,a\n1,2\n", "names the column 'a' twice"),
        ("rows.csv", b"a,\xff\n1,2\n", "line 1, the header"),
        ("rows.parquet", b"PAR1", "Parquet"),
        ("rows.json", b'[{"a": 1}]', r"one JSON array.*jq -c '.\[\]' .*rows.json"),
        ("rows.json", b'\xef\xbb\xbf[\n  {\n "a": 1\n  }\n]\n', "one JSON array"),
        ("rows.json", b'{\n  "a": 1\n}\n', "not an object to a line: jq -c . "),
        ("rows.xlsx", b"PK\x03\x04\x14\x00\x8c", "is a spreadsheet: save the sheet as CSV"),
        ("rows.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "is a spreadsheet"),
        ("rows.zip", b"PK\x03\x04\x14\x00\x8c", "is a ZIP file: unzip -p "),
        ("rows.csv", b"\n<!DOCTYPE html>\n", "is a web page"),
        ("rows.csv.gz", gzip.compress(b"a,b\n" + os.urandom(9999))[:5000], "cannot read"),
    ],
)
def test_what_is_no_table_stops_with_a_reason(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    with pytest.raises(Stop, match=says):
        _read(tmp_path / name, data)


def test_a_spreadsheet_may_say_what_is_between_the_fields(tmp_path: Path) -> None:
    assert _read(tmp_path / "a.csv", "sep=;\r\na,b;c\r\n1,5;2\r\n")[0].values == {
        "a,b": "1.5",
        "c": "2",
    }
    assert _read(tmp_path / "b.csv", "\ufeffsep=,\na,b\nsep=;,2\n")[0].values == {
        "a": "sep=;",
        "b": "2",
    }


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="No such file"):
        Source(str(tmp_path / "nothing.csv"))
    with pytest.raises(Stop, match="directory"):
        Source(str(tmp_path))
