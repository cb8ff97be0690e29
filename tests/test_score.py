"""Prequential scores against sums written down after the fact, in plain NumPy."""

import json
import math
from itertools import pairwise
from statistics import pstdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.tallies import LEAST_PROBABILITY
from rtrl_lstm.table.schema import BadRow, Reading
from rtrl_lstm.table.season import LOOK_AT, Seasons, strongest_lag
from rtrl_lstm.table.values import OTHER

COUNTS = {"rows": 0, "learned": 0, "unlabelled": 0, "pending": 0}


def reading(truth, reset=False, seconds=None):
    return Reading([], math.nan, truth, reset, seconds, ())


def scored(score, forecasts, readings):
    score.extend(forecasts, readings)
    return score.summary(COUNTS)


def through_json(score):
    return Prequential.from_json(json.loads(json.dumps(score.to_json())))


ROWS = st.lists(
    st.none()  # a bad row
    | st.tuples(
        st.none() | st.floats(-100, 100),  # forecast
        st.none() | st.floats(-100, 100),  # truth
        st.integers(0, 5).map(lambda k: k == 0),  # reset
    ),
    max_size=40,
)


def naive(rows, horizon, score_from):
    """Pairs (forecast, truth, last value known at the origin) that are scored, in order."""
    good = [(number, *row) for number, row in enumerate(rows, 1) if row is not None]
    pairs = []
    for t in range(len(good) - horizon):
        number, forecast, _, _ = good[t]
        truth = good[t + horizon][2]
        known = [row[2] for row in good[: t + (horizon > 0)] if row[2] is not None]
        straddles = any(row[3] for row in good[t + 1 : t + horizon + 1])
        if None not in (forecast, truth) and known and not straddles and number >= score_from:
            pairs.append((forecast, truth, known[-1]))
    return pairs


@given(ROWS, st.integers(0, 4), st.integers(1, 8))
def test_numbers_are_scored_as_if_summed_up_afterwards(rows, horizon, score_from):
    forecasts = [BadRow("a", "bad") if row is None else row[0] for row in rows]
    readings = [None if row is None else reading(*row[1:]) for row in rows]
    found = scored(Prequential(horizon, score_from), forecasts, readings)
    pairs = naive(rows, horizon, score_from)
    assert found["bad_rows"] == sum(row is None for row in rows)
    assert found["scored"] == len(pairs)
    if not pairs:
        assert found["metrics"] == found["baselines"] == {}
        return
    truths = [row[1] for row in rows if row is not None and row[1] is not None]
    for name, column in ((None, 0), ("last_value", 2)):
        metrics = found["metrics"] if name is None else found["baselines"][name]
        errors = np.array([pair[column] - pair[1] for pair in pairs])
        size = sum(abs(pair[1]) for pair in pairs)
        rmse = math.sqrt(np.mean(errors**2))
        assert metrics["mae"] == pytest.approx(np.mean(np.abs(errors)))
        assert metrics["rmse"] == pytest.approx(rmse)
        if pstdev(truths) > 1e-6:
            assert metrics["nrmse"] == pytest.approx(rmse / pstdev(truths))
        if size > 0:
            assert metrics["mape"] == pytest.approx(np.sum(np.abs(errors)) / size)


@given(ROWS, st.integers(0, 4), st.lists(st.integers(0, 40)))
def test_chunks_and_restarts_change_no_bit(rows, horizon, cuts):
    forecasts = [None if row is None else row[0] for row in rows]
    readings = [None if row is None else reading(*row[1:]) for row in rows]
    whole, parts = Prequential(horizon), Prequential(horizon)
    whole.extend(forecasts, readings)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in pairwise(edges):
        parts.extend(forecasts[start:end], readings[start:end])
        parts = through_json(parts)
    assert parts.summary(COUNTS) == whole.summary(COUNTS)
    assert parts.to_json() == whole.to_json()


def test_a_target_that_never_varies_has_no_nrmse():
    found = scored(Prequential(0), [1.0, 1.0], [reading(0.0), reading(0.0)])
    assert found["metrics"] == {"mae": 1.0, "rmse": 1.0, "nrmse": None, "mape": None}


def test_forecasts_that_are_not_finite_leave_no_figure_but_valid_json():
    found = scored(Prequential(0), [1.0, math.nan], [reading(0.0), reading(1.0)])
    assert found["metrics"] == {"mae": None, "rmse": None, "nrmse": None, "mape": None}
    assert found["baselines"]["last_value"]["mae"] == 1.0
    json.dumps(found, allow_nan=False)


