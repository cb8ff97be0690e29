"""Large layers under plain descent are written every other step, and nobody can tell.

A learner with `sparse_inputs` says the same in the same bits, and writes at every step.
"""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair import assert_steps_agree, engine
from streams import beginnings, rows

from rtrl_lstm.kernels import slots
from rtrl_lstm.optimizers import ClipCredit, Exponential
from rtrl_lstm.spec import Spec

LARGE = Spec(3, 64, 2, optimizer="sgd", learning_rate=0.02)
SPECS = {
    "even": LARGE,
    "odd": Spec(2, 70, 1, optimizer="sgd", learning_rate=0.02, scale_target=True, shortcuts=True),
    "float64": Spec(4, 33, 3, optimizer="sgd", dtype="float64", clip=ClipCredit(0.3)),
    "schedule": Spec(3, 65, 1, optimizer="sgd", schedule=Exponential(0.9)),
    "projected": Spec(3, 72, 1, optimizer="sgd", proj_size=40),
    "classes": Spec(3, 80, 4, optimizer="sgd", loss="cross_entropy"),
    "unbiased": Spec(2, 120, 1, optimizer="sgd", bias=False, input_activation="relu"),
}


def writes_always(spec):
    return engine(dataclasses.replace(spec, sparse_inputs=True))


def is_deferred(net):
    return net._head[slots.H_DEFERRED] != 0.0


def assert_same(net, other):
    """All numbers that both have are the same."""
    for name in other.layout.fields.keys() & net.layout.fields.keys():
        np.testing.assert_array_equal(net.array(name), other.array(name), name)
    assert "layer0.i.trace" in net.layout.fields.keys() & other.layout.fields.keys()


@pytest.mark.parametrize("name", SPECS)
def test_not_a_bit_differs(name):
    spec = SPECS[name]
    X, Y = rows(spec, 120)
    begins = beginnings(120, every=30)
    net, other = engine(spec), writes_always(spec)
    np.testing.assert_array_equal(net.run(X, Y, reset=begins), other.run(X, Y, reset=begins))
    assert_same(net, other)


@pytest.mark.parametrize("name", ["odd", "float64", "projected"])
def test_each_step_is_the_twins(name):
    fields = vars(SPECS[name]) | {"dtype": "float64"}
    assert_steps_agree(Spec(**fields), steps=20, every=6)


@pytest.mark.parametrize("units", [24, 64])
def test_every_other_step_writes(units):
    """So does a large layer; a small one does at every step."""
    net = engine(dataclasses.replace(LARGE, hidden_size=units))
    X, Y = rows(LARGE, 20, unlabelled=0.0)
    net.step(X[0], Y[0])
    for k in range(1, 20):
        before = net.layout.read(net.block, "layer0.i.weight")
        net.step(X[k], Y[k])
        written = np.any(net.layout.read(net.block, "layer0.i.weight") != before)
        assert (is_deferred(net), written) == (
            (k % 2 == 1, k % 2 == 0) if units > 24 else (False, True)
        )


DEEDS = {
    "label": lambda net, x, y: (net, net.step(x, y)),
    "no label": lambda net, x, y: (net, net.step(x)),
    "late": lambda net, x, y: (net, (net.step(x), net.learn(y))[0]),
    "predict": lambda net, x, y: (net, net.predict(x)),
    "run": lambda net, x, y: (net, net.run([x, -x, x], [y, y, -y])),
    "look": lambda net, x, y: (net, net.array("layer0.f.weight")),
    "copy": lambda net, x, y: (copy.copy(net), x),
    "pickle": lambda net, x, y: (pickle.loads(pickle.dumps(net)), x),
    "frozen": lambda net, x, y: (net, net.frozen().run([x, -x])),
    "reset": lambda net, x, y: (net, net.reset()),
    "rate": lambda net, x, y: (net, setattr(net, "learning_rate", net.learning_rate * 0.9)),
    "finish": lambda net, x, y: (net, net.finish()),
    "set": lambda net, x, y: (
        net,
        net.set_array("readout.weight", net.array("readout.weight") / 2),
    ),
}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(DEEDS)) | st.just("label"), min_size=5, max_size=40),
    st.integers(0, 99),
)
def test_whatever_is_done_in_between(deeds, seed):
    net, other = engine(LARGE), writes_always(LARGE)
    for deed, x, y in zip(deeds, *rows(LARGE, len(deeds), seed, unlabelled=0.0), strict=True):
        net, said = DEEDS[deed](net, x, y)
        other, wanted = DEEDS[deed](other, x, y)
        np.testing.assert_array_equal(said, wanted, deed)
    assert_same(net, other)


def test_a_block_does_not_tell_when_it_was_looked_at():
    X, Y = rows(LARGE, 30, unlabelled=0.0)
    net, seen = engine(LARGE), engine(LARGE)
    net.run(X, Y)
    for t in range(30):
        seen.step(X[t], Y[t])
        if t % 5 == 0:
            seen.state_dict()
    net.finish()
    seen.finish()
    assert net.block.tobytes() == seen.block.tobytes()


def test_in_threads():
    spec = Spec(3, 512, 1, optimizer="sgd")
    X, Y = rows(spec, 31)
    alone, net = engine(spec), engine(spec)
    net.threads = 2
    assert net._helpers is not None
    np.testing.assert_array_equal(net.run(X, Y), alone.run(X, Y))
    assert is_deferred(net) == is_deferred(alone)
    assert net.block.tobytes() == alone.block.tobytes()


def test_a_learner_that_grows():
    X, Y = rows(LARGE, 30, unlabelled=0.0)
    net, other = engine(LARGE), writes_always(LARGE)
    for one in (net, other):
        one.run(X[:15], Y[:15])
        one.grow(dataclasses.replace(one.spec, input_size=5))
    wide = np.concatenate((X, X[:, :2]), axis=1)
    np.testing.assert_array_equal(net.run(wide[15:], Y[15:]), other.run(wide[15:], Y[15:]))
    assert_same(net, other)
