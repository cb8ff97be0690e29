"""Rows of plain numbers are taken many at once: nothing may differ from taking them one by one."""

from __future__ import annotations

import math
import random
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.reliability.mutate import csv_row
from rtrl_lstm import Model
from rtrl_lstm.cli.main import main
from rtrl_lstm.kernels.decimals import read_rows, tables
from rtrl_lstm.kernels.words import LARGEST
from rtrl_lstm.score.history import History
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.table.values import BadRow, number


def read_one(text: str) -> float | None:
    """What the compiled reader makes of a line with one field; None where it is not plain."""
    data = np.frombuffer(text.encode() + b"\n", np.uint8)
    values, ends, lines = np.empty((1, 1)), np.empty(1, np.int64), np.empty(1, np.int64)
    wanted = np.zeros(1, np.int64)
    count = read_rows(data, 0, ord(","), wanted, values, ends, lines, tables())
    return float(values[0, 0]) if count else None


def bits(value: float) -> bytes:
    return b"missing" if math.isnan(value) else struct.pack("d", value)


decimals = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e6, 1e6, width=32).map(repr),
    st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), st.integers(0, 10**12),
              st.integers(0, 10**10)),
    st.builds("{}e{}".format, st.integers(0, 2**64), st.integers(-70, 45)),
    st.builds("{}.{}E{:+}".format, st.integers(0, 9), st.integers(0, 10**17),
              st.integers(-330, 310)),
    st.text("0123456789.-+eE _naNAul", min_size=1, max_size=12),
)  # fmt: skip


@given(decimals)
@settings(max_examples=600, deadline=None)
def test_a_decimal_is_what_float_makes_of_it(text: str) -> None:
    found = read_one(text)
    if found is None:
        return
    assert bits(found) == bits(number(text, "x"))
    assert not abs(found) > LARGEST


def test_usual_decimals_are_plain() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=5000) * 10.0 ** rng.integers(-20, 14, 5000)
    texts = [repr(float(x)) for x in numbers] + [repr(float(np.float32(x))) for x in numbers]
    texts += [f"{x:.4f}" for x in numbers]
    texts += [
        repr(float(int(x))) for x in rng.normal(size=1000) * 10.0 ** rng.integers(0, 25, 1000)
    ]
    found = [read_one(text) for text in texts]
    unread = [text for text, value in zip(texts, found, strict=True) if value is None]
    assert not unread
    assert found == [float(text) for text in texts]


def test_between_two_numbers() -> None:
    """Decimals half way between two float64, and as near to that as 17 digits come."""
    rng = random.Random(0)
    for _ in range(3000):
        low = struct.unpack("d", struct.pack("Q", rng.randrange(0x3C0 << 52, 0x45F << 52)))[0]
        middle = (int(low * 2**80) + int(math.nextafter(low, math.inf) * 2**80)) / 2 / 2**80
        for text in (f"{middle:.16e}", f"{low:.17e}", f"{low:.16e}"):
            found = read_one(text)
            assert found is None or found == float(text)


@pytest.mark.parametrize(
    "text", ["1_0", "0x10", "inf", "1e31", "٣", '"1"', "1e", "-.", "--1", "1 2"]
)
def test_what_is_not_plain(text: str) -> None:
    assert read_one(text) is None


# --- the command line, both ways ---------------------------------------------------------------


LEFT = ("m.rtrl", "p.csv", "b.jsonl")
"""What a run leaves behind: model, predictions, bad rows."""


def dirty(seed: int, rows: int, bad: float) -> bytes:
    """A file of three columns, `bad` of whose rows have something wrong, in stretches or not."""
    rng = random.Random(seed)
    lines, last, spoilt = [], 0.0, False
    for _ in range(rows):
        x, z = rng.gauss(0, 1), round(rng.gauss(0, 1), 3)
        last = 0.6 * last + x
        if rng.random() < 0.02:
            spoilt = not spoilt
        if spoilt and rng.random() < bad:
            lines.append(csv_row(rng, 3).rstrip(b"\n") + b"\n")
        else:
            end = rng.choice((b"\n",) * 8 + (b"\r\n", b"\n\n"))
            lines.append(f"{x!r},{z},{last:.4f}".encode() + end)
    return b"x,z,y\n" + b"".join(lines)