def test_the_latest_pair_and_the_loss_so_far_are_at_hand():
    score = Prequential(1)
    assert (score.loss, score.latest) == (0.0, None)
    score.extend([5.0, 6.0, 7.0], [reading(1.0), reading(2.0), reading(3.0)])
    assert (score.loss, score.latest) == (3.0 + 3.0, (6.0, 3.0))


LABELS = st.lists(st.none() | st.sampled_from("abc"), min_size=1, max_size=30)


@given(LABELS, st.integers(0, 3))
def test_labels_are_scored_as_if_counted_afterwards(truths, horizon):
    forecast = {"a": 0.5, "b": 0.3, OTHER: 0.2}
    score = Prequential(horizon)
    found = scored(score, [forecast] * len(truths), [reading(truth) for truth in truths])
    hits = {"learner": 0, "last_value": 0}
    losses = {"learner": 0.0, "class_frequency": 0.0}
    pairs = 0
    for t, truth in enumerate(truths[horizon:]):
        known = [label for label in truths[: t + (horizon > 0)] if label is not None]
        if truth is None or not known:
            continue
        pairs += 1
        hits["learner"] += truth == "a"
        hits["last_value"] += truth == known[-1]
        losses["learner"] -= math.log(forecast.get(truth, 0.2))
        losses["class_frequency"] -= math.log(
            max(known.count(truth) / len(known), LEAST_PROBABILITY)
        )
    assert found["scored"] == pairs
    if pairs:
        assert found["metrics"]["accuracy"] == hits["learner"] / pairs
        assert found["metrics"]["log_loss"] == pytest.approx(losses["learner"] / pairs)
        baselines = found["baselines"]
        assert baselines["last_value"] == {"accuracy": hits["last_value"] / pairs}
        loss = losses["class_frequency"] / pairs
        assert baselines["class_frequency"]["log_loss"] == pytest.approx(loss)


def test_the_most_frequent_class_is_what_class_frequency_says():
    truths = ["a", "b", "b", "a", "b"]  # it says a, a (a tie: it was first), b, b
    found = scored(Prequential(0), [{"a": 1.0}] * 5, [reading(truth) for truth in truths])
    assert found["baselines"]["class_frequency"]["accuracy"] == 1 / 4


HALF_HOUR = 1800.0


@pytest.mark.parametrize("horizon", [0, 1, 5])
def test_days_and_weeks_follow_from_a_regular_clock(horizon):
    rng = np.random.default_rng(0)
    truths = rng.normal(size=900).tolist()
    readings = [reading(y, seconds=1e9 + HALF_HOUR * t) for t, y in enumerate(truths)]
    found = scored(Prequential(horizon), [0.0] * 900, readings)["baselines"]
    assert {name: metrics.get("lag") for name, metrics in found.items()} == {
        "last_value": None,
        "same_time_last_day": 48,
        "same_time_last_week": 336,
    }
    first = 16 if horizon == 0 else 15  # the first row that knows the interval
    for name, lag in (("same_time_last_day", 48), ("same_time_last_week", 336)):
        errors = []
        for t in range(1 if horizon == 0 else 0, 900 - horizon):
            last = truths[t - (horizon == 0)]
            old = t + horizon - lag
            said = truths[old] if old >= 0 and t >= first else last
            errors.append(abs(said - truths[t + horizon]))
        assert found[name]["mae"] == pytest.approx(np.mean(errors))


@pytest.mark.parametrize("labels", [False, True])
def test_a_season_that_no_row_was_behind_another_yet_is_no_baseline(labels):
    truths = [float(t % 7) for t in range(60)]  # of hours: two days and a half
    rows = [reading(str(y) if labels else y, seconds=3600.0 * t) for t, y in enumerate(truths)]
    said = [{"0.0": 1.0} if labels else 0.0] * len(rows)
    baselines = scored(Prequential(horizon=1), said, rows)["baselines"]
    assert baselines["same_time_last_day"]["lag"] == 24
    assert "same_time_last_week" not in baselines


