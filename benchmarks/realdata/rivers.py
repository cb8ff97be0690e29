"""River's methods, each with one setting for all streams."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from river import forest, linear_model, multiclass, preprocessing, time_series, tree

from benchmarks.realdata.methods import Forecasts, Method, schema_of, supervised
from benchmarks.realdata.streams import Rows, Stream
from rtrl_lstm.table.schema import Forecast


class RiverEstimator:
    """A River estimator over the inputs, by their places; of two labels it wants False and True."""

    def __init__(self, stream: Stream, model: Any) -> None:
        self._task, self._model = stream.task, model
        self._labels: list[Any] = []  # of a binary task, as they come up

    def predict(self, inputs: list[float]) -> Forecast:
        x = dict(enumerate(inputs))
        if self._task == "regression":
            return float(self._model.predict_one(x))
        said = self._model.predict_proba_one(x)
        if self._task == "binary":
            said = {label: said.get(bool(k), 0.0) for k, label in enumerate(self._labels)}
        return said or None

    def learn(self, inputs: list[float], truth: Any) -> None:
        self._model.learn_one(dict(enumerate(inputs)), self._coded(truth))

    def _coded(self, truth: Any) -> Any:
        if self._task != "binary":
            return truth
        if truth not in self._labels:
            self._labels.append(truth)
        return bool(self._labels.index(truth))


def series(make: Callable[[Stream], Any]) -> Method:
    """A River forecaster of the target alone; what is missing it takes as it forecast it."""

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        model, schema, seen, last = make(stream), schema_of(stream), 0, None
        for row in rows:
            truth = schema.read(row).truth
            last = last if truth is None else truth
            if last is None:
                yield None
                continue
            if truth is None:
                truth = _ahead(model, 1) if seen > 2 * max(stream.season, 12) else last
            model.learn_one(truth)
            seen += 1
            said = _ahead(model, stream.horizon) if seen > 2 * max(stream.season, 12) else last
            yield said if math.isfinite(said) else last

    return follow


def _ahead(model: Any, horizon: int) -> float:
    try:
        return float(model.forecast(horizon)[-1])
    except OverflowError:
        return math.nan


def _linear(stream: Stream, seed: int) -> Any:
    model: Any = linear_model.LinearRegression()
    if stream.task != "regression":
        model = linear_model.LogisticRegression()
        if stream.task == "multiclass":
            model = multiclass.OneVsRestClassifier(model)
        return preprocessing.StandardScaler() | model
    # Without its target scaled it needs thousands of rows to find the level.
    return preprocessing.StandardScaler() | preprocessing.TargetStandardScaler(model)


def _scaled(model: Any) -> Any:
    """The linear models in the leaves of a tree of numbers diverge without."""
    return preprocessing.StandardScaler() | model


def _tree(stream: Stream, seed: int) -> Any:
    if stream.task == "regression":
        return _scaled(tree.HoeffdingAdaptiveTreeRegressor(seed=seed))
    return _scaled(tree.HoeffdingAdaptiveTreeClassifier(seed=seed))


def _forest(stream: Stream, seed: int) -> Any:
    if stream.task == "regression":
        return _scaled(forest.ARFRegressor(seed=seed))
    return _scaled(forest.ARFClassifier(seed=seed))


def _holt_winters(stream: Stream) -> Any:
    return time_series.HoltWinters(
        0.3, 0.1, 0.5 if stream.season else None, seasonality=stream.season
    )


def _snarimax(stream: Stream) -> Any:
    """Of differences and without moving averages: else it diverges on half of the streams."""
    regressor = preprocessing.StandardScaler() | linear_model.LinearRegression()
    seasonal = {"m": stream.season, "sp": 2} if stream.season else {}
    return time_series.SNARIMAX(p=6, d=1, q=0, regressor=regressor, **seasonal)


def method(name: str) -> Method:
    """The method of a name."""
    if name in SERIES:
        return series(SERIES[name])
    make = ESTIMATORS[name]
    return supervised(lambda stream, seed: RiverEstimator(stream, make(stream, seed)))


ESTIMATORS: dict[str, Callable[[Stream, int], Any]] = {
    "linear": _linear,
    "tree": _tree,
    "forest": _forest,
}
SERIES: dict[str, Callable[[Stream], Any]] = {
    "Holt-Winters": _holt_winters,
    "SNARIMAX": _snarimax,
}
