"""Running scaling, where a number comes that no sensor ever measured."""

import math

import numpy as np
import pytest
from pair import assert_steps_agree
from streams import rows

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.spec import Spec
from rtrl_lstm.table.columns import Column, Inputs

OPTIONS = {"scale_inputs": True, "scale_target": True, "dtype": "float64"}
ABSURD = {(130, 0): 1e30, (131, 1): -1e9, (140, 2): 500.0, (141, 2): -4000.0, (160, 0): -1e30}


def absurd_rows(spec, count=200):
    """Rows of which some hold an absurd number, once the scale is set."""
    X, Y = rows(spec, count)
    for place, value in ABSURD.items():
        X[place] = value
    return X, Y


def learner(**options):
    return rl.Learner(**{"input_size": 1, "hidden_size": 4, **OPTIONS, **options})


def test_a_constant_column_forgets_one_absurd_number():
    net = learner()
    X = np.ones((3000, 1))
    X[1000] = 1e30
    X[1001:, 0] += np.random.default_rng(0).normal(0.0, 0.5, 1999)
    net.run(X, np.zeros(3000))
    scaling = net.scaling()
    assert abs(scaling["input_mean"][0] - 1.0) < 0.1
    assert scaling["input_scale"][0] > 1.0


def test_as_before_where_nothing_is_absurd():
    net = learner()
    X = np.random.default_rng(0).standard_t(3, (5000, 1))  # heavy tails
    net.run(X, np.zeros(5000))
    scaling = net.scaling()
    np.testing.assert_allclose(scaling["input_mean"], X.mean(), rtol=1e-10)
    np.testing.assert_allclose(scaling["input_scale"], 1 / X.std(), rtol=1e-10)


@pytest.mark.parametrize("level", [1e3, 1e6, -1e9])
def test_a_level_that_stays_is_followed(level):
    net = learner()
    X = np.random.default_rng(0).normal(size=(4000, 1))
    X[2000:] += level
    net.run(X, np.zeros(4000))
    assert net.scaling()["input_mean"][0] / level > 0.3


def test_the_first_rows_set_the_scale():
    net = learner()
    X = 1e9 * np.random.default_rng(0).normal(size=(90, 1))
    X[:3] = 0.0
    net.run(X, np.zeros(90))
    np.testing.assert_allclose(net.scaling()["input_scale"], 1 / X.std(), rtol=1e-10)


def test_the_twin_bounds_the_same():
    assert_steps_agree(Spec(3, 4, **OPTIONS), steps=200, inputs=ABSURD)


def test_in_any_chunks():
    spec = Spec(3, 4, **OPTIONS)
    X, Y = absurd_rows(spec)
    whole, parts, single = (learner(input_size=3) for _ in range(3))
    said = whole.run(X, Y)
    found = [parts.run(X[k : k + 7], Y[k : k + 7]) for k in range(0, 200, 7)]
    np.testing.assert_array_equal(said, np.concatenate(found))
    np.testing.assert_array_equal(said, [single.step(x, y) for x, y in zip(X, Y, strict=True)])


def test_the_learner_graph_bounds_the_same(tmp_path):
    spec = Spec(3, 4, **OPTIONS)
    X, Y = absurd_rows(spec)
    net = learner(input_size=3)
    export.to_onnx(net, tmp_path / "m.onnx", "learner", "float64")
    session = export.Session(tmp_path / "m.onnx", "cpu")
    for x, y in zip(X, Y, strict=True):
        np.testing.assert_allclose(session.step(x, y), net.step(x, y), rtol=1e-7)
    state, scaling = session.state, net.scaling()
    np.testing.assert_allclose(state["input.mean"].ravel(), scaling["input_mean"], rtol=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_mean_of_a_column_in_any_chunks(missing):
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=700)
    numbers[100:][rng.random(600) < 0.02] *= 1e20
    numbers[rng.random(700) < missing] = math.nan
    numbers[0] = 1.0
    inputs = Inputs()
    one, many = Column("x", 8), Column("x", 8)
    singles = []
    for number in numbers.tolist():
        values = [0.0] * len(inputs.names)
        one.commit(None if number != number else number, inputs, values)
        singles.append(values[0])
    again = Inputs()
    for first in (1.0, None)[: 2 if missing else 1]:  # it knows its flag
        many.commit(first, again, [0.0] * len(again.names))
    many._count, many._sum, many._size = 1, 1.0, 1.0
    found = np.zeros((699, len(again.names)))
    for begin in range(0, 699, 83):
        many.commit_many(numbers[1:][begin : begin + 83], found[begin : begin + 83])
    np.testing.assert_array_equal(found[:, 0], singles[1:])
    assert one.to_json() | {"flag": 0} == many.to_json() | {"flag": 0}
    if not missing:
        assert abs(one._sum / one._count) < 1e15
