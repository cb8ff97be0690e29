"""The Forecaster against its naive twin, and what it promises: no look ahead, exact resuming."""

import copy
import pickle

import numpy as np
import pytest
from pair import assert_steps_agree, engine
from streams import beginnings, rows

import rtrl_lstm as rl
from rtrl_lstm.optimizers import ClipCredit, ClipNorm
from rtrl_lstm.spec import Spec

T = 70
SPECS = {
    "plain": Spec(3, 9, 2, horizon=1),
    "scaled": Spec(2, 16, 1, horizon=3, scale_inputs=True, scale_target=True, shortcuts=True),
    "sequence": Spec(2, 5, 1, horizon=5, update="sequence", clip=ClipNorm(0.5)),
    "classes": Spec(3, 8, 4, horizon=2, loss="cross_entropy", clip=ClipCredit(0.5)),
    "peephole": Spec(3, 9, 2, horizon=2, num_layers=2, peephole=True),
    "gru": Spec(3, 9, 2, horizon=2, cell="gru", num_layers=3),
    "rnn": Spec(3, 9, 2, horizon=1, cell="rnn", dtype="float64"),
    "every step": Spec(
        3, 8, 2, horizon=2, every_step=True, combine_with=((0, 1), (0, 2)), scale_target=True
    ),
    "elstm": Spec(3, 9, 1, horizon=3, cell="elstm", num_layers=2, scale_target=True),
}


@pytest.fixture(params=SPECS, name="spec")
def every_spec(request):
    return SPECS[request.param]


def stream(spec, seed=0):
    X, Y = rows(spec, T, seed)
    return X, Y, None, beginnings(T, seed)


@pytest.mark.parametrize("horizon", [1, 2, 5])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale_inputs": True, "scale_target": True, "shortcuts": True},
        {"scale_inputs": (True, False), "clip": ClipCredit(0.2), "optimizer": "rmsprop"},
        {"update": "sequence", "clip": ClipNorm(0.3), "scale_target": True},
        {"loss": "cross_entropy", "bias": False, "optimizer": "momentum"},
    ],
    ids=["plain", "scaled", "credit", "sequence", "classes"],
)
@pytest.mark.parametrize("every", [4, 15])
def test_every_step_is_the_twins(horizon, options, every):
    """Each step from the same numbers; sequences both shorter and longer than the horizon."""
    spec = Spec(2, 5, 3, horizon=horizon, dtype="float64", learning_rate=1e-2, **options)
    assert_steps_agree(spec, steps=T, seed=horizon, every=every)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_a_forecast_of_every_row_ahead_is_the_twins(loss):
    spec = Spec(2, 5, 4, horizon=4, every_step=True, scale_target=True, dtype="float64", loss=loss)
    assert_steps_agree(spec, steps=T, seed=0, every=15)


@pytest.mark.parametrize("horizon", [1, 3, 10])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "layers",
    [
        {},
        {"num_layers": 2, "peephole": True},
        {"num_layers": 2, "cell": "gru"},
        {"num_layers": 2, "cell": "rnn"},
        {"num_layers": 2, "cell": "elstm"},
    ],
    ids=["plain", "peephole", "gru", "rnn", "elstm"],
)
def test_it_learns_what_a_learner_learns_from_the_rows_and_their_later_labels(
    horizon, dtype, layers
):
    """Bit for bit the weights of a Learner that is given x of row t with y of row t + H."""
    options = {"input_size": 3, "hidden_size": 9, "output_size": 2, "dtype": dtype, **layers}
    X, Y = rows(Spec(**options), T)
    forecaster = rl.Forecaster(horizon=horizon, **options)
    learner = rl.Learner(**options)
    forecaster.run(X, Y)
    learner.run(X[:-horizon], Y[horizon:])
    learned = learner.state_dict()
    for name, values in forecaster.state_dict().items():
        np.testing.assert_array_equal(values, learned[name], err_msg=name)


