"""One row, two rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run

from rtrl_lstm.cli.figures import INCIDENTS, counts_line
from rtrl_lstm.wording import counted


def test_one_thing_and_more() -> None:
    said = [counted(count, "bad row") for count in (0, 1, 2, 1000)]
    assert said == ["0 bad rows", "1 bad row", "2 bad rows", "1,000 bad rows"]


@pytest.mark.parametrize("count", [1, 2])
def test_what_became_of_the_rows(count: int) -> None:
    figures = dict.fromkeys(("rows", "learned", "bad_rows", *INCIDENTS), count)
    line = counts_line({**figures, "seconds": 0.0, "rows_per_second": 0.0})
    each = line.split(", ")
    assert len(each) == len(figures)
    nouns = {part.split()[1] for part in each} - {"learned"}
    singular = {"row", "bad", "key", "time", "gap", "label", "record"}
    assert nouns == (singular if count == 1 else {"bad"} | {f"{w}s" for w in singular - {"bad"}})
    assert ("1 bad row" if count == 1 else "2 bad rows") in each


def test_a_single_bad_row_of_a_single_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\nx\n")
    learn = ("learn", "a.csv", "--target", "y", "--model", "m.rtrl")
    done = run(*learn, cwd=tmp_path)
    assert ", 1 bad row" in done.stderr
    assert "1 row could not be used; the first: row 2 (line 3): 1 field where" in done.stderr
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    done = run(*learn, "--resume", code=1, cwd=tmp_path)
    assert "a.csv has 1 row and m.rtrl has seen 2;" in done.stderr
