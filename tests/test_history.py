"""What a history keeps of a stream, and what it says of the columns."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest

import rtrl_lstm as rl
from rtrl_lstm.score import history as histories
from rtrl_lstm.score.history import History
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.worth import worth_of_columns


def _numbers(count: int) -> list[dict[str, Any]]:
    draw = random.Random(0)
    rows = []
    for t in range(count):
        useful, idle = draw.gauss(0, 1), draw.gauss(0, 1)
        y = "" if t % 50 == 7 else 3 * useful + 0.1 * draw.gauss(0, 1)
        rows.append({"useful": useful, "idle": idle, "y": "oops" if t % 97 == 5 else y})
    return rows


def _labels(count: int, labels: str = "ab") -> list[dict[str, Any]]:
    draw = random.Random(1)
    rows = []
    for _ in range(count):
        x = draw.gauss(0, 1)
        rows.append({"x": x, "y": labels[min(int(abs(x)), len(labels) - 1)]})
    return rows


def _followed(
    model: rl.Model, rows: list[dict[str, Any]], chunks: tuple[int, ...] = (1000,)
) -> History:
    history = History(Prequential(model.schema.horizon))
    start, turn = 0, 0
    while start < len(rows):
        stop = start + chunks[turn % len(chunks)]
        history.extend(*model.follow(rows[start:stop]))
        start, turn = stop, turn + 1
    return history


@pytest.mark.parametrize("horizon", [0, 3])
def test_it_does_not_depend_on_the_chunks_or_on_a_stop(horizon: int) -> None:
    rows = _numbers(1300)
    whole = _followed(rl.Model(target="y", horizon=horizon), rows)
    saved = json.dumps(whole.to_json())
    pieces = _followed(rl.Model(target="y", horizon=horizon), rows, (1, 7, 130, 2))
    assert json.dumps(pieces.to_json()) == saved

    model = rl.Model(target="y", horizon=horizon)
    first = _followed(model, rows[:700])
    score = Prequential.from_json(json.loads(json.dumps(first.score.to_json())))
    again = History.from_json(json.loads(json.dumps(first.to_json())), score)
    again.extend(*model.follow(rows[700:]))
    assert json.dumps(again.to_json()) == saved


def test_the_score_is_as_without_it() -> None:
    rows = _numbers(900)
    bare, model = Prequential(2), rl.Model(target="y", horizon=2)
    bare.extend(*model.follow(rows))
    assert _followed(rl.Model(target="y", horizon=2), rows, (33,)).score.to_json() == bare.to_json()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "SNAPSHOTS", 20)
    monkeypatch.setattr(histories, "LAST_ROWS", 30)
    monkeypatch.setattr(histories, "LAST_INPUTS", 10)
    history = _followed(rl.Model(target="y"), _numbers(1000))
    for row in range(500):
        history.note_bad_row(row, "x" * 1000)
    assert 10 <= len(history.snapshots) <= 20
    assert len(history.last) == 30
    assert history.last[-1].row == 1000
    assert len(history.stretch()[0]) == 10
    assert len(json.dumps(history.to_json())) < 40_000


def test_snapshots_are_sums_at_equal_distances() -> None:
    rows = _numbers(1500)
    history = _followed(rl.Model(target="y"), rows)
    gaps = np.diff([snapshot.row for snapshot in history.snapshots])
    assert set(gaps) == {4}  # at most 400 snapshots
    model, score = rl.Model(target="y"), Prequential(0)
    score.extend(*model.follow(rows[:800]))
    [middle] = [snapshot for snapshot in history.snapshots if snapshot.row == 800]
    assert middle == (800, score.scored, score.losses(), score.bad_rows, 0, 0)
    assert middle.losses["learner"] == score.loss


def test_last_rows_hold_forecasts_and_truths() -> None:
    rows, model = _numbers(60), rl.Model(target="y", horizon=2)
    forecasts, readings = model.follow(rows)
    history = History(Prequential(2))
    history.extend(forecasts, readings)
    good = [(t + 1, f, r) for t, (f, r) in enumerate(zip(forecasts, readings, strict=True)) if r]
    assert [(p.row, p.forecast, p.truth) for p in history.last] == [
        (row, forecast, reading.truth) for row, forecast, reading in good
    ]


@pytest.mark.parametrize("horizon", [0, 1])
def test_calibration_of_two_labels_is_of_the_second(horizon: int) -> None:
    rows = _labels(400)
    model = rl.Model(target="y", horizon=horizon)
    forecasts, _ = model.follow(rows)
    second = model.schema.target.classes[1]
    history = _followed(rl.Model(target="y", horizon=horizon), rows)
    expected = [[0, 0.0, 0] for _ in range(10)]
    for t, forecast in enumerate(forecasts[: len(rows) - horizon]):
        if forecast and len(forecast) == 2:
            p = forecast[second]
            bin_ = expected[min(int(10 * p), 9)]
            bin_[0] += 1
            bin_[1] += p
            bin_[2] += rows[t + horizon]["y"] == second
    found = [list(one) for one in history.calibration]
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other)
    assert sum(one[0] for one in found) > 390


def test_calibration_of_more_labels_is_of_the_likeliest() -> None:
    history = _followed(rl.Model(target="y"), _labels(2000, "abc"))
    bins = [one for one in history.calibration if one.forecasts > 100]
    assert bins
    assert all(one.probability / one.forecasts > 1 / 3 for one in bins)


def test_what_happens_is_kept() -> None:
    rows = [*_labels(50, "ab"), {"x": 0.0, "y": "new"}, {"x": None, "y": "a"}]
    history = _followed(rl.Model(target="y"), rows)
    kinds = {(event.row, event.kind) for event in history.events}
    assert (1, "inputs") in kinds
    assert (52, "inputs") in kinds  # the flag of a missing x, and the last label "new"
    assert (52, "labels") in kinds  # known from the row after the one that brought it


def test_events_are_in_order_of_rows_however_rows_come() -> None:
    rows = [{"x": x, "y": 1.0} for x in (1.0, 2.0, None, 4.0)]
    history = History(Prequential(0))
    for row in range(5, 5 + histories.LAST_EVENTS):  # noted before the rows of their chunk
        history.note_bad_row(row, "oops")
    history.extend(*rl.Model(target="y").follow(rows))
    assert [event.row for event in history.events] == [*range(5, 5 + histories.LAST_EVENTS)]
    history = History(Prequential(0))
    history.note_bad_row(4, "oops")
    history.extend(*rl.Model(target="y").follow(rows))
    assert [(event.row, event.kind) for event in history.events][-2:] == [
        (3, "inputs"),
        (4, "bad row"),
    ]


def test_a_useful_column_is_worth_more_than_an_idle_one() -> None:
    model = rl.Model(target="y")
    history = _followed(model, _numbers(3000))
    before = model.learner.block.copy()
    found = {worth.column: worth for worth in worth_of_columns(model, history)}
    assert np.array_equal(model.learner.block, before)
    assert set(found) == {"useful", "idle", "y[t-1]"}
    rise = {name: worth.without - worth.loss for name, worth in found.items()}
    assert rise["useful"] > 10 * abs(rise["idle"])
    assert next(iter(found)) == "useful"  # the most important first


@pytest.mark.parametrize(("labels", "horizon"), [("ab", 0), ("abc", 0), ("abc", 1)])
def test_worth_for_labels(labels: str, horizon: int) -> None:
    model = rl.Model(target="y", horizon=horizon, learning_rate=0.01)
    history = _followed(model, _labels(3000, labels))
    found = {worth.column: worth for worth in worth_of_columns(model, history)}
    assert math.isfinite(found["x"].loss)
    if horizon == 0:
        assert found["x"].without > 1.5 * found["x"].loss


def test_too_few_rows_are_worth_nothing() -> None:
    model = rl.Model(target="y")
    assert worth_of_columns(model, _followed(model, _numbers(20))) == []


def test_inputs_of_a_column_belong_together() -> None:
    model = rl.Model(target="y", time="when", horizon=1)
    for t in range(40):
        row = {"when": f"2024-01-{1 + t // 24:02} {t % 24:02}:00", "kind": "ab"[t % 2], "y": t}
        model.step({**row, "n": None if t == 30 else t})
    names, columns = model.schema.input_names, model.schema.input_columns
    together = dict(zip(names, columns, strict=True))
    assert together["when: sin day"] == together["when: sunday"] == "when: calendar"
    assert together["kind=a"] == together["kind=b"] == "kind"
    assert together["n is missing"] == together["n"] == "n"
    assert together["y (last day)"] == "y (last day)"