@pytest.mark.parametrize(
    ("interval", "horizon", "lags"),
    [
        (86400.0, 0, {"same_time_last_week": 7}),  # a day is one row: the last value
        (86400.0, 7, {}),  # a week is no longer than the horizon
        (50000.0, 0, {}),  # divides neither
        (900.0, 100, {"same_time_last_week": 672}),
    ],
)
def test_a_season_is_whole_and_longer_than_the_horizon(interval, horizon, lags):
    seasons = Seasons(horizon)
    for t in range(100):
        seasons.push(float(t), t * interval)
    assert {name: season.lag for name, season in seasons.found.items()} == lags


WEEKDAYS = [day for day in range(400) if day % 7 < 5]


@pytest.mark.parametrize(
    ("days", "lags"),
    [
        (WEEKDAYS, {"same_time_last_week": 5}),
        (WEEKDAYS[3:], {"same_time_last_week": 5}),
        ([day for day in WEEKDAYS if day not in (7, 30)], {"same_time_last_week": 5}),
        ([day for day in range(100) if day % 7 < 6], {"same_time_last_week": 6}),
        ([day for day in range(100) if day != 8], {"same_time_last_week": 7}),
        ([day for day in range(100) if day not in (3, 12)], {"same_time_last_week": 7}),
        ([day + hour / 24 for day in range(30) for hour in range(9, 18)],
         {"same_time_last_day": 9}),
        ([day + hour / 24 for day in WEEKDAYS for hour in range(8, 18)],
         {"same_time_last_day": 10}),
        ([hour / 24 for hour in range(100) if hour != 7],
         {"same_time_last_day": 24, "same_time_last_week": 168}),
    ],
)  # fmt: skip
def test_where_days_or_nights_are_left_out_a_period_has_fewer_rows(days, lags):
    seasons = Seasons(0)
    for t, day in enumerate(days[:31]):
        seasons.push(float(t), 1e9 + day * 86400.0)
    assert {name: season.lag for name, season in seasons.found.items()} == lags


def periodic(count, period, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=period)
    return (np.tile(shape, count // period + 1)[:count] + noise * rng.normal(size=count)).tolist()


def test_without_a_clock_a_season_is_found_in_the_targets():
    truths = periodic(3000, 60)
    score = Prequential(1)
    baselines = scored(score, [0.0] * 3000, [reading(y) for y in truths])["baselines"]
    season = baselines["same_time_last_season"]
    assert season["lag"] % 60 == 0
    assert season["mae"] < 0.6 * baselines["last_value"]["mae"]


def test_an_irregular_clock_counts_as_none():
    rng = np.random.default_rng(0)
    seconds = np.cumsum(rng.exponential(1000.0, size=600))
    seasons = Seasons(0)
    for y, now in zip(periodic(600, 50), seconds.tolist(), strict=True):
        seasons.push(y, now)
    assert list(seasons.found) == ["same_time_last_season"]


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_random_walks_have_no_season_or_a_long_one(seed):
    noise = np.random.default_rng(seed).normal(size=LOOK_AT[1])
    assert strongest_lag(noise, 2) == 0
    lag = strongest_lag(np.cumsum(noise), 2)
    assert lag == 0 or lag > 20


@given(st.integers(2, 100), st.integers(1, 50), st.integers(0, 50))
@settings(max_examples=30)
def test_the_strongest_lag_is_a_multiple_of_the_period(period, least, gaps):
    series = np.array(periodic(512, period, noise=0.05))
    series[np.random.default_rng(0).choice(512, gaps, replace=False)] = np.nan
    lag = strongest_lag(series, least)
    assert lag == 0 or (lag >= least and (lag % period == 0 or period <= 4))


def test_nothing_known_or_nothing_varying_has_no_season():
    assert strongest_lag(np.full(512, np.nan), 2) == 0
    assert strongest_lag(np.ones(512), 2) == 0


@pytest.mark.parametrize(("period", "seasons_found"), [(1, 0), (500, 2)])
def test_no_more_targets_are_kept_than_seasons_need(period, seasons_found):
    seasons, last = Seasons(0), LOOK_AT[-1]
    for t in range(2 * last):
        seasons.push(float(t % period), None)
    assert len(seasons.lags) == seasons_found
    kept = max(seasons.lags, default=0) + 1
    assert len(seasons.to_json()["ring"]) == kept
    assert [seasons.ago(k) for k in range(kept)] == [
        float((2 * last - 1 - k) % period) for k in range(kept)
    ]
    assert seasons.ago(kept) is None
