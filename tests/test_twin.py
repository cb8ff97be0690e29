"""The naive twin is proved here: against finite differences, closed forms and plain NumPy."""

import numpy as np
import pytest

from reference.learner import ReferenceLearner
from reference.losses import (
    AbsoluteError,
    CrossEntropy,
    Huber,
    LogLoss,
    Poisson,
    Quantile,
    SquaredError,
    ThroughSigmoid,
)
from reference.optimisers import SGD, AdaGrad, Adam, AdamW, Momentum, RMSprop
from reference.oracle import central_differences, truncated_gradient
from reference.scaler import RunningScaler

I, N, O, T = 2, 3, 2, 5  # noqa: E741, as the equations name their sizes
LOSSES = [
    SquaredError(),
    AbsoluteError(),
    Huber(0.3),
    Quantile((0.2, 0.7)),
    ThroughSigmoid(Huber(0.3)),
    Poisson(),
    LogLoss(),
    CrossEntropy(),
]


def name_of(thing):
    return type(thing).__name__ + (name_of(thing.loss) if hasattr(thing, "loss") else "")


def labels(loss, rng, rows):
    """Labels (rows, O or 1) of the kind that a loss takes."""
    if loss.labels == "class":
        return rng.integers(0, O, (rows, 1)).astype(float)
    if isinstance(loss, LogLoss):
        return rng.integers(0, 2, (rows, O)).astype(float)
    if isinstance(loss, Poisson):
        return rng.poisson(2.0, (rows, O)).astype(float)
    return rng.normal(size=(rows, O if loss.labels == "each" else 1))


def randomised(learner, rng):
    """The same learner with every parameter drawn anew."""
    for name, w in learner.parameters.items():
        learner.parameters[name] = rng.normal(0, 0.6, w.shape)
    return learner


def assert_gradients(got, expected, zeros=False):
    """Equal to 1e-8 of each array's largest number, none of them all zero unless that is said."""
    assert got.keys() == expected.keys()
    for name, g in got.items():
        largest = np.abs(g).max()
        assert zeros or largest > 0, name
        np.testing.assert_allclose(g, expected[name], rtol=0, atol=1e-8 * largest + 1e-11)


@pytest.mark.parametrize(
    ("loss", "bias", "shortcuts"),
    [(loss, True, True) for loss in LOSSES] + [(LOSSES[0], b, not b) for b in (True, False)],
    ids=lambda v: str(v) if isinstance(v, bool) else name_of(v),
)
def test_step_gradient_is_that_of_the_replay(loss, bias, shortcuts):
    """Per step: at every row of a sequence the gradient of that row's weighted loss alone."""
    rng = np.random.default_rng(1)
    learner = randomised(ReferenceLearner(I, N, O, loss=loss, bias=bias, shortcuts=shortcuts), rng)
    X, Y = rng.normal(size=(T, I)), labels(loss, rng, T)
    states = [learner.state]
    for t in range(T):
        state, row = learner.forward(states[t], X[t])
        states.append(state)
        got = learner.label_gradients(state, row, Y[t], weight=1.7)

        def loss_now(A, t=t):
            return 1.7 * loss.value(A[t], Y[t, 0] if loss.labels == "class" else Y[t]).sum()

        if t in (0, 1, T - 1):
            expected = truncated_gradient(learner, X[: t + 1], states, loss_now)
            # h and s are zero before the first row, and so are some gradients, exactly
            assert_gradients(got, expected, zeros=t == 0)


@pytest.mark.parametrize("loss", [SquaredError(), CrossEntropy()], ids=name_of)
def test_sequence_gradient_is_the_sum(loss):
    """Per sequence: what is gathered is the gradient of the labelled rows' summed loss."""
    rng = np.random.default_rng(2)
    learner = randomised(ReferenceLearner(I, N, O, loss=loss, update="sequence"), rng)
    X, Y = rng.normal(size=(T, I)), labels(loss, rng, T)
    Y[2] = np.nan
    states, before = [learner.state], dict(learner.parameters)
    for t in range(T):
        learner.step(X[t], Y[t])
        states.append(learner.state)

    def loss_of_sequence(A):
        rows = [t for t in range(T) if t != 2]
        label = {t: Y[t, 0] if loss.labels == "class" else Y[t] for t in rows}
        return sum(loss.value(A[t], label[t]).sum() for t in rows)

    expected = truncated_gradient(learner, X, states, loss_of_sequence)
    assert_gradients(learner.gradients, expected)

    learner.learning_rate = 0.5
    learner.reset()
    for name, w in learner.parameters.items():
        np.testing.assert_allclose(before[name] - w, 0.5 * expected[name], rtol=0, atol=1e-8)
    assert not learner.labelled
    assert not learner.state[0].h.any()


