"""The LSTM's kernels against the naive twin, number by number, each step from the same block."""

import numpy as np
import pytest
from pair import (
    assert_same_numbers,
    assert_steps_agree,
    engine,
    engine_numbers,
    load_twin,
    twin,
)
from streams import rows

from rtrl_lstm.optimizers import ClipCredit, ClipNorm, ClipValue
from rtrl_lstm.spec import Spec

OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw")
LOSSES = {
    "squared_error": {},
    "absolute_error": {},
    "huber": {"huber_delta": 0.4},
    "quantile": {"quantiles": (0.1, 0.5, 0.8)},
    "poisson": {},
    "log_loss": {},
    "cross_entropy": {},
}
CLIPS = (None, ClipNorm(0.3), ClipValue(0.02), ClipCredit(0.3))


def spec_of(loss="squared_error", **options):
    options = {"optimizer": "adam", "learning_rate": 1e-2, "seed": 3} | options
    return Spec(3, 5, 3, loss=loss, dtype="float64", **LOSSES[loss], **options)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clip", CLIPS, ids=lambda c: getattr(c, "name", "unclipped"))
@pytest.mark.parametrize("update", ["step", "sequence"])
def test_optimiser_clip_update(optimizer, clip, update):
    assert_steps_agree(spec_of(optimizer=optimizer, clip=clip, update=update))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shortcuts", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_loss_bias_shortcuts(loss, bias, shortcuts):
    assert_steps_agree(spec_of(loss, bias=bias, shortcuts=shortcuts, scale_inputs=True))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("clip", [CLIPS[1], CLIPS[3]], ids=lambda c: c.name)
def test_loss_clip(loss, clip):
    assert_steps_agree(spec_of(loss, clip=clip, optimizer="sgd", learning_rate=0.1))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("scale_inputs", [False, True, (True, False, True)])
@pytest.mark.parametrize("clip", [CLIPS[0], CLIPS[3]], ids=["unclipped", "credit"])
def test_scaled_target(loss, scale_inputs, clip):
    assert_steps_agree(spec_of(loss, scale_target=True, scale_inputs=scale_inputs, clip=clip))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_sigmoid_output(loss):
    assert_steps_agree(spec_of(loss, output_activation="sigmoid"))


@pytest.mark.parametrize("hidden_size", [1, 7, 8, 9, 16, 17])
@pytest.mark.parametrize(("input_size", "output_size"), [(1, 1), (2, 8), (8, 9)])
@pytest.mark.parametrize("clip", [None, ClipNorm(0.5)], ids=["unclipped", "norm"])
def test_sizes_around_a_vector_of_lanes(hidden_size, input_size, output_size, clip):
    spec = Spec(
        input_size,
        hidden_size,
        output_size,
        dtype="float64",
        shortcuts=True,
        clip=clip,
        learning_rate=1e-2,
    )
    assert_steps_agree(spec, steps=20)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_float32_is_the_same_mathematics(optimizer):
    """To float32's rounding; Adam and its kin divide by it, so the rate bounds what it can do."""
    spec = Spec(3, 17, 2, optimizer=optimizer, learning_rate=1e-3, scale_inputs=True)
    assert_steps_agree(spec, tolerance=2e-5)


def test_free_running_a_thousand_rows():
    """Left alone at a tame rate the two stay together."""
    spec = spec_of(learning_rate=1e-3, scale_inputs=True, scale_target=True)
    net, naive = engine(spec), twin(spec)
    load_twin(naive, engine_numbers(net))
    X, Y = rows(spec, 1000, 11)
    Y_hat = net.run(X, Y)
    expected = [naive.step(x, y) for x, y in zip(X, Y, strict=True)]
    np.testing.assert_allclose(Y_hat, expected, rtol=1e-10, atol=1e-10)
    assert_same_numbers(engine_numbers(net), naive, 1e-9)
