"""What says "no value here": the usual words, dashes among numbers, and what `missing` names."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import figures, run
from test_at_once import read_one

import rtrl_lstm as rl
from rtrl_lstm import Model, export
from rtrl_lstm.kernels.words import NO_NUMBER
from rtrl_lstm.table.columns import Column
from rtrl_lstm.table.missing import Missing
from rtrl_lstm.table.target import Target
from rtrl_lstm.table.values import number

SAID = (-999, "9999.0", "gone")
DASHES = ("-", "--", "---", ".", "..", "...")


def _rows(count: int, none: Callable[[], Any], seed: int = 0) -> list[dict[str, Any]]:
    """Numbers and a category, a tenth of them `none()`."""
    draw, kinds = random.Random(seed), ("a", "b")
    rows = []
    for t in range(count):
        row = {"x": draw.gauss(0, 1), "y": math.sin(0.3 * t), "kind": draw.choice(kinds)}
        rows.append({k: none() if t and draw.random() < 0.1 else v for k, v in row.items()})
    return rows


def _said(seed: int = 1) -> Callable[[], Any]:
    """Each of `SAID`, in the forms in which files may hold it."""
    forms = ("-999", "-999.0", " -9.99e2 ", -999, -999.0, 9999, "9999", "gone")
    draw = random.Random(seed)
    return lambda: draw.choice(forms)


@pytest.mark.parametrize("word", sorted(NO_NUMBER))
def test_lines_read_at_once_know_the_words_that_fields_know(word: str) -> None:
    assert math.isnan(number(word, "x"))
    found = read_one(f" {word} ")
    assert found is None if word == "" else math.isnan(found)  # a blank line is no row


@pytest.mark.parametrize("word", ["-.", "----", "+", "e", "-e"])
def test_what_only_looks_like_one_is_none(word: str) -> None:
    assert read_one(word) is None
    with pytest.raises(rl.BadRow):
        number(word, "x")


@pytest.mark.parametrize("word", DASHES)
def test_dashes_are_no_numbers_and_may_be_labels(word: str) -> None:
    numbers, texts = Column("a", 8), Column("b", 8)
    assert numbers.parse(word) is None  # before a value has shown what the column is
    numbers.numeric, texts.numeric = True, False
    assert numbers.parse(word) is None
    assert texts.parse(word) == word
    target = Target("y", "auto", 8)
    assert target.parse(word) is None
    target.commit(target.parse("+"))
    assert target.parse(word) == word
    assert Target("y", "binary", 8).parse(word) == word


def test_a_dash_is_as_good_as_an_empty_field(tmp_path: Path) -> None:
    draw, said = random.Random(3), []
    for words in (("",), DASHES):
        draw.seed(3)
        lines = [f"{k % 7},{draw.choice(words) if k % 9 == 5 else k % 5}" for k in range(400)]
        (tmp_path / "rows.csv").write_text("\n".join(["x,y", *lines]))
        learn = ("learn", "rows.csv", "--target", "y", "--predictions", "p.csv", "--json")
        assert figures(run(*learn, cwd=tmp_path))["bad_rows"] == 0
        said.append((tmp_path / "p.csv").read_text())
    assert said[0] == said[1]


def test_a_number_is_meant_by_its_value_and_text_to_the_letter() -> None:
    found = Missing(SAID)
    assert found.said == ["-999", "9999", "gone"]
    known: list[Any] = ["-999", " -999.00 ", "-999 %", -999, -999.0, np.float32(-999), "gone "]
    assert all(map(found.says, known))
    other: list[Any] = ["-99", 999, "Gone", "", None, True, False, "true", math.nan, ["gone"]]
    assert not any(map(found.says, other))
    assert Missing([-999.9]).says(float(np.float32(-999.9)))  # as Parquet gives a float
    assert Missing(["9.96921e36"]).says(9.96921e36)  # beyond what a number may be
    assert not Missing([1]).says(True)
    assert Missing(["true"]).says(True)


@pytest.mark.parametrize("given", ["NA", -999, [True], [None], [["a"]], [1j]])
def test_what_is_no_list_of_texts_and_numbers_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="missing must be"):
        Model("y", missing=given)


@pytest.mark.parametrize("horizon", [0, 3])
@pytest.mark.parametrize("options", [{}, {"also": ["x"]}, {"features": ["x"]}])
def test_it_is_as_if_there_were_nothing(horizon: int, options: dict[str, Any]) -> None:
    """Row by row, many at once and in a file."""
    said, none = _rows(160, _said()), _rows(160, lambda: None)
    first, *others = (
        Model("y", horizon=horizon, hidden_size=3, missing=missing, **options)
        for missing in ((), SAID, ["gone", 9999, -999.0])
    )
    expected = first.run(none)
    assert [others[0].step(row) for row in said] == expected
    assert others[1].run(said[:90]) + others[1].run(said[90:]) == expected
    assert repr(others[0]) == repr(others[1])
    assert "missing=['-999', '9999', 'gone']" in repr(others[0])


def test_numbers_alone_are_looked_through_as_well() -> None:
    values = np.random.default_rng(0).normal(size=(200, 2))
    values[5::7, 0], values[6::11, 1] = -999, 9999
    blank = np.where(np.abs(values) > 900, np.nan, values)
    models = [Model("y", hidden_size=3, missing=missing) for missing in (SAID, ())]
    found = []
    for model, numbers in zip(models, (values, blank), strict=True):
        model.run([{"x": x, "y": y} for x, y in numbers[:100].tolist()])
        assert model.number_columns == ("x", "y")
        found.append(model.follow_numbers(numbers[100:]))
    assert len(found[0].labels) > 20
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_labels_that_come_late_and_keys_stay_what_they_are() -> None:
    late = rl.Delayed("y", id="id", missing=[9], hidden_size=3)
    late.run(
        [{"id": 9, "x": 1.0, "y": 9}, {"id": 8, "x": 2.0, "y": 9}, {"id": 9, "x": 1.0, "y": 2}]
    )
    assert (late.counts["learned"], late.counts["pending"]) == (1, 1)
    panel = rl.Panel("y", key="k", missing=[9], hidden_size=3)
    panel.run([{"k": 9, "x": 1.0, "y": 2.0}, {"k": 9, "x": 9.0, "y": 9.0}])
    assert panel.counts["unlabelled"] == 1
    assert list(panel.models) == ["9"]


def test_an_exported_model_knows_them(tmp_path: Path) -> None:
    rows = _rows(220, _said())
    model = Model("y", hidden_size=4, missing=SAID)
    model.run(rows[:150])
    path = tmp_path / "m.onnx"
    export.to_onnx(model, path)
    expected = model.frozen().run(rows[150:])
    assert export.ModelSession(path).run(rows[150:]) == pytest.approx(expected, abs=1e-5)


FORMATS = ("rows.csv", "rows.jsonl", "rows.parquet")


def _write(folder: Path, none: float | None) -> None:
    """The same numbers in each of `FORMATS`, with -999 or nothing in some places."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    x = [none if k % 9 == 4 else k % 7 + 0.5 for k in range(600)]
    y = [none if k % 13 == 8 else k % 5 + 0.25 for k in range(600)]
    pairs = list(zip(x, y, strict=True))
    blank = [tuple("" if v is None else v for v in pair) for pair in pairs]
    (folder / FORMATS[0]).write_text("x,y\n" + "".join(f"{a},{b}\n" for a, b in blank))
    lines = [f'{{"x": {a}, "y": {b}}}\n'.replace("None", "null") for a, b in pairs]
    (folder / FORMATS[1]).write_text("".join(lines))
    table = pa.table({"x": pa.array(x, pa.float32()), "y": pa.array(y, pa.float64())})
    parquet.write_table(table, folder / FORMATS[2])