def test_masked_output_has_no_gradient():
    rng = np.random.default_rng(3)
    learner = randomised(ReferenceLearner(I, N, 2), rng)
    learner.step(rng.normal(size=I))
    learner.state, row = learner.forward(learner.state, rng.normal(size=I))
    got = learner.label_gradients(learner.state, row, np.array([np.nan, 0.4]), 1.0)
    assert not got["V"][0].any()
    assert got["b"][0] == 0.0
    assert got["V"][1].all()
    assert got["layer0.f"].any()


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_loss_gradient_is_its_derivative(loss):
    rng = np.random.default_rng(4)
    for y in labels(loss, rng, 20):
        a = rng.normal(size=O)
        label = y[0] if loss.labels == "class" else y

        def total(p, label=label):
            return loss.value(p["a"], label).sum()

        expected = central_differences(total, {"a": a}, eps=1e-5)["a"]
        np.testing.assert_allclose(loss.gradient(a, label), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("optimiser", "step_t"),
    [
        (SGD(), lambda g, t: g),
        (Momentum(0.9), lambda g, t: g * (1 - 0.9**t) / 0.1),
        (RMSprop(0.99, 0.0), lambda g, t: np.sign(g) / np.sqrt(1 - 0.99**t)),
        (RMSprop(0.99, 0.5), lambda g, t: g / (np.abs(g) * np.sqrt(1 - 0.99**t) + 0.5)),
        (AdaGrad(0.0), lambda g, t: np.sign(g) / np.sqrt(t)),
        (Adam(), lambda g, t: g / (np.abs(g) + 1e-8)),
        (Adam(eps=0.5), lambda g, t: g / (np.abs(g) + 0.5)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_optimiser_under_a_constant_gradient(optimiser, step_t):
    """With the same gradient at every step each optimiser has a closed form."""
    w, g = np.array([0.3, -2.0]), np.array([0.7, -0.02])
    for t in range(1, 30):
        optimiser.count += 1
        moved = optimiser.step("w", w, g, 0.1)
        np.testing.assert_allclose(w - moved, 0.1 * step_t(g, t), rtol=1e-12, atol=1e-15)
        w = moved


def test_adamw_decays_the_weights_and_not_the_gradient():
    adam, adamw = Adam(), AdamW(weight_decay=0.2)
    w, g = np.array([5.0]), np.array([0.1])
    adam.count = adamw.count = 1
    expected = adam.step("w", w, g, 0.1) - 0.1 * 0.2 * w
    np.testing.assert_allclose(adamw.step("w", w, g, 0.1), expected, rtol=1e-15)


def test_scaler_has_the_mean_and_spread_of_all_it_saw():
    rng = np.random.default_rng(5)
    X = rng.normal(1e3, 2.0, (50, 3))
    X[7, 1] = np.nan
    scaler = RunningScaler([True, True, False])
    for x in X:
        scaler.update(x)
    np.testing.assert_allclose(scaler.mean[:2], np.nanmean(X[:, :2], axis=0), rtol=1e-13)
    np.testing.assert_allclose(scaler.spread()[:2], np.nanstd(X[:, :2], axis=0), rtol=1e-10)
    assert scaler.count.tolist() == [50, 49, 0]


@pytest.mark.parametrize(
    ("clip", "bound"),
    [
        (("norm", 1e-2), lambda g: np.sqrt(sum((v**2).sum() for v in g.values()))),
        (("value", 1e-2), lambda g: max(np.abs(v).max() for v in g.values())),
        (("credit", 1e-2), lambda g: np.abs(g["b"]).max()),  # the readout's bias has gradient dy
    ],
    ids=lambda v: v[0] if isinstance(v, tuple) else "",
)
def test_clip_bounds_what_it_says(clip, bound):
    """With a rate of 1 and SGD the weights move by the clipped gradient."""
    rng = np.random.default_rng(6)
    learner = randomised(ReferenceLearner(I, N, O, learning_rate=1.0, clip=clip), rng)
    learner.step(rng.normal(size=I))
    before = dict(learner.parameters)
    learner.step(rng.normal(size=I), 10.0 * rng.normal(size=O))
    moved = {name: before[name] - w for name, w in learner.parameters.items()}
    assert bound(moved) == pytest.approx(1e-2, rel=1e-9)
