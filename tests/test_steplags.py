"""Targets of seasons ago as inputs for every step, against values looked up in the whole stream."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtrl_lstm.models.model import Model
from rtrl_lstm.score.steps import StepsScore
from rtrl_lstm.table.schema import Schema
from rtrl_lstm.table.steplags import MOST_COMBINED

QUARTER = 21600.0  # seconds: 4 rows a day, 28 a week
DAY = 4


def clocked(targets):
    return [{"t": 1e9 + QUARTER * t, "y": y} for t, y in enumerate(targets)]


def last_known(targets):
    return next((one for one in reversed(targets) if one is not None), None)


def looked_up(targets, t, step, before):
    """What row t says of row t + step by the day, or the day before last: value and change."""
    ago, last = DAY * (-(-step // DAY) + before), last_known(targets[: t + 1])
    begins = t + 1 - DAY * (1 + before)  # of the season that the target is in
    then = last_known(targets[begins : t + step - ago + 1])
    then = last if then is None else then
    old = targets[t - ago]
    return then, last + then - (last if old is None else old)


TARGETS = st.lists(st.none() | st.floats(-9, 9), min_size=45, max_size=60)


@given(TARGETS, st.integers(2, 11), st.integers(0, 59))
def test_each_step_has_the_day_before_it(targets, steps, cut):
    targets = [1.0, *targets]
    schema = Schema("y", time="t", horizon=steps, every_step=True)
    for t, row in enumerate(clocked(targets)):
        if t == cut:
            schema = Schema.from_json(json.loads(json.dumps(schema.to_json())))
        reading, names = schema.read(row), schema.input_names
        for name, before in (("last day", 0), ("day before last", 1)):
            for step in range(1, steps + 1):
                then, change = looked_up(targets, t, step, before) if t > 20 + steps else (0, 0)
                for what, expected in ((name, then), (f"{name}: change", change)):
                    place = names.index(f"y ({what}), {step} ahead") if t > 20 + steps else 0
                    if place and place < len(reading.inputs):
                        assert reading.inputs[place] == pytest.approx(expected, abs=1e-9)
    assert len(schema.combined_inputs) == steps
    for step, places in enumerate(schema.combined_inputs, 1):
        assert names[places[0]] == "y"
        assert all(names[place].endswith(f", {step} ahead") for place in places[1:])
        assert sum("day" in names[place] for place in places) == 4  # the others are of the week
    inner = [place for place in schema.inner_inputs if "day before last" in names[place]]
    assert len(inner) == 2 * steps
    assert set(schema.unseen_inputs) == {p for places in schema.combined_inputs for p in places[1:]}


def test_a_stretch_is_the_last_targets_wherever_the_ring_has_got_to():
    schema = Schema("y", time="t", horizon=6, every_step=True)
    seasons = schema._lags.seasons
    for t, row in enumerate(clocked(range(300))):
        schema.read(row)
        if t > 20:
            for back, count in ((0, 4), (4, 4), (0, min(t, 2 * 28 + 6))):
                expected = list(range(t - back - count + 1, t - back + 1))
                assert seasons.stretch(back, count) == expected


@pytest.mark.parametrize("clock", [True, False])
def test_every_step_is_as_good_as_its_season(clock):
    """A day with noise: as what came a day ago has noise of its own, less is possible than that."""
    rng, times, steps = np.random.default_rng(0), 3000, 30
    y = 50 + 20 * np.sin(2 * np.pi * np.arange(times) / 24) + 3 * rng.normal(size=times)
    model = Model("y", horizon=steps, every_step=True, **({"time": "t"} if clock else {}))
    score = StepsScore(steps, 1500)
    score.extend(*model.follow({"y": float(v), "t": 3600 * t} for t, v in enumerate(y)))
    for one in score.summary(model.counts)["steps"].values():
        seasonal = 3 * np.sqrt(2) * np.sqrt(2 / np.pi)  # two values with noise of their own
        assert one["metrics"]["mae"] < 0.9 * seasonal


def test_a_walk_has_no_better_forecast_than_its_last_value():
    y = np.cumsum(np.random.default_rng(1).normal(size=3000))
    model, score = Model("y", horizon=8, every_step=True), StepsScore(8, 500)
    score.extend(*model.follow({"y": float(v)} for v in y))
    for one in score.summary(model.counts)["steps"].values():
        assert one["metrics"]["mae"] < 1.03 * one["baselines"]["last_value"]["mae"]


def test_of_many_steps_the_network_is_alone():
    schema = Schema("y", horizon=MOST_COMBINED + 1, every_step=True)
    for t in range(200):
        schema.read({"y": float(t % 7)})
    assert schema.combined_inputs == schema.unseen_inputs == schema.inner_inputs == ()
