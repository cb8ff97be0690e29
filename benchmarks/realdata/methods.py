"""The methods: each takes rows in order and forecasts, then learns; nothing is seen ahead.

River's methods are given the very inputs that ours makes of a row (its Schema: calendar, last
value, seasonal values), so that they differ in how they learn and not in what they see.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.realdata.streams import Rows, Stream
from rtrl_lstm.schema import Forecast, Reading, Schema

CHUNK = 256
Forecasts = Iterator[Forecast]
Method = Callable[[Stream, Rows, int], Forecasts]


def ours(**options: Any) -> Method:
    """A Model of task and horizon, all else at its default but `options`."""

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        from rtrl_lstm import Model

        model = Model(
            stream.target,
            time=stream.time,
            task=stream.task,
            horizon=stream.horizon,
            seed=seed,
            **options,
        )
        for start in range(0, len(rows), CHUNK):
            yield from model.run(rows[start : start + CHUNK])  # type: ignore[misc]

    return follow


def _said(stream: Stream, truth: Any) -> Forecast:
    if truth is None:
        return None
    return truth if stream.task == "regression" else {truth: 1.0}


def _schema(stream: Stream) -> Schema:
    return Schema(stream.target, time=stream.time, task=stream.task, horizon=stream.horizon)


def last_value(stream: Stream, rows: Rows, seed: int) -> Forecasts:
    """The last target known."""
    return _ago(stream, rows, 0)


def seasonal_last_value(stream: Stream, rows: Rows, seed: int) -> Forecasts:
    """The target a season before the row that is forecast; without a season the last value."""
    return _ago(stream, rows, stream.season)


def _ago(stream: Stream, rows: Rows, season: int) -> Forecasts:
    schema, known, last = _schema(stream), [], None
    for row in rows:
        truth = schema.read(row).truth
        said = last
        if stream.horizon:
            said = truth = last if truth is None else truth
        known.append(truth)
        if season and stream.horizon:
            back = -(-stream.horizon // season) * season - stream.horizon
            said = said if back >= len(known) or known[-1 - back] is None else known[-1 - back]
        last = last if truth is None else truth
        yield _said(stream, said)


def supervised(make: Callable[[Stream, int], Any]) -> Method:
    """A River estimator on the inputs of our Schema."""

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        model, schema = make(stream, seed), _schema(stream)
        waiting: deque[dict[int, float]] = deque()
        labels: list[Any] = []  # of a binary task: River wants False and True

        def coded(y: Any) -> Any:
            if stream.task != "binary":
                return y
            if y not in labels:
                labels.append(y)
            return y == labels[-1] if len(labels) > 1 else False

        def answer(x: dict[int, float]) -> Forecast:
            if stream.task == "regression":
                return float(model.predict_one(x))
            said = model.predict_proba_one(x)
            if stream.task == "binary":
                said = {labels[k]: said.get(bool(k), 0.0) for k in range(len(labels))}
            return said or None

        for row in rows:
            reading: Reading = schema.read(row)
            x, y = dict(enumerate(reading.inputs)), reading.truth
            waiting.append(x)
            if not stream.horizon:
                yield answer(x)
            if len(waiting) > stream.horizon:
                seen = waiting.popleft()
                if y is not None:
                    model.learn_one(seen, coded(y))
            if stream.horizon:
                yield answer(x)

    return follow


def series(make: Callable[[Stream], Any]) -> Method:
    """A River forecaster of the target alone; what is missing it takes as it forecast it."""

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        model, schema, seen, last = make(stream), _schema(stream), 0, None
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
    from river import linear_model, multiclass, preprocessing

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
    from river import preprocessing

    return preprocessing.StandardScaler() | model


def _tree(stream: Stream, seed: int) -> Any:
    from river import tree

    if stream.task == "regression":
        return _scaled(tree.HoeffdingAdaptiveTreeRegressor(seed=seed))
    return _scaled(tree.HoeffdingAdaptiveTreeClassifier(seed=seed))


def _forest(stream: Stream, seed: int) -> Any:
    from river import forest

    if stream.task == "regression":
        return _scaled(forest.ARFRegressor(seed=seed))
    return _scaled(forest.ARFClassifier(seed=seed))


def _holt_winters(stream: Stream) -> Any:
    from river import time_series

    return time_series.HoltWinters(
        0.3, 0.1, 0.5 if stream.season else None, seasonality=stream.season
    )


def _snarimax(stream: Stream) -> Any:
    """Of differences and without moving averages: else it diverges on half of the streams."""
    from river import linear_model, preprocessing, time_series

    regressor = preprocessing.StandardScaler() | linear_model.LinearRegression()
    seasonal = {"m": stream.season, "sp": 2} if stream.season else {}
    return time_series.SNARIMAX(p=6, d=1, q=0, regressor=regressor, **seasonal)


METHODS: dict[str, Method] = {
    "ours": ours(),
    "last value": last_value,
    "seasonal": seasonal_last_value,
    "linear": supervised(_linear),
    "tree": supervised(_tree),
    "forest": supervised(_forest),
    "Holt-Winters": series(_holt_winters),
    "SNARIMAX": series(_snarimax),
}
SEEDED = ("ours", "forest")
SERIES = ("Holt-Winters", "SNARIMAX")


def applies(method: str, stream: Stream) -> bool:
    """Whether there is a point in trying."""
    if method in SERIES:
        return stream.horizon > 0 and stream.task == "regression"
    return method != "seasonal" or stream.season > 0


def method_of(name: str) -> Method:
    """The method of a name; "ours members=4" is ours with an option."""
    if name in METHODS:
        return METHODS[name]
    kind, *options = name.split()
    if kind != "ours" or not all("=" in option for option in options):
        raise KeyError(f"there is no method {name!r}; there are {', '.join(METHODS)}")
    return ours(**{k: _number(v) for k, v in (option.split("=") for option in options)})


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
