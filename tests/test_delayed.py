"""Labels that come late: learned in the order of the rows, and known when they came, not before."""

from __future__ import annotations

import copy
import json
import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_model import shown

from rtrl_lstm.learner import Learner
from rtrl_lstm.modelfile import from_bytes, to_bytes
from rtrl_lstm.models.delayed import Delayed
from rtrl_lstm.models.leading import Leading
from rtrl_lstm.models.model import Model
from rtrl_lstm.models.recall import Recall
from rtrl_lstm.score.delayed import DelayedScore
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.table.schema import BadRow

OF_MODEL = {"hidden_size": 4, "learning_rate": 0.01}
LABELS = {"regression": None, "multiclass": "abcd", "binary": ["no", "yes"]}


def _rows(task: str = "regression", count: int = 150, season: int = 0) -> list[dict]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=count + 1)
    rows = []
    for t in range(count):
        number = (
            10
            + 3 * x[t]
            + 2 * x[t - 1]
            + (20 * math.sin(2 * math.pi * t / season) if season else 0)
        )
        classes = LABELS[task]
        y = number if classes is None else classes[min(t // 30, len(classes) - 1 - t % 2)]
        rows.append({"id": f"r{t}", "x": float(x[t]), "colour": "rg"[t % 2], "y": y})
    for t in range(20, count, 11):
        rows[t]["x"] = ""
    rows[count // 2]["colour"] = "blue"
    return rows


def _late(rows: list[dict], delays: list[int]) -> list[dict]:
    """The records of rows whose labels come so many rows after them; 0: with them, -1: never.

    Those of one moment come with the newest row's first.
    """
    due: dict[int, list[dict]] = {}
    records = []
    for t, (row, delay) in enumerate(zip(rows, delays, strict=True)):
        records.append(row if delay == 0 else {**row, "y": ""})
        if delay > 0:
            due.setdefault(t + delay, []).append({"id": row["id"], "y": row["y"]})
        records += reversed(due.pop(t, []))
    for t in sorted(due):
        records += due[t]
    return records


def _delays(count: int, most: int, never: float = 0.1) -> list[int]:
    rng = np.random.default_rng(7)
    drawn = rng.integers(0, most + 1, count)
    return np.where(rng.random(count) < never, -1, drawn).tolist()


def _delayed(max_delay: int = 8, **options: object) -> Delayed:
    return Delayed("y", id="id", max_delay=max_delay, **{**OF_MODEL, **options})


@pytest.mark.parametrize("task", sorted(LABELS))
def test_labels_that_come_at_once_are_learned_as_ever(task: str) -> None:
    rows = _rows(task, 1200, season=24)[: 150 if task != "regression" else None]
    late = _delayed()
    model = Model("y", features=["x", "colour"], contexts=False, **OF_MODEL)
    scores = DelayedScore(score_from=3), Prequential(0, 3)
    followed, expected = late.follow(rows), model.follow(rows)
    # The very first row finds no learner: it begins when a row is learned.
    assert shown(followed[0][1:]) == shown(expected[0][1:])
    late.model.learner.finish()
    model.learner.finish()
    assert late.model.learner.block.tobytes() == model.learner.block.tobytes()
    assert late.counts == model.counts
    for score, found in zip(scores, (followed, expected), strict=True):
        score.extend(*found)
    found, wanted = (score.summary(model.counts) for score in scores)
    if task == "regression":
        assert "same_time_last_season" in wanted["baselines"]
    assert found == wanted


@pytest.mark.parametrize("options", [{}, {"cell": "gru", "num_layers": 2}, {"reset_on": "part"}])
def test_by_hand_it_is_a_learner_that_trails_and_a_state_that_leads(options: dict) -> None:
    """The plainest way: the leading state is put into a fresh copy of the learner at each row."""
    rows = [{**row, "x": row["x"] or 0.0, "part": (t + 30) // 40} for t, row in enumerate(_rows())]
    late, most = _delayed(5, features=["x"], **options), 5
    late.run(rows[:20])
    learner = copy.copy(late.model.learner)
    state = {
        name: learner.array(name) for name in learner.layout.fields if name[-2:] in (".h", ".s")
    }
    waiting: list = []
    for record in _late(rows[20:], _delays(130, 8, never=0.2)):
        [forecast], [reading] = late.follow([record])
        if reading.late:
            for one in waiting:
                if one[0] == record["id"]:
                    one[2] = record["y"]
        else:
            ahead = copy.copy(learner)
            for name, values in state.items():
                ahead.set_array(name, values)
            if reading.reset:
                ahead.reset()
            assert ahead.step(np.array(reading.inputs)).tolist() == [forecast]
            state = {name: ahead.array(name) for name in state}
            waiting.append([record["id"], reading, record["y"]])
        while waiting and (waiting[0][2] != "" or len(waiting) > most + 1):
            _take_first(waiting, learner)
    for one in (late.model.learner, learner):
        one.finish()
    assert late.model.learner.block.tobytes() == learner.block.tobytes()
    assert late.counts["pending"] == len(waiting) <= most + 1
    assert late.incidents["late_labels"] > 50
    assert late.incidents["too_late"] > 10


def _take_first(waiting: list, learner: Learner) -> None:
    _, reading, y = waiting.pop(0)
    if reading.reset:
        learner.reset()
    learner.step(np.array(reading.inputs), None if y == "" else float(y))


@pytest.mark.parametrize("task", sorted(LABELS))
@pytest.mark.parametrize("never", [0.1, 1.0])
def test_in_any_chunks_and_saved_on_the_way_the_same(task: str, never: float) -> None:
    rows = _rows(task, 700 if task == "regression" else 150, season=24)
    for t, row in enumerate(rows):
        row |= {"w": 1 + t % 2, "time": 3600 * t}
    records = _late(rows, _delays(len(rows), 12, never))
    records += [
        {"x": 1.0, "y": 1},
        {"id": "r0", "y": rows[0]["y"]},
        {"id": "new", "x": "oops", "w": 1},
    ]
    records[30:30] = [records[3], {"id": "r1", "y": ""}]
    count = len(records)
    options = {"time": "time", "weight": "w", "features": ["x", "colour"]}
    whole, parts, steps = (_delayed(8, **options) for _ in range(3))
    scores = [DelayedScore(), DelayedScore()]
    followed = whole.follow(records)
    scores[0].extend(*followed)
    found, stepped = [], []
    for start, end in pairwise([0, 1, 2, 9, 60, 61, 100, count]):
        part = parts.follow(records[start:end])
        found += shown(part[0])
        scores[1].extend(*part)
        parts = from_bytes(to_bytes(parts))
        scores[1] = DelayedScore.from_json(json.loads(json.dumps(scores[1].to_json())))
    for record in records:
        try:
            stepped.append(repr(steps.step(record)))
        except BadRow as bad:
            stepped.append(repr(bad))
    assert found == shown(followed[0]) == stepped
    assert to_bytes(parts) == to_bytes(whole) == to_bytes(steps)
    assert scores[0].to_json() == scores[1].to_json()
    assert scores[0].bad_rows == 2
    counts, incidents = whole.counts, whole.incidents
    assert counts["rows"] == len(rows) == sum(counts.values()) - counts["rows"]
    came = sum(incidents[name] for name in ("late_labels", "too_late", "repeated_ids"))
    assert counts["rows"] + scores[0].bad_rows + came == count
    at_once = {record["id"] for record in records[:-3] if "x" in record and record["y"] != ""}
    labels = len(at_once) + incidents["late_labels"]
    assert counts["learned"] <= labels <= counts["learned"] + counts["pending"]


def test_what_comes_late_is_not_known_before() -> None:
    """Whatever the labels that have not come yet, forecasts are the same."""
    rows = _rows(count=60)
    records = _late(rows, [4] * 60)
    known = [r["id"] for r in records[:70] if "x" not in r]
    other = [{**r, "y": -1e3} if "x" not in r and r["id"] not in known else r for r in records]
    said = [_delayed(4).run(some)[:70] for some in (records, other)]
    assert shown(said[0]) == shown(said[1])
    assert shown(_delayed(4).run(records)) != shown(_delayed(4).run(other))


def test_it_learns_as_well_as_if_they_came_at_once() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=4000)
    rows = [
        {"id": t, "x": float(x[t]), "y": float(3 * x[t] - 2 * x[t - 1])} for t in range(1, 4000)
    ]
    errors = []
    for delays in ([0] * 3999, [20] * 3999):
        late, score = _delayed(20, hidden_size=8), DelayedScore(score_from=3000)
        score.extend(*late.follow(_late(rows, delays)))
        errors.append(score.summary(late.counts)["metrics"]["nrmse"])
        assert late.counts["learned"] == 3999
    assert errors[0] < 0.1
    assert errors[1] < 1.5 * errors[0]


def test_the_last_value_is_the_last_one_known() -> None:
    rows = [{"id": t, "x": 0.0, "y": float(t)} for t in range(12)]
    late, score = _delayed(5), DelayedScore()
    score.extend(*late.follow(_late(rows, [3] * 12)))
    found = score.summary(late.counts)
    assert found["scored"] == 8  # of row 4, after the label of row 0 has come, to row 11
    assert found["baselines"]["last_value"]["mae"] == 4.0
    assert found["pending"] == 0


def test_a_label_may_be_as_late_as_was_said_and_no_later() -> None:
    for delay, learned in ((3, 1), (4, 0)):
        rows = [{"id": t, "x": 0.0, "y": 1.0} for t in range(10)]
        late = _delayed(3)
        late.run(_late(rows, [delay] + [-1] * 9))
        assert late.counts == {
            "rows": 10,
            "learned": learned,
            "unlabelled": 6 - learned,
            "pending": 4,
        }
        assert late.incidents["late_labels"] == learned
        assert late.incidents["too_late"] == 1 - learned


def test_memory_is_bounded() -> None:
    recall = Recall(100)
    for t in range(1000):
        recall.add(f"row {t}")
        if t > 10 and t % 2:
            recall.give_up(t - 10)
    assert recall.place_of("row 899") is None
    assert recall.place_of("row 900") == 900
    assert recall.is_first("row 0")
    assert len(recall._places) == 100
    assert recall._given_up == set(range(901, 990, 2)) - {989 + 2}
    other = Recall(100)
    other.restore(json.loads(json.dumps(recall.to_json())))
    assert vars(other) == vars(recall)
    late = _delayed(7)
    late.run([{"id": t, "x": 1.0, "y": ""} for t in range(500)])
    assert len(late._waiting) == 8


def test_a_learner_that_is_stepped_back_is_led_anew() -> None:
    rows = _rows(count=600)
    late = _delayed(8)
    late.run(_late(rows, _delays(600, 5)))
    hostile = [{"id": f"h{t}", "x": 1e300 * (-1) ** t, "y": 1e29 * (-1) ** t} for t in range(600)]
    calm = [{**row, "id": f"c{t}"} for t, row in enumerate(_rows(count=3000))]
    said = late.run(_late([*hostile, *calm], _delays(3600, 5)))
    assert late.interventions > 0
    assert late.model.learner.is_finite()
    numbers = [one for one in said if isinstance(one, float)]
    assert all(map(math.isfinite, numbers))
    assert max(map(abs, numbers[-500:])) < 1e3


def test_frozen_it_goes_on_from_the_leading_state() -> None:
    rows = _rows()
    late = _delayed()
    late.run(_late(rows, _delays(150, 8)))
    before = to_bytes(late)
    new = [{**row, "id": f"n{t}"} for t, row in enumerate(rows[:5])]
    frozen = late.frozen()
    said = frozen.run(new)
    assert shown(said) == shown(late.leading().run(new))
    assert to_bytes(late) == before
    copied, pickled = copy.deepcopy(late), pickle.loads(pickle.dumps(late))
    assert shown(copied.run(new)) == shown(pickled.run(new)) == shown(late.run(new))
    assert said[0] == pytest.approx(from_bytes(before).run(new)[0], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"horizon": 2}, "the horizon is 0"),
        ({"key": "k"}, "no key"),
        ({"also": ["z"]}, "one target"),
        ({"interval": 0.9}, "no interval"),
        ({"gaps": "fill", "time": "t"}, "gaps cannot be filled"),
        ({"max_delay": 0}, "max_delay must be"),
        ({"features": ["id"]}, "is the id"),
        ({"start": Learner(2, 4)}, "begins afresh"),
        ({"members": 2}, "one network"),
        ({"learning_rate": "auto"}, "one network"),
    ],
)
def test_what_cannot_be_is_refused(options: dict, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Delayed("y", id="id", **options)


RECORD = st.fixed_dictionaries(
    {
        "id": st.sampled_from([*"abcdefgh", "", None, 7, "7"]),
        "x": st.sampled_from(["0.5", "-3", "", "8", "1e308", "bad"]),
        "y": st.sampled_from(["1.5", "-2", "", "", "NA", "1e29", "oops"]),
    }
)


@settings(max_examples=15)
@given(st.lists(RECORD, max_size=25), st.integers(1, 4), st.integers(3, 9))
def test_whatever_comes_every_record_is_accounted_for(
    records: list[dict], most: int, chunk: int
) -> None:
    first = {"id": "first", "x": "1", "y": "2"}
    stream, parts, score = [first, *records], _delayed(most), DelayedScore()
    whole = _delayed(most)
    said = whole.follow(stream)
    score.extend(*said)
    for start in range(0, len(stream), chunk):
        parts.run(stream[start : start + chunk])
        parts = from_bytes(to_bytes(parts))
    assert to_bytes(parts) == to_bytes(whole)
    counts, incidents = whole.counts, whole.incidents
    came = sum(incidents[name] for name in ("late_labels", "too_late", "repeated_ids"))
    assert score.bad_rows == sum(isinstance(one, BadRow) for one in said[0])
    assert counts["rows"] + came + score.bad_rows == len(stream)
    assert counts["pending"] <= most + 1
    assert whole.model.learner is None or whole.model.learner.is_finite()


def test_a_leading_state_of_another_size_is_refused() -> None:
    leading = Leading(Learner(2, 4))
    with pytest.raises(ValueError, match="another size"):
        leading.restore([[1.0], [0.0] * 16])
