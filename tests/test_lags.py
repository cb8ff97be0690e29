"""Targets of a day, week or season ago as inputs, against values looked up in the whole stream."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.table.schema import Schema
from rtrl_lstm.table.season import LOOK_AT, Seasons

QUARTER = 21600.0  # seconds: 4 rows a day, 28 a week
KNOWN_AT = 15  # the row, from 0, whose time stamp is the 15th difference


def lags_of(schema):
    """Names of the inputs that are lagged targets, in order of appearance."""
    names = [schema.input_names[slot] for slot in schema.combined_inputs[1:]]
    return [name for name in names if "change" not in name]


def value(schema, reading, name):
    slot = schema.input_names.index(name)
    return reading.inputs[slot] if slot < len(reading.inputs) else None


def clocked(targets):
    return [{"t": 1e9 + QUARTER * t, "y": y} for t, y in enumerate(targets)]


def looked_up(targets, horizon, lag):
    """For each row: y[t + H - lag], the last one that was known instead of a missing one."""
    found, last = [], None
    for t in range(len(targets)):
        old = t + horizon - lag
        if t >= KNOWN_AT + (horizon == 0) and old >= 0 and targets[old] is not None:
            last = targets[old]
        found.append(last)
    return found


def changes(targets, horizon, lag):
    """For each row: the last target, and what it changed by a season ago, as it was last known."""
    found, last = [], None
    for t in range(len(targets)):
        a = t if horizon else t - 1
        places = (a, a + max(horizon, 1) - lag, a - lag)
        if t >= KNOWN_AT + (horizon == 0) and a >= lag:
            one, two, three = (targets[place] for place in places)
            if None not in (one, two, three):
                last = one + two - three
        found.append(last)
    return found


TARGETS = st.lists(st.none() | st.floats(-9, 9), min_size=50, max_size=80)


@given(TARGETS, st.integers(0, 30))
def test_lags_of_a_day_and_a_week_are_what_can_be_looked_up(targets, horizon):
    schema = Schema("y", time="t", horizon=horizon)
    targets[0] = 1.0
    readings = [schema.read(row) for row in clocked(targets)]
    for name, season, lag in (
        ("y (last day)", 4, 4),
        ("y (day before last)", 4, 8),
        ("y (last week)", 28, 28),
    ):
        expected = looked_up(targets, horizon, lag) if season > horizon else [None]
        if expected[-1] is None:
            assert name not in schema.input_names
        else:
            assert [value(schema, reading, name) for reading in readings] == expected
            expected = changes(targets, horizon, lag)
            name = name.replace(")", ": change)")
            if expected[-1] is None:
                assert name not in schema.input_names
            else:
                assert [value(schema, reading, name) for reading in readings] == expected


@given(TARGETS, st.integers(0, 3), st.integers(1, 49))
def test_inputs_know_no_later_target(targets, horizon, t):
    one, other = Schema("y", time="t", horizon=horizon), Schema("y", time="t", horizon=horizon)
    changed = targets[: t + (horizon > 0)]
    changed += [77.0] * (len(targets) - len(changed))
    for old, new in list(zip(clocked(targets), clocked(changed), strict=True))[: t + 1]:
        assert one.read(old).inputs == other.read(new).inputs
    assert one.input_names == other.input_names


def weekly(count, noise=0.1):
    """48 rows a day, and a level of its own for each day of the week."""
    rng = np.random.default_rng(0)
    day, week = 2 * rng.normal(size=48), rng.normal(size=7)
    t = np.arange(count)
    return (day[t % 48] + week[t // 48 % 7] + noise * rng.normal(size=count)).tolist()


def rows_of(name):
    return int(name.removesuffix(" rows)").split()[-1])


@pytest.mark.parametrize("carried", [0.0, 0.7, 0.9, 1.0])
def test_noise_has_no_season_however_slowly_it_moves(carried):
    found = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        y, seasons = 0.0, Seasons(1)
        for noise in rng.normal(size=LOOK_AT[8]).tolist():
            y = carried * y + noise
            seasons.push(y, None)
        found += bool(seasons.lags)
    assert found <= 1


@pytest.mark.parametrize("horizon", [0, 1, 5])
def test_each_season_found_in_the_targets_gets_an_input_and_keeps_it(horizon):
    looks = 96, 1024  # the first that see the day come round twice, and the week three times
    targets = weekly(looks[-1] + 100)
    schema = Schema("y", horizon=horizon)
    readings = [schema.read({"y": y}) for y in targets]
    names = lags_of(schema)
    lags = [rows_of(name) for name in names]
    assert lags == [48, 96, 336, 672]
    places = [schema.input_names.index(name) for name in names]
    inner = [schema.input_names.index(f"{name[:-1]}: change)") for name in names[1::2]]
    assert sorted(schema.inner_inputs) == sorted([*places[1::2], *inner])
    for name, lag, look in zip(names, lags, np.repeat(looks, 2), strict=True):
        first = look - (horizon > 0)  # the row that brought the look's last target, or the next
        for t, reading in enumerate(readings):
            expected = targets[t + horizon - lag] if t >= first else None
            assert value(schema, reading, name) == expected


def test_a_season_within_a_long_day_is_found_beside_it():
    """As of a machine that is measured every half minute, with 40 rows to a turn."""
    noise = np.random.default_rng(0).normal(size=LOOK_AT[-1] + 10)
    targets = np.sin(2 * np.pi * np.arange(len(noise)) / 40) + 0.1 * noise
    seasons = Seasons(1)
    for t, target in enumerate(targets.tolist()):
        if t in (10, 500, LOOK_AT[-1]):
            saved, seasons = json.loads(json.dumps(seasons.to_json())), Seasons(1)
            seasons.restore(saved)
        seasons.push(target, 1e9 + 30 * t)
    lags = {"last_day": 2880, "last_week": 20160, "last_season": 40}
    assert {name: found.lag for name, found in seasons.found.items()} == {
        f"same_time_{name}": lag for name, lag in lags.items()
    }
    assert set(seasons.lags) >= {40, 80, 2880, 5760, 20160, 40320}
    assert seasons.ago(5760) == targets[-5761]


@pytest.mark.parametrize(("day", "horizon", "found"), [(600, 1, "day week"), (48, 48, "week")])
def test_a_day_is_not_found_twice(day, horizon, found):
    """A smooth one of many rows shows in the targets, too; one of few is not looked for there."""
    targets = [math.sin(2 * math.pi * t / day) for t in range(LOOK_AT[-1])]
    seasons = Seasons(horizon)
    for t, target in enumerate(targets):
        seasons.push(target, 1e9 + 86400 / day * t)
    assert list(seasons.found) == [f"same_time_last_{name}" for name in found.split()]
    assert seasons.ago(599) == targets[-600]


@pytest.mark.parametrize("horizon", [0, 3])
def test_a_score_and_a_schema_mean_the_same_season(horizon):
    """A learner that says what its lag says does as well as the baseline, to the last bit."""
    schema, score = Schema("y", horizon=horizon), Prequential(horizon)
    for y in weekly(400):
        reading = schema.read({"y": y})
        combined = [reading.inputs[k] for k in schema.combined_inputs]
        score.extend(combined[1:2] or combined or [None], [reading])
    found = score.summary({"rows": 0, "learned": 0, "unlabelled": 0, "pending": 0})
    season = found["baselines"]["same_time_last_season"]
    assert season.pop("lag") == rows_of(lags_of(schema)[0])
    assert found["metrics"] == season != found["baselines"]["last_value"]


@pytest.mark.parametrize("horizon", [0, 2])
def test_what_is_saved_at_any_time_goes_on_the_same(horizon):
    """Across the looks for seasons, and the row at which old targets are forgotten."""
    targets = weekly(LOOK_AT[-1] + 50)
    targets[60:70] = [None] * 10
    stops = {0, 1, 40, 300, LOOK_AT[0] - 1, LOOK_AT[0], LOOK_AT[0] + 1, *LOOK_AT[1:]}
    schema = other = Schema("y", horizon=horizon)
    for t, y in enumerate(targets):
        if t in stops:
            other = Schema.from_json(json.loads(json.dumps(schema.to_json())))
        expected = schema.read({"y": y})
        if other is not schema:
            assert repr(other.read({"y": y})) == repr(expected)
    assert other.to_json() == schema.to_json()
    longest = max(rows_of(name) for name in lags_of(schema))
    assert len(json.dumps(schema.to_json())) < 2000 + 25 * longest


@pytest.mark.parametrize("horizon", [0, 2])
def test_a_frozen_schema_goes_on_with_its_lags_and_takes_no_new_one(horizon):
    targets = np.random.default_rng(0).normal(size=80).tolist()
    rows = clocked(targets)
    live = Schema("y", time="t", horizon=horizon)
    for row in rows[:20]:
        live.read(row)
    assert lags_of(live) == ["y (last day)", "y (day before last)"]
    frozen = Schema.from_json(json.loads(json.dumps(live.frozen().to_json())))
    for t in range(20, 80):
        expected, found = live.read(rows[t]), frozen.read(rows[t])
        assert len(found.inputs) == frozen.input_size
        assert found.inputs == expected.inputs[: frozen.input_size]
        assert value(frozen, found, "y (last day)") == targets[t + horizon - 4]
    assert lags_of(frozen) == ["y (last day)", "y (day before last)"]
    weeks = ["y (last week)", "y (week before last)"]
    assert lags_of(live) == ["y (last day)", "y (day before last)", *weeks]


def test_where_a_season_ago_is_missing_the_input_is_as_it_was():
    schema = Schema("y", time="t", horizon=1)
    targets = [float(t) for t in range(30)]
    targets[20:23] = [None] * 3
    readings = [schema.read(row) for row in clocked(targets)]
    found = [value(schema, reading, "y (last day)") for reading in readings[20:28]]
    assert found == [17.0, 18.0, 19.0, 19.0, 19.0, 19.0, 23.0, 24.0]
    assert "y (last day) is missing" not in schema.input_names


def test_forecasts_among_the_inputs_are_numbers_and_scaled():
    schema = Schema("y", time="t", features=["a"], horizon=1)
    assert schema.combined_inputs == ()
    for t in range(40):
        schema.read({"t": QUARTER * t, "a": None if t < 20 else "3", "y": math.sin(t)})
    names = [schema.input_names[k] for k in schema.combined_inputs]
    seasons = "last day", "day before last", "last week"
    assert names == ["y", *(f"y ({name}{part})" for name in seasons for part in ("", ": change"))]
    assert all(schema.scaled_inputs[k] for k in schema.combined_inputs)
    assert list(schema.combined_inputs) == sorted(schema.combined_inputs)


@pytest.mark.parametrize("labels", ["ab", ["yes", "no"]])
def test_labels_have_no_lags(labels):
    schema = Schema("y", time="t", horizon=1)
    for t in range(60):
        schema.read({"t": QUARTER * t, "y": labels[t % 4 // 2]})
    assert schema.combined_inputs == ()
    assert schema.to_json()["lags"] is None
    assert not any("last" in name for name in schema.input_names)
