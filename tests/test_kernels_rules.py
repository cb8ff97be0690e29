"""Wirings of an LSTM, the rules snap1 and full, ObGD and schedules: each step is the twin's."""

import numpy as np
import pytest
from pair import assert_steps_agree, engine
from variants import CELLS, WIRINGS

from rtrl_lstm.optimizers import ClipNorm, Cosine, Exponential, InverseTime, Linear, ObGD
from rtrl_lstm.spec import Spec

COMMON = {"dtype": "float64", "learning_rate": 1e-2, "seed": 3, "hidden_size": 4}
SNAPPED = {name: cell for name, cell in CELLS.items() if not name.startswith("elstm")}
# One of each kind: the twin of "full" takes a second for each.
FULL = (
    {"lstm": {}, "peephole coupled": CELLS["peephole coupled"]}
    | {name: WIRINGS[name] for name in ("1997 blocks", "gates see gates", "projected blocks")}
    | {name: CELLS[name] for name in ("gru", "rnn", "elstm")}
)


def spec_of(options, **more):
    return Spec(**({"input_size": 3, "output_size": 2} | COMMON | options | more))


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", WIRINGS)
def test_wiring(name, optimizer, num_layers):
    options = {"optimizer": optimizer, "num_layers": num_layers}
    assert_steps_agree(spec_of(WIRINGS[name], **options))


@pytest.mark.parametrize("name", WIRINGS)
def test_wiring_of_a_forecaster(name):
    assert_steps_agree(spec_of(WIRINGS[name], horizon=3, scale_target=True))


@pytest.mark.parametrize("name", ["1997 blocks", "projection"])
@pytest.mark.parametrize("hidden_size", [8, 16, 20])
@pytest.mark.parametrize("clip", [None, ClipNorm(0.3)], ids=["unclipped", "norm"])
def test_sizes_around_a_vector_of_lanes(name, hidden_size, clip):
    assert_steps_agree(spec_of(WIRINGS[name], hidden_size=hidden_size, clip=clip))


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", SNAPPED)
def test_snap1(name, num_layers):
    options = {"rule": "snap1", "num_layers": num_layers, "hidden_size": 3, "seed": 1}
    dead = 0.2 if "relu" in name else 0.8  # units of a relu that is off do not learn
    assert_steps_agree(spec_of(CELLS[name], **options), steps=15, learned=dead)


def test_snap1_of_a_forecaster():
    assert_steps_agree(spec_of({}, rule="snap1", horizon=2), steps=15)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", FULL)
def test_full(name, num_layers):
    options = {"rule": "full", "num_layers": num_layers, "input_size": 2}
    assert_steps_agree(spec_of(FULL[name], **options), steps=6, every=5, learned=0.7)


def test_full_of_a_forecaster_by_sequences():
    spec = spec_of({}, rule="full", horizon=2, update="sequence", input_size=2)
    assert_steps_agree(spec, steps=14, every=5, learned=0.5)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy", "absolute_error"])
@pytest.mark.parametrize("kappa", [0.01, 2.0])
def test_obgd(loss, kappa):
    assert_steps_agree(spec_of({}, optimizer=ObGD(kappa), loss=loss, learning_rate=1.0))


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("warmup", [0, 4])
@pytest.mark.parametrize(
    "schedule",
    [
        lambda **more: Exponential(0.9, **more),
        lambda **more: InverseTime(5.0, 0.5, **more),
        lambda **more: Linear(12, 0.1, **more),
        lambda **more: Cosine(12, 0.1, **more),
    ],
    ids=["exponential", "inverse time", "linear", "cosine"],
)
def test_schedule(schedule, warmup, restart):
    schedule = schedule(warmup=warmup, restart=restart)
    assert_steps_agree(spec_of({}, schedule=schedule, optimizer="sgd"), learned=0.7)


@pytest.mark.parametrize("update", ["step", "sequence"])
def test_warm_up_begins_small(update):
    """Not only beside the twin: the first step of a warm-up of four is a quarter of the rate's."""

    nets = [
        engine(spec_of({}, schedule=s, optimizer="sgd", update=update))
        for s in (None, Linear(1000, 0.99, warmup=4))
    ]
    moved = []
    for net in nets:
        before = net.state_dict()["readout.bias"]
        net.step([0.1, 0.2, 0.3], [1.0, -1.0])
        net.reset()
        moved.append(net.state_dict()["readout.bias"] - before)
    np.testing.assert_allclose(4 * moved[1], moved[0], rtol=1e-12)