def test_every_format_and_command(tmp_path: Path) -> None:
    """learn, --resume, predict, export and infer: each as if the fields were empty."""
    said: dict[str, set[str]] = {}
    for folder, none, options in (
        (tmp_path / "blank", None, ()),
        (tmp_path / "said", -999.9, ("--missing", "-999.90", "--missing", "gone")),
    ):
        folder.mkdir()
        _write(folder, none)
        for name in FORMATS:
            learn = ("learn", name, "--target", "y", *options, "--predictions", "l", "--quiet")
            run(*learn, "--model", f"{name}.rtrl", cwd=folder)
            run("predict", f"{name}.rtrl", name, "--predictions", "p", "--quiet", cwd=folder)
            for path in "lp":
                said.setdefault(path, set()).add((folder / path).read_text())
    assert [len(texts) for texts in said.values()] == [1, 1]
    run("export", "rows.csv.rtrl", "m.onnx", "--quiet", cwd=folder)
    run("infer", "m.onnx", "rows.csv", "--predictions", "i", "--quiet", cwd=folder)
    inferred, predicted = (
        [float(line) for line in (folder / path).read_text().split()[1:]] for path in "ip"
    )
    assert inferred == pytest.approx(predicted, abs=1e-4)


def test_a_model_goes_on_with_what_it_was_made_with(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n" + "1,2\n-99,3\n" * 20)
    learn = ("learn", "a.csv", "--target", "y", "--model", "m.rtrl")
    run(*learn, "--missing", "-99.0", "--missing", "no, thanks", cwd=tmp_path)
    again = ("--resume", "--missing", "no, thanks", "--missing", "-99")
    for options in (again, ("--resume",)):
        run(*learn, *options, cwd=tmp_path)
    done = run(*learn, "--resume", "--missing", "-9", code=1, cwd=tmp_path)
    assert "m.rtrl was made with --missing -99,no, thanks, not -9: leave --missing" in done.stderr
    assert re.search(r"missing +-99, no, thanks\n", run("inspect", "m.rtrl", cwd=tmp_path).stdout)
    run(*learn, "--overwrite", cwd=tmp_path)
    done = run(*learn, "--resume", "--missing", "-9", code=1, cwd=tmp_path)
    assert "was made with --missing nothing, not -9" in done.stderr


def test_a_list_is_said_one_by_one(tmp_path: Path) -> None:
    done = run("learn", "a.csv", "--target", "y", "--missing", "-9,-99", code=2, cwd=tmp_path)
    assert "say --missing -9 --missing -99, or put a decimal point" in " ".join(done.stderr.split())
