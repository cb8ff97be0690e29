"""The methods: each takes rows in order and forecasts, then learns; nothing is seen ahead.

Those that learn from inputs are given the very inputs that ours makes of a row (its Schema:
calendar, last value, seasonal values), so that they differ in how they learn, not in what they see.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from benchmarks.realdata.streams import Rows, Stream
from rtrl_lstm.models.model import Model
from rtrl_lstm.table.schema import Forecast, Schema

CHUNK = 256
Forecasts = Iterator[Forecast]
Method = Callable[[Stream, Rows, int], Forecasts]


def model_of(stream: Stream, seed: int, **options: Any) -> Model:
    """Ours, which is told what the stream is and nothing else but `options`."""
    return Model(
        stream.target,
        time=stream.time,
        task=stream.task,
        horizon=stream.horizon,
        seed=seed,
        **options,
    )


def ours(**options: Any) -> Method:
    """A Model of task and horizon, all else at its default but `options`."""

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        model = model_of(stream, seed, **options)
        for start in range(0, len(rows), CHUNK):
            # A BadRow may stand for a forecast; the streams are clean, and have none.
            yield from model.run(rows[start : start + CHUNK])  # type: ignore[misc]

    return follow


def _said(stream: Stream, truth: Any) -> Forecast:
    if truth is None:
        return None
    return truth if stream.task == "regression" else {truth: 1.0}


def schema_of(stream: Stream) -> Schema:
    return Schema(stream.target, time=stream.time, task=stream.task, horizon=stream.horizon)


def last_value(stream: Stream, rows: Rows, seed: int) -> Forecasts:
    """The last target known."""
    return _ago(stream, rows, 0)


def seasonal_last_value(stream: Stream, rows: Rows, seed: int) -> Forecasts:
    """The target a season before the row that is forecast; without a season the last value."""
    return _ago(stream, rows, stream.season)


def _ago(stream: Stream, rows: Rows, season: int) -> Forecasts:
    schema, known, last = schema_of(stream), [], None
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


class Estimator(Protocol):
    """What learns from the inputs of a row and the label that belongs to it."""

    def predict(self, inputs: list[float]) -> Forecast: ...

    def learn(self, inputs: list[float], truth: Any) -> None: ...


def supervised(make: Callable[[Stream, int], Estimator]) -> Method:
    """An estimator on the inputs of our Schema; a label comes `horizon` rows after its inputs."""

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        estimator, schema = make(stream, seed), schema_of(stream)
        waiting: deque[list[float]] = deque()
        for row in rows:
            reading = schema.read(row)
            waiting.append(reading.inputs)
            said = None if stream.horizon else estimator.predict(reading.inputs)
            if len(waiting) > stream.horizon:
                seen = waiting.popleft()
                if reading.truth is not None:
                    estimator.learn(seen, reading.truth)
            yield estimator.predict(reading.inputs) if stream.horizon else said

    return follow


def _of_river(name: str) -> Method:
    """One of River's, which is imported where it is needed."""

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        from benchmarks.realdata import rivers

        return rivers.method(name)(stream, rows, seed)

    return follow


def _of_torch(name: str) -> Method:
    """One in PyTorch, which is imported where it is needed."""

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        from benchmarks.realdata import torchs

        return supervised(torchs.ESTIMATORS[name])(stream, rows, seed)

    return follow


SERIES = ("Holt-Winters", "SNARIMAX")
METHODS: dict[str, Method] = {
    "ours": ours(),
    "last value": last_value,
    "seasonal": seasonal_last_value,
    **{name: _of_river(name) for name in ("linear", "tree", "forest", *SERIES)},
    **{name: _of_torch(name) for name in ("torch LSTM", "deep-river LSTM")},
}
# How those begin that are run with several seeds.
SEEDED = ("ours", "tree", "forest", "torch LSTM", "deep-river LSTM")


def applies(method: str, stream: Stream) -> bool:
    """Whether there is a point in trying."""
    if method in SERIES:
        return stream.horizon > 0 and stream.task == "regression"
    return method != "seasonal" or stream.season > 0


def method_of(name: str) -> Method:
    """The method of a name; "ours members=4" is ours with an option, "ours without ..." less one
    of its defaults (see `ablation`)."""
    if name in METHODS:
        return METHODS[name]
    if name.startswith("ours without "):
        from benchmarks.realdata.ablation import without

        return without(name.removeprefix("ours without "))
    kind, *options = name.split()
    if kind != "ours" or not all("=" in option for option in options):
        raise KeyError(f"there is no method {name!r}; there are {', '.join(METHODS)}")
    return ours(**{k: number_of(v) for k, v in (option.split("=") for option in options)})


def number_of(text: str) -> Any:
    """An option's value as it is meant: a number, "true" or "false" where it is one."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