def test_run_is_step_in_any_chunks(spec):
    X, Y, _, begins = stream(spec)
    by_step, by_run, chunked = engine(spec), engine(spec), engine(spec)
    expected = []
    for x, y, begin in zip(X, Y, begins, strict=True):
        if begin:
            by_step.reset()
        expected.append(by_step.step(x, y))
    np.testing.assert_array_equal(by_run.run(X, Y, reset=begins), np.array(expected), strict=True)
    parts = [
        chunked.run(X[a:b], Y[a:b], reset=begins[a:b])
        for a, b in ((0, 1), (1, 1), (1, 4), (4, 50), (50, T))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


@pytest.mark.parametrize("at", [0, 2, 40])
@pytest.mark.parametrize("way", ["file", "pickle", "deepcopy"])
def test_a_copy_in_mid_stream_goes_on_alike(spec, way, at, tmp_path):
    X, Y, _, begins = stream(spec)
    net = engine(spec)
    net.run(X[:at], Y[:at], reset=begins[:at])
    net.reset()  # not yet come to the trailing state
    if way == "file":
        net.save(tmp_path / "m.rtrl")
        other = rl.load(tmp_path / "m.rtrl")
    else:
        other = pickle.loads(pickle.dumps(net)) if way == "pickle" else copy.deepcopy(net)
    assert isinstance(other, rl.Forecaster)
    expected = net.run(X[at:], Y[at:], reset=begins[at:])
    np.testing.assert_array_equal(other.run(X[at:], Y[at:], reset=begins[at:]), expected)


def test_predict_says_what_step_says_and_changes_nothing(spec):
    X, Y, _, begins = stream(spec)
    net = engine(spec)
    for t in range(T):
        if begins[t]:
            net.reset()
        before = net.block.tobytes()
        said = net.predict(X[t], Y[t])
        assert net.block.tobytes() == before
        np.testing.assert_array_equal(net.step(X[t], Y[t]), said, strict=True)


def test_no_label_reaches_a_forecast_before_its_row(spec):
    """Other labels from row 40 on change nothing that was said before row 40, and do from there."""
    X, Y, _, _ = stream(spec)
    other_labels = Y.copy()
    other_labels[40:] = 1.0 if spec.loss == "cross_entropy" else Y[40:] + 5.0
    one, other = engine(spec), engine(spec)
    begins = np.arange(T) % 20 == 19  # where update="sequence" applies what it gathered
    said, said_to_other = one.run(X, Y, reset=begins), other.run(X, other_labels, reset=begins)
    np.testing.assert_array_equal(said[:40], said_to_other[:40])
    assert np.any(said[40:] != said_to_other[40:])


@pytest.mark.parametrize("horizon", [1, 4])
def test_pairs_that_straddle_a_reset_are_not_learned(horizon):
    """Of a sequence of n rows, n - H have their label in the same sequence."""
    net = rl.Forecaster(horizon=horizon, input_size=2, hidden_size=4)
    lengths, expected = (3, 1, 6, 9), 0
    for length in lengths:
        net.reset()
        net.run(np.ones((length, 2)), np.ones(length))
        expected += max(0, length - horizon)
    assert net.labels == expected


def test_frozen_moves_its_leading_state_alone(spec):
    X, Y, _, _ = stream(spec)
    net = engine(spec)
    net.run(X[:30], Y[:30])
    frozen = net.frozen()
    parameters, scaling = frozen.state_dict(), frozen.scaling()
    state = frozen.state()
    said = frozen.run(X[30:], Y[30:])
    np.testing.assert_array_equal(net.frozen().run(X[30:]), said)
    frozen.reset()
    frozen.run(X[30:50], Y[30:50])
    for name, values in frozen.state_dict().items():
        np.testing.assert_array_equal(values, parameters[name], err_msg=name)
    for name, values in frozen.scaling().items():
        np.testing.assert_array_equal(values, scaling[name], err_msg=name)
    assert np.any(frozen.state()["h_0"] != state["h_0"])


def test_frozen_is_a_plain_learner_with_the_same_parameters():
    """The forecast is what the leading state says: a Learner with these weights says the same."""
    spec = SPECS["plain"]
    X, Y, _, _ = stream(spec)
    net = engine(spec)
    net.run(X, Y)
    net.reset()
    learner = rl.Learner(3, 9, 2)
    learner.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(net.frozen().run(X), learner.run(X))


@pytest.mark.parametrize("horizon", [0, -1])
def test_a_horizon_that_is_none(horizon):
    with pytest.raises(ValueError, match="horizon"):
        rl.Forecaster(horizon=horizon, input_size=2)


def test_a_learner_has_no_horizon():
    with pytest.raises(ValueError, match="Forecaster"):
        rl.Learner(2, horizon=3)


def test_bad_numbers_change_nothing():
    net = rl.Forecaster(horizon=2, input_size=2, hidden_size=4)
    net.run(np.ones((5, 2)), np.ones(5))
    before = net.block.tobytes()
    with pytest.raises(ValueError, match=r"x\[1\] is nan"):
        net.step([0.0, np.nan], 1.0)
    with pytest.raises(ValueError, match=r"y\[0\] is inf in row 1"):
        net.run(np.ones((3, 2)), [1.0, np.inf, 1.0])
    assert net.block.tobytes() == before


def test_forecasts_a_sine_a_quarter_period_ahead():
    """A check that the whole does what it is for, against saying the last value again."""
    t = np.arange(6000)
    y = np.sin(2 * np.pi * t / 40)
    net = rl.Forecaster(horizon=10, input_size=1, hidden_size=12, learning_rate=1e-2)
    said = net.run(y[:, np.newaxis], y)[:-10, 0]
    assert np.abs(said - y[10:])[-1000:].mean() < 0.25 < np.abs(y[10:] - y[:-10]).mean()