def learned(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool, *options: str
) -> list[bytes]:
    """The bytes of what a run leaves behind."""
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    for old in folder.iterdir():
        old.unlink()
    words = ["learn", "../rows.csv", "--target", "y", "--hidden", "4", "--model", "m.rtrl"]
    words += ["--predictions", "p.csv", "--bad-rows", "b.jsonl", "--on-bad-row", "skip-all"]
    monkeypatch.setattr(sys, "argv", ["rtrl-lstm", *words, "--quiet", *options])
    with monkeypatch.context() as patch:
        if not at_once:
            patch.setattr(Model, "number_columns", ())
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return [(folder / name).read_bytes() for name in LEFT]


def differing(one: list[bytes], two: list[bytes]) -> list[str]:
    """Names of what differs: a diff of two model files takes longer than all tests."""
    return [name for name, *both in zip(LEFT, one, two, strict=True) if both[0] != both[1]]


@given(
    seed=st.integers(0, 2**32),
    bad=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    horizon=st.sampled_from([0, 1, 3]),
    every=st.sampled_from([None, "333"]),
    features=st.sampled_from([None, "z"]),
)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_at_once_or_one_by_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    bad: float,
    horizon: int,
    every: str | None,
    features: str | None,
) -> None:
    (tmp_path / "rows.csv").write_bytes(dirty(seed, 700, bad))
    options = ["--horizon", str(horizon), "--optimizer", "sgd"]
    options += ["--checkpoint-every", every] if every else []
    options += ["--features", features] if features else []
    found = [
        learned(tmp_path / name, monkeypatch, name == "one", *options) for name in ["one", "two"]
    ]
    assert not differing(*found)


def test_a_season_and_missing_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the rows where seasons are looked for, with a lag as an input, and gaps."""
    rng = np.random.default_rng(1)
    lines = ["x,y"]
    for t in range(9500):
        y = math.sin(t * math.tau / 48) + 0.1 * rng.normal()
        gone = rng.random(2) < 0.05
        lines.append(f"{'' if gone[0] else rng.normal()},{'NA' if gone[1] else y}")
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    for horizon in ("0", "5"):
        options = ["--horizon", horizon, "--score-from", "700", "--optimizer", "sgd"]
        one = learned(tmp_path / "one", monkeypatch, True, *options)
        two = learned(tmp_path / "two", monkeypatch, False, *options)
        assert not differing(one, two)
        assert b"last season" in one[0]


@given(st.integers(0, 2**32), st.sampled_from([0, 2]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_follow_numbers(seed: int, horizon: int, missing: bool) -> None:
    """An application's own arrays, in pieces of any size, the rest row by row."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(400, 2)).round(3)
    if missing:
        values[rng.random(values.shape) < 0.1] = np.nan
    rows = [{"x": x, "y": y} for x, y in values.tolist()]
    models = [Model(target="y", horizon=horizon, hidden_size=3) for _ in range(2)]
    histories = [History(Prequential(horizon)) for _ in models]
    histories[0].extend(*models[0].follow(rows))
    at, said = 0, []
    while at < len(rows):
        taken, most = 0, histories[1].takes(int(rng.integers(1, 90)))
        if models[1].number_columns and most:
            assert models[1].number_columns == ("x", "y")
            numbers = models[1].follow_numbers(values[at : at + most])
            taken = len(numbers.labels)
            histories[1].extend_numbers(numbers)
            said += numbers.forecasts.tolist()
        if not taken:
            some = models[1].follow(rows[at : at + 3])
            taken = len(some[0])
            histories[1].extend(*some)
        at += taken
    assert said
    assert models[0].to_json() == models[1].to_json()
    assert bytes(models[0].learner.block) == bytes(models[1].learner.block)
    assert histories[0].to_json() == histories[1].to_json()
    assert histories[0].score.to_json() == histories[1].score.to_json()


def test_a_bad_number_is_still_a_bad_row() -> None:
    with pytest.raises(BadRow):
        number("1e31", "x")
    assert read_one("1e30") == 1e30
