"""Targets of seasons ago as inputs for several targets, against those looked up in the stream."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtrl_lstm.models.model import Model
from rtrl_lstm.score.several import SeveralScore
from rtrl_lstm.table.schema import Schema
from rtrl_lstm.table.season import LOOK_AT, Seasons

DAY = 4
ROW = st.tuples(st.none() | st.floats(-9, 9), st.none() | st.floats(-9, 9))


def rows_of(pairs):
    return [{"t": 1e9 + 86400 / DAY * t, "a": a, "b": b} for t, (a, b) in enumerate(pairs)]


def known_at(column, last, place):
    """The value at a place, or where it is missing the last one known at row `last`."""
    if column[place] is not None:
        return column[place]
    return next(one for one in reversed(column[: last + 1]) if one is not None)


@pytest.mark.parametrize("horizon", [0, 1, 3])
@given(st.lists(ROW, min_size=30, max_size=40), st.integers(0, 40))
def test_each_target_has_its_own_day_ago(horizon, pairs, cut):
    pairs = [(1.0, 2.0), *pairs]
    schema = Schema("a", also=["b"], time="t", horizon=horizon)
    for t, row in enumerate(rows_of(pairs)):
        if t == cut:
            schema = Schema.from_json(json.loads(json.dumps(schema.to_json())))
        reading, names = schema.read(row), schema.input_names
        last = t if horizon else t - 1
        for k, target in enumerate("ab" if t > 25 else ""):
            column = [pair[k] for pair in pairs]
            for name, lag in (("last day", DAY), ("day before last", 2 * DAY)):
                then = known_at(column, last, last + max(horizon, 1) - lag)
                change = then + known_at(column, last, last) - known_at(column, last, last - lag)
                place, behind = (names.index(f"{target} ({name}{end})") for end in ("", ": change"))
                assert reading.inputs[place] == then
                assert reading.inputs[behind] == pytest.approx(change, abs=1e-9)
    for target, places in zip("ab", schema.combined_inputs, strict=True):
        assert names[places[0]] == (target if horizon else f"{target}[t-1]")
        assert all(names[place].startswith(f"{target} (") for place in places[1:])


@pytest.mark.parametrize("period", [None, 0.0, 5.0])
def test_what_is_kept_of_others_is_as_much_as_of_the_first(period):
    """Through a change of the ring's size by the clock (a day of 240 rows), and one by a look."""
    first, other = Seasons(1), Seasons(1)
    for t in range(LOOK_AT[-1] + 700):
        seconds = None if period is None else 360.0 * t if period else 1e9 * (t % 2)
        first.push(float(t % 24), seconds)
        other.keep(float(-t), first)
        if t % 97 == 0 or LOOK_AT[-1] - 3 < t < LOOK_AT[-1] + 3:
            for ago in (0, 1, 24, 48, 239, 1000, LOOK_AT[-1] - 1):
                assert (first.ago(ago) is None) == (other.ago(ago) is None)
                assert other.ago(ago) in (None, float(ago - t))


@pytest.mark.parametrize("clock", [True, False])
def test_each_is_as_good_as_its_season_or_last_value(clock):
    rng, times = np.random.default_rng(0), 3000
    daily = 50 + 20 * np.sin(2 * np.pi * np.arange(times) / 24) + 3 * rng.normal(size=times)
    walk = np.cumsum(rng.normal(size=times))
    options = {"time": "t"} if clock else {}
    model = Model("a", also=["b"], horizon=5, **options)
    score = SeveralScore(5, 1500, ["a", "b"])
    pairs = enumerate(zip(daily.tolist(), walk.tolist(), strict=True))
    score.extend(*model.follow({"a": a, "b": b, "t": 3600 * t} for t, (a, b) in pairs))
    found = score.summary(model.counts)["targets"]
    seasonal = 3 * np.sqrt(2) * np.sqrt(2 / np.pi)  # two values with noise of their own
    assert found["a"]["metrics"]["mae"] < 0.9 * seasonal
    assert found["b"]["metrics"]["mae"] < 1.05 * found["b"]["baselines"]["last_value"]["mae"]
