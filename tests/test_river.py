"""River's estimators: River's own checks, and what they promise beyond them."""

from __future__ import annotations

import datetime
import math
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from river import checks, datasets, evaluate, metrics, preprocessing, stream

import rtrl_lstm as rl
from rtrl_lstm.models.wanted import DEFAULTS
from rtrl_lstm.river import RTRLClassifier, RTRLForecaster, RTRLRegressor

KINDS = (RTRLRegressor, RTRLClassifier, RTRLForecaster)
ONE_ROW_AHEAD = KINDS[:2]


def _checks() -> list[Any]:
    found = []
    for kind in KINDS:
        numbers: dict[str, int] = {}
        for check in checks.yield_checks(kind()):
            number = numbers[check.__name__] = numbers.get(check.__name__, 0) + 1
            found.append(pytest.param(kind, check, id=f"{kind.__name__}-{check.__name__}-{number}"))
    return found


@pytest.mark.parametrize(("kind", "check"), _checks())
def test_rivers_own_checks(kind: type, check: Any) -> None:
    check(kind())


@pytest.mark.parametrize("kind", KINDS)
def test_none_of_rivers_checks_is_skipped(kind: type) -> None:
    assert kind()._unit_test_skips() == set()


def _rows(count: int, seed: int = 0) -> list[tuple[dict[str, Any], float]]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 3))
    return [(dict(zip("abc", x, strict=True)), float(x[0] - 2 * x[2])) for x in X.round(3).tolist()]


def _taught(kind: type, count: int = 60, **parameters: Any) -> Any:
    model = kind(**parameters)
    for x, y in _rows(count):
        if kind is RTRLForecaster:
            model.learn_one(y, x)
        else:
            model.learn_one(x, y if kind is RTRLRegressor else str(y > 0))
    return model


def _asked(model: Any, x: dict[str, Any]) -> Any:
    if isinstance(model, RTRLForecaster):
        return model.forecast(3, [x, x, x])
    return model.predict_proba_one(x) if isinstance(model, RTRLClassifier) else model.predict_one(x)


def test_a_regressor_is_a_thin_coat_over_a_learner() -> None:
    model = RTRLRegressor(use_last=False, seed=3)
    net = rl.Learner(3, **{**DEFAULTS, "scale_inputs": True, "scale_target": True, "seed": 3})
    for t, (x, y) in enumerate(_rows(50)):
        row = np.array(list(x.values()))
        if t:
            assert model.predict_one(x) == net.predict(row)[0]
        model.learn_one(x, y)
        net.step(row, y)
    assert np.array_equal(model._learner.block, net.block)


@pytest.mark.parametrize("kind", KINDS)
def test_to_predict_is_to_peek(kind: type) -> None:
    model = _taught(kind)
    before = pickle.dumps(model)
    for x in (
        {"a": 1.0, "b": 2.0, "c": 3.0},
        {"a": math.nan, "b": 2.0, "c": 3.0},
        {"a": 1.0},
        {"a": 1.0, "b": 2.0, "c": 3.0, "new": "text"},
        {},
    ):
        _asked(model, x)
        assert pickle.dumps(model) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_pickle_goes_on_where_it_was(kind: type) -> None:
    model = _taught(kind)
    kept = pickle.dumps(model)
    again = pickle.loads(kept)
    assert pickle.dumps(again) == kept
    for x, y in _rows(20, seed=1):
        assert _asked(again, x) == _asked(model, x)
        for each in (model, again):
            if kind is RTRLForecaster:
                each.learn_one(y, x)
            else:
                each.learn_one(x, y if kind is RTRLRegressor else str(y > 0))


@pytest.mark.parametrize("kind", ONE_ROW_AHEAD)
def test_a_new_feature_leaves_the_others_alone(kind: type) -> None:
    model = _taught(kind, use_last=False)
    old = pickle.loads(pickle.dumps(model))._learner
    x = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 5.0}
    model._features.meet(x)
    model._grow()
    new = model._learner
    assert new.spec.input_size == 4
    fresh = {"x3"}
    for name in old.layout.fields:
        axes = new.layout.fields[name].axes
        kept = np.ix_(*[[k for k, label in enumerate(axis) if label not in fresh] for axis in axes])
        assert np.array_equal(new.array(name)[kept], old.array(name)), name


