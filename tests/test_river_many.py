"""River's mini-batches: the rows of a frame, in the same bits as one by one."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from river import base

from rtrl_lstm.river import RTRLClassifier, RTRLRegressor


def _rows(count: int, seed: int = 0) -> tuple[list[dict[str, Any]], list[float]]:
    draw = np.random.default_rng(seed)
    rows = [
        {"a": float(draw.normal()), "b": None if draw.random() < 0.1 else float(draw.normal()),
         "c": str(draw.choice(["red", "blue"]))}
        for _ in range(count)
    ]  # fmt: skip
    return rows, [row["a"] - (row["b"] or 0.0) for row in rows]


def _labels(y: list[float]) -> list[str]:
    return ["high" if one > 1 else "low" if one < -1 else "middle" for one in y]


def _table(rows: list[dict[str, Any]]) -> Any:
    return pa.Table.from_pylist(rows)


def _series(values: list[Any]) -> Any:
    return pa.chunked_array([values])


@pytest.mark.parametrize("kind", [RTRLRegressor, RTRLClassifier])
def test_many_rows_are_one_after_the_other(kind: Any) -> None:
    rows, y = _rows(90)
    targets: list[Any] = y if kind is RTRLRegressor else _labels(y)
    targets[7] = None
    weights = [float(k % 3) for k in range(90)]
    one, many = kind(seed=2), kind(seed=2)
    assert isinstance(one, base.MiniBatchRegressor | base.MiniBatchClassifier)
    for x, target, weight in zip(rows, targets, weights, strict=True):
        one.learn_one(x, target, weight)
    for begin in range(0, 90, 30):
        part = slice(begin, begin + 30)
        many.learn_many(_table(rows[part]), _series(targets[part]), _series(weights[part]))
    assert pickle.dumps(one) == pickle.dumps(many)
    ahead, _ = _rows(20, seed=1)
    found = many.predict_many(_table(ahead))
    assert found.to_pylist() == [one.predict_one(x) for x in ahead]
    assert pickle.dumps(one) == pickle.dumps(many)
    if kind is RTRLClassifier:
        shares = many.predict_proba_many(_table(ahead)).to_pylist()
        assert shares == [one.predict_proba_one(x) for x in ahead]


def test_before_anything_was_learned() -> None:
    table = _table([{"a": 1.0}, {"a": 2.0}])
    assert RTRLRegressor().predict_many(table).to_pylist() == [0.0, 0.0]
    assert RTRLClassifier().predict_many(table).to_pylist() == [None, None]
    assert RTRLClassifier().predict_proba_many(table).num_columns == 0


def test_one_weight_for_all() -> None:
    rows, y = _rows(20)
    one, many = RTRLRegressor(), RTRLRegressor()
    for x, target in zip(rows, y, strict=True):
        one.learn_one(x, target, 2.0)
    many.learn_many(_table(rows), _series(y), 2.0)
    assert pickle.dumps(one) == pickle.dumps(many)


def test_as_many_targets_and_weights_as_rows() -> None:
    model, table = RTRLRegressor(), _table([{"a": 1.0}, {"a": 2.0}])
    with pytest.raises(ValueError, match="different lengths: 2, 1 and 2"):
        model.learn_many(table, _series([1.0]))
    with pytest.raises(ValueError, match="different lengths: 2, 2 and 3"):
        model.learn_many(table, _series([1.0, 2.0]), _series([1.0, 2.0, 3.0]))
