"""A Model's forecasts of numbers: never much worse than the simplest ones, and grown exactly."""

import copy
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtrl_lstm.models.model import Model
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.table.season import LOOK_AT

QUARTER = 21600.0  # seconds: 4 rows a day, 28 a week
COUNT = 60  # rows: the day comes up in row 16 or 17, the week in row 29 at the latest


def rows_from(seed, gaps=0.2):
    rng = np.random.default_rng(seed)
    targets = 1000 + np.cumsum(rng.normal(size=COUNT))
    missing = rng.random(COUNT) < gaps
    return [
        {"t": 1e9 + QUARTER * t, "y": None if missing[t] else targets[t], "a": t % 3}
        for t in range(COUNT)
    ]


def insides(model):
    learner = copy.copy(model.learner)
    learner.finish()
    return json.dumps(model.to_json(), sort_keys=True), learner.spec, learner.block.tobytes()


def new_model(horizon):
    return Model("y", time="t", horizon=horizon, hidden_size=4)


@pytest.mark.parametrize("horizon", [0, 1, 3])
@given(st.integers(0, 9), st.lists(st.integers(0, COUNT), max_size=5))
@settings(max_examples=15)
def test_growth_by_lags_is_the_same_in_any_chunks_and_after_any_stop(horizon, seed, cuts):
    rows = rows_from(seed)
    whole, parts, steps = (new_model(horizon) for _ in range(3))
    expected = whole.run(rows)
    found = []
    for start, end in pairwise([0, *sorted(cuts), COUNT]):
        found += parts.run(rows[start:end])
        saved = json.loads(json.dumps(parts.to_json()))
        parts = Model.from_json(saved, copy.copy(parts.learner))
    assert found == expected
    assert [steps.step(row) for row in rows] == expected
    assert insides(parts) == insides(steps) == insides(whole)
    names = [whole.schema.input_names[k] for k in whole.spec.combine_with]
    last = "y" if horizon else "y[t-1]"
    assert names[0] == last  # then the lags, in the order in which one was first known
    assert {name for name in names if "change" not in name} == {
        last,
        "y (last day)",
        "y (day before last)",
        "y (last week)",
        "y (week before last)",
    }
    assert "y (last day: change)" in names


@pytest.mark.parametrize("horizon", [0, 1, 3])
@pytest.mark.parametrize("t", [10, 15, 16, 17, 28, 29, 40])
def test_a_forecast_knows_no_later_target(horizon, t):
    rows = rows_from(0)
    changed = copy.deepcopy(rows)
    for k in range(t + (horizon > 0), COUNT):
        changed[k]["y"] = 2000.0 + k
    assert new_model(horizon).run(rows)[: t + 1] == new_model(horizon).run(changed)[: t + 1]


def test_the_frozen_network_combines_with_the_stream_as_it_goes_on():
    rows = rows_from(0, gaps=0.0)
    model = new_model(1)
    model.run(rows[:40])
    frozen, changed = model.frozen(), copy.deepcopy(rows)
    changed[44]["y"] += 500.0
    one, other = frozen.run(rows[40:]), model.frozen().run(changed[40:])
    assert one[:4] == other[:4]
    assert one[4] != other[4]  # the last value
    weight = model.learner.combination()["inputs"][0, model.spec.combine_with[1]]
    assert weight != 0.0
    assert one[7] != other[7]  # the last day, of row 48


def test_a_schema_and_a_learner_that_combine_different_inputs_do_not_fit():
    model, other = new_model(1), new_model(1)
    model.run(rows_from(0))
    other.run(rows_from(0)[:5])
    with pytest.raises(ValueError, match="do not fit"):
        Model.from_json(model.to_json(), other.learner)


def ratio(targets, horizon, time, score_from, baseline):
    """RMSE of a Model with its defaults over that of a baseline."""
    rows = [{"y": y, **({"t": 3600.0 * t} if time else {})} for t, y in enumerate(targets)]
    model = Model("y", time="t" if time else None, horizon=horizon)
    score = Prequential(horizon, score_from)
    score.extend(*model.follow(rows))
    found = score.summary(model.counts)
    return found["metrics"]["rmse"] / found["baselines"][baseline]["rmse"]


@pytest.mark.parametrize("level", [0.0, 1e4])
@pytest.mark.parametrize("seed", range(3))
def test_where_there_is_nothing_to_learn_it_is_as_good_as_the_last_value(seed, level):
    walk = level + np.cumsum(np.random.default_rng(seed).normal(size=3000))
    assert ratio(walk.tolist(), 1, False, 1, "last_value") < 1.03


@pytest.mark.parametrize("level", [0.0, 1e4])
@pytest.mark.parametrize("time", [True, False])
@pytest.mark.parametrize("horizon", [0, 1, 5])
def test_where_a_season_repeats_it_is_as_good_as_the_season(horizon, time, level):
    rng = np.random.default_rng(0)
    targets = level + np.tile(rng.normal(size=24), 80) + 0.1 * rng.normal(size=24 * 80)
    score_from = 1 if time else LOOK_AT[0] + 200
    baseline = "same_time_last_day" if time else "same_time_last_season"
    assert ratio(targets.tolist(), horizon, time, score_from, baseline) < 1.05
