"""Every cell's kernels against the naive twin, number by number, each step from the same block."""

import itertools

import pytest
from pair import assert_steps_agree
from variants import CELLS

from rtrl_lstm.optimizers import OPTIMIZERS, ClipCredit, ClipNorm, ClipValue
from rtrl_lstm.spec import Spec

MODES = {
    "adam step": {"optimizer": "adam"},
    "sgd sequence": {"optimizer": "sgd", "update": "sequence"},
    "clip norm": {"optimizer": "rmsprop", "clip": ClipNorm(0.3)},
}
KINDS = ("lstm", "peephole", "peephole coupled", "gru", "rnn", "elstm")
CLIPS = (None, ClipNorm(0.3), ClipValue(0.02), ClipCredit(0.3))


def spec_of(name, **options):
    options = {"learning_rate": 1e-2, "seed": 3, "dtype": "float64"} | options
    return Spec(3, 5, 2, **(options | CELLS[name]))


def learned(name):
    """The share of weights that must have changed: a unit may never come out of its relu."""
    return 0.5 if "relu" in name else 0.8


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CELLS)
def test_cell(name, mode):
    assert_steps_agree(spec_of(name, **MODES[mode]), learned=learned(name))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("num_layers", [2, 3])
@pytest.mark.parametrize("name", KINDS)
def test_stack(name, num_layers, mode):
    assert_steps_agree(spec_of(name, num_layers=num_layers, **MODES[mode]))


@pytest.mark.parametrize("hidden_size", [1, 8, 9, 17])
@pytest.mark.parametrize("name", KINDS)
def test_stack_around_a_vector_of_lanes(name, hidden_size):
    """No bias, shortcuts from the inputs past both layers, scaling; more units than inputs, fewer.

    A lane beyond the last unit must have no part in the credit that goes down.
    """
    spec = Spec(
        4,
        hidden_size,
        3,
        num_layers=2,
        bias=False,
        shortcuts=True,
        scale_inputs=True,
        scale_target=True,
        clip=ClipCredit(0.5),
        dtype="float64",
        **CELLS[name],
    )
    assert_steps_agree(spec, steps=15)


@pytest.mark.parametrize("horizon", [1, 4])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", KINDS)
def test_forecaster(name, num_layers, horizon):
    spec = spec_of(name, num_layers=num_layers, horizon=horizon, scale_target=True)
    assert_steps_agree(spec, steps=30)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", KINDS)
def test_float32_is_the_same_mathematics(name, num_layers, optimizer):
    spec = Spec(
        3,
        17,
        2,
        num_layers=num_layers,
        optimizer=optimizer,
        scale_inputs=True,
        **CELLS[name],
    )
    assert_steps_agree(spec, tolerance=2e-5)


@pytest.mark.proof
@pytest.mark.parametrize("name", CELLS)
def test_everything_with_everything(name):
    """Cells, optimisers, clips, updates and depths: a Learner, and a Forecaster with the rest."""
    rest = {
        "horizon": 3,
        "bias": False,
        "shortcuts": True,
        "scale_inputs": True,
        "scale_target": True,
    }
    for optimizer, clip, update, num_layers, more in itertools.product(
        OPTIMIZERS, CLIPS, ("step", "sequence"), (1, 2), ({}, rest)
    ):
        options = {"optimizer": optimizer, "clip": clip, "update": update} | more
        spec = spec_of(name, num_layers=num_layers, **options)
        assert_steps_agree(spec, steps=20, learned=0.0)