@pytest.mark.parametrize("kind", ONE_ROW_AHEAD)
def test_absent_none_and_nan_are_all_missing(kind: type) -> None:
    model = _taught(kind)
    absent = _asked(model, {"a": 1.0, "c": 0.5})
    assert _asked(model, {"a": 1.0, "b": None, "c": 0.5}) == absent
    assert _asked(model, {"a": 1.0, "b": math.nan, "c": 0.5}) == absent
    assert _asked(model, {"a": 1.0, "b": np.float32("nan"), "c": 0.5}) == absent


def test_a_missing_number_counts_as_its_mean_and_is_flagged() -> None:
    model = _taught(RTRLRegressor)
    mean = float(np.mean([x["b"] for x, _ in _rows(60)]))
    assert model.predict_one({"a": 1.0, "c": 0.5}) == pytest.approx(
        model.predict_one({"a": 1.0, "b": mean, "c": 0.5}), rel=1e-6
    )
    inputs = model._learner.spec.input_size
    model.learn_one({"a": 1.0, "c": 0.5}, 1.0)
    model.learn_one({"a": 1.0, "c": 0.5}, 1.0)
    assert model._learner.spec.input_size == inputs + 1  # the flag


def test_kinds_of_numbers_make_no_difference() -> None:
    model = _taught(RTRLRegressor)
    plain = model.predict_one({"a": 1.0, "b": 2.0, "c": 0.0})
    assert model.predict_one({"c": False, "b": np.float32(2), "a": 1}) == plain
    assert model.predict_one({"c": np.bool_(False), "b": np.int64(2), "a": np.float64(1)}) == plain


def test_text_and_dates_are_features_too() -> None:
    model, start = RTRLRegressor(use_last=False, learning_rate=0.01), datetime.datetime(2024, 1, 1)
    errors = []
    for t in range(1500):
        kind = "night" if t % 24 < 6 else "day"
        x = {"when": start + datetime.timedelta(hours=t), "kind": kind if t % 7 else None}
        y = math.sin(math.tau * t / 24) + (kind == "night")
        errors.append(abs(model.predict_one(x) - y))
        model.learn_one(x, y)
    assert np.mean(errors[-300:]) < 0.2
    assert model.predict_one({"kind": "never seen"}) == model.predict_one({})


def test_labels_come_up_one_by_one_and_those_before_are_left_alone() -> None:
    model = RTRLClassifier(use_last=False)
    assert model.predict_one({"a": 1.0}) is None
    assert model.predict_proba_one({"a": 1.0}) == {}
    for t in range(40):
        model.learn_one({"a": t % 2}, bool(t % 2))
    weights = model._learner.array("readout.weight")
    label = ("a", "tuple")
    model._meet(label)
    assert np.array_equal(model._learner.array("readout.weight")[:, :2], weights)
    model.learn_one({"a": 9.0}, label)
    assert list(model.predict_proba_one({"a": 9.0})) == [False, True, label]
    assert sum(model.predict_proba_one({"a": 9.0}).values()) == pytest.approx(1)
    assert model.predict_one({"a": 1}) is True


@pytest.mark.parametrize("kind", ONE_ROW_AHEAD)
def test_without_a_label_only_the_state_moves_on(kind: type) -> None:
    model = _taught(kind)
    labels, steps = model._learner.labels, model._learner.steps
    model.learn_one({"a": 1.0, "b": 0.0, "c": 0.0}, None)
    assert (model._learner.labels, model._learner.steps) == (labels, steps + 1)


def test_weights_of_rows() -> None:
    models = [_taught(RTRLRegressor) for _ in range(2)]
    before = models[0]._learner.array("readout.weight")
    for model, weight in zip(models, (0.0, 1.0), strict=True):
        model.learn_one({"a": 1.0, "b": 0.0, "c": 0.0}, 3.0, w=weight)
    moved = [np.abs(m._learner.array("readout.weight") - before).sum() for m in models]
    assert moved[0] < moved[1]
    with pytest.raises(ValueError, match="weight is -1"):
        models[0].learn_one({"a": 1.0, "b": 0.0, "c": 0.0}, 3.0, w=-1.0)


def test_memory_is_bounded() -> None:
    model = RTRLClassifier(max_features=10, max_classes=3, use_last=False)
    for t in range(50):
        model.learn_one({f"n{t}": 1.0, "text": f"value {t}", "late": t}, t)
    assert model._learner.spec.output_size == 3
    assert len(model._features.scaled) <= 10 + len(model._features.flags) <= 20
    assert set(model.predict_proba_one({"late": 1})) == {0, 1, 2}


@pytest.mark.parametrize("kind", KINDS)
def test_parameters(kind: type) -> None:
    model = kind(hidden_size=5, cell="gru", optimizer=rl.SGD(), seed=7, num_layers=2)
    twin = model.clone({"learning_rate": 0.5})
    assert (twin.hidden_size, twin.cell, twin.seed, twin.learning_rate) == (5, "gru", 7, 0.5)
    assert twin.options == {"num_layers": 2}
    with pytest.raises(TypeError, match="no option hiden_size; did you mean hidden_size"):
        kind(hiden_size=3)
    with pytest.raises(TypeError, match="has no parameter loss"):
        kind(loss="huber")
    with pytest.raises(ValueError, match="cell must be one of"):
        kind(cell="transformer")
    with pytest.raises(ValueError, match="max_features"):
        kind(max_features=0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"a": math.inf}, "feature 'a' is inf: it has to be a finite number"),
        ({"a": "text"}, "feature 'a' is 'text': it has to be a finite number"),
        ({"a": "3"}, "feature 'a' is '3': it has to be a finite number"),
        ({"a": 1.0, "d": [1, 2]}, r"feature 'd' is \[1, 2\]: neither number, text nor date"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_that_cannot_be_read(kind: type, wrong: dict[str, Any], said: str) -> None:
    model = _taught(kind)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=said):
        model.learn_one(1.0, wrong) if kind is RTRLForecaster else model.learn_one(wrong, 1.0)
    assert pickle.dumps(model) == before


def test_in_a_pipeline_and_scored_prequentially() -> None:
    bare = evaluate.progressive_val_score(
        datasets.TrumpApproval(), RTRLRegressor(), metrics.MAE()
    ).get()
    piped = preprocessing.StandardScaler() | RTRLRegressor()
    scaled = evaluate.progressive_val_score(datasets.TrumpApproval(), piped, metrics.MAE()).get()
    assert bare < 0.3  # River's own scaled linear regression: 1.31
    assert scaled < 0.3
    score = evaluate.progressive_val_score(
        datasets.ImageSegments().take(1500), RTRLClassifier(), metrics.Accuracy()
    )
    assert score.get() > 0.7


def test_labels_that_arrive_late() -> None:
    by_hand, scored = RTRLRegressor(), RTRLRegressor()
    rows = list(datasets.TrumpApproval().take(300))
    metric = evaluate.progressive_val_score(rows, scored, metrics.MAE(), delay=10)
    waiting, errors = {}, []
    for i, x, y in stream.simulate_qa(rows, moment=None, delay=10):
        if y is None:
            waiting[i] = by_hand.predict_one(x)
        else:
            errors.append(abs(waiting.pop(i) - y))
            by_hand.learn_one(x, y)
    assert metric.get() == pytest.approx(np.mean(errors))
    assert pickle.dumps(by_hand) == pickle.dumps(scored)
    assert by_hand._learner.labels == 300


def test_a_forecast_goes_on_from_its_own() -> None:
    model = _taught(RTRLForecaster, season=4)
    xs = [x for x, _ in _rows(6, seed=2)]
    far = model.forecast(6, xs)
    assert model.forecast(2, xs[:2]) == far[:2]
    assert len(model.forecast(6)) == 6
    with pytest.raises(ValueError, match="xs has 6 rows of features for a horizon of 5"):
        model.forecast(5, xs)
    assert RTRLForecaster().forecast(3) == [0.0, 0.0, 0.0]
    model.learn_one(None, xs[0])  # a value that is missing
    assert np.isfinite(model.forecast(8)).all()


def test_a_season_is_taken_for_granted_or_found() -> None:
    rng = np.random.default_rng(0)
    series = [math.sin(math.tau * t / 24) ** 3 + 0.02 * rng.normal() for t in range(700)]
    errors = {}
    for season in (0, 1, 24):
        model = RTRLForecaster(season=season)
        for y in series[:-24]:
            model.learn_one(y)
        found = model.forecast(24)
        errors[season] = float(np.mean(np.abs(np.array(found) - series[-24:])))
        assert len(model._past.lags) == 2 * (season != 1)  # the last one, and the one before
        assert all(lag % 24 == 0 for lag in model._past.lags)
    assert errors[24] < 0.1
    assert errors[0] < 0.1


def test_evaluated_as_a_forecaster() -> None:
    def error(model: Any) -> float:
        found = evaluate.evaluate(datasets.AirlinePassengers(), model, metrics.MAE(), horizon=12)
        return float(np.mean([metric.get() for metric in found.metrics]))

    assert error(RTRLForecaster(season=12)) < error(RTRLForecaster(season=1))


def test_without_river_it_says_so() -> None:
    script = (
        "import sys; sys.modules['river'] = None\n"
        "try: import rtrl_lstm.river\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("rtrl_lstm.river needs River")
    assert "rtrl-lstm[river]" in done.stdout


class NA:
    """As pandas has it: of nothing does it say whether it is the same."""

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "<NA>"


@pytest.mark.parametrize("missing", [None, math.nan, NA()], ids=repr)
def test_what_is_missing_is_no_label_and_no_number(missing: Any) -> None:
    for kind in KINDS:
        model, expected = _taught(kind), _taught(kind)
        x, none = {"a": 1.0, "b": missing, "c": 0.5}, {"a": 1.0, "b": None, "c": 0.5}
        if kind is RTRLForecaster:
            model.learn_one(missing, x)
            expected.learn_one(None, none)
        else:
            model.learn_one(x, missing)
            expected.learn_one(none, None)
        assert pickle.dumps(model) == pickle.dumps(expected)


def test_what_could_never_learn_or_forecast_is_refused() -> None:
    for kind in KINDS:
        with pytest.raises(ValueError, match="update 'sequence'"):
            kind(update="sequence")
        with pytest.raises(ValueError, match="max_features"):
            kind(max_features=0)
    with pytest.raises(ValueError, match="season"):
        RTRLForecaster(season=-1)
    with pytest.raises(ValueError, match="max_classes"):
        RTRLClassifier(max_classes=1)
    with pytest.raises(ValueError, match="horizon"):
        _taught(RTRLForecaster).forecast(-1)
    classifier = _taught(RTRLClassifier)
    before = pickle.dumps(classifier)
    with pytest.raises(ValueError, match="weight is -1"):
        classifier.learn_one({"a": 1.0, "b": 1.0, "c": 1.0}, "a new label", -1)
    assert pickle.dumps(classifier) == before
    with pytest.raises(ValueError, match="y is 'much': it has to be a number"):
        RTRLRegressor().learn_one({"a": 1}, "much")


@pytest.mark.parametrize("kind", KINDS)
def test_the_rate_is_less_with_many_features(kind: type) -> None:
    for count, rate in ((32, 1e-2), (128, 5e-3)):
        model, x = kind(), {f"x{k}": 1.0 for k in range(count)}
        for one in (x, {**x, "new": 2.0}):
            if kind is RTRLForecaster:
                model.learn_one(1.0, one)
            else:
                model.learn_one(one, 1.0)
        assert model._learner.learning_rate == pytest.approx(rate)


def test_labels_that_follow_labels() -> None:
    """`contexts` are for labels, and told so of numbers."""
    said = []
    for contexts in (False, True):
        model = RTRLClassifier(hidden_size=2, contexts=contexts)
        rng, hits, ends = np.random.default_rng(0), 0, ""
        for t in range(600):
            ends = "xy"[rng.integers(2)] if t % 4 == 0 else ends
            label = ends if t % 4 in (0, 3) else "-"
            hits += t % 4 == 3 and t > 300 and model.predict_one({"one": 1.0}) == label
            model.learn_one({"one": 1.0}, label)
        said.append(hits)
    assert said[1] > 65 > said[0]  # of 75
    with pytest.raises(ValueError, match="contexts are for loss 'cross_entropy'"):
        RTRLRegressor(contexts=True)
