"""A Learner's numbers by name: parameters, seeds, rates, scaling, and a frozen copy of them."""

import dataclasses

import numpy as np
import pytest
from pair import engine
from streams import SPECS, rows, stream

import rtrl_lstm as rl
from rtrl_lstm.spec import Spec


@pytest.fixture(params=SPECS, name="spec")
def every_spec(request):
    return SPECS[request.param]


def shapes_of(spec):
    """PyTorch's, for as many gates as there are; and what PyTorch does not have."""
    n, outputs = spec.hidden_size, spec.output_size
    gates, own = {
        "lstm": (4 - spec.coupled_gates - (not spec.forget_gate) - (not spec.output_gate), 2),
        "gru": (3, 0),
        "rnn": (1, 0),
        "elstm": (3, 2),
    }[spec.cell]
    found = {"readout.weight": (outputs, n)}
    if spec.bias:
        found["readout.bias"] = (outputs,)
    if spec.shortcuts:
        found["readout.shortcut"] = (outputs, spec.input_size)
    for k in range(spec.num_layers):
        found[f"weight_ih_l{k}"] = (gates * n, n if k else spec.input_size)
        sides = ["ih"]
        if spec.cell != "elstm":  # which has no full recurrence
            found[f"weight_hh_l{k}"] = (gates * n, n)
            sides.append("hh")
        if spec.bias:
            found |= {f"bias_{side}_l{k}": (gates * n,) for side in sides}
        if spec.peephole or spec.cell == "elstm":
            found[f"weight_own_l{k}"] = (own * n,)
    return found


def test_state_dict_comes_back(spec):
    X, Y, _, _ = stream(spec)
    net, other = engine(spec), engine(spec)
    net.run(X, Y)
    parameters = net.state_dict()
    assert {name: values.shape for name, values in parameters.items()} == shapes_of(spec)
    other.load_state_dict(parameters)
    for name, values in other.state_dict().items():
        np.testing.assert_array_equal(values, parameters[name], err_msg=name)
        assert values.dtype == spec.dtype
        values[:] = np.nan  # a copy: the learner does not see this
    assert np.isfinite(other.step(X[0])).all()


def test_forget_bias_is_in_the_forget_gates_alone():
    n = 400
    bias = rl.Learner(2, n, forget_bias=3.0).state_dict()["bias_ih_l0"]
    means = bias.reshape(4, n).mean(axis=1)
    np.testing.assert_allclose(means, [0.0, 3.0, 0.0, 0.0], atol=0.01)


def test_same_seed_same_bits_other_seed_others(spec):
    X, Y, _, _ = stream(spec)
    one, again, other = (
        engine(spec),
        engine(spec),
        engine(dataclasses.replace(spec, seed=spec.seed + 1)),
    )
    said = one.run(X, Y)
    np.testing.assert_array_equal(again.run(X, Y), said)
    assert np.all(other.run(X, Y)[-1] != said[-1])


def test_learning_rate_can_be_changed_in_mid_stream():
    """With plain gradient descent a change of the weights is in proportion to the rate."""
    X, Y = rows(Spec(3, 6, 2), 12, unlabelled=0.0)
    moved = []
    for rate in (1e-3, 2e-3):
        net = rl.Learner(3, 6, 2, optimizer="sgd", dtype="float64")
        net.run(X[:-1], Y[:-1])
        before = net.state_dict()["weight_hh_l0"]
        net.learning_rate = rate
        assert net.learning_rate == rate
        net.step(X[-1], Y[-1])
        moved.append(net.state_dict()["weight_hh_l0"] - before)
    assert np.all(moved[0] != 0)
    np.testing.assert_allclose(moved[1], 2 * moved[0], rtol=1e-9)


def test_frozen_neither_learns_nor_moves_its_scaling(spec):
    X, Y, _, _ = stream(spec)
    net = engine(spec)
    net.run(X[:30], Y[:30])
    frozen = net.frozen()
    parameters, scaling = frozen.state_dict(), frozen.scaling()
    said = frozen.run(X[30:], Y[30:])
    np.testing.assert_array_equal(net.frozen().run(X[30:]), said)
    frozen.reset()
    frozen.run(X[30:], Y[30:])
    for name, values in frozen.state_dict().items():
        np.testing.assert_array_equal(values, parameters[name], err_msg=name)
    for name, values in frozen.scaling().items():
        np.testing.assert_array_equal(values, scaling[name], err_msg=name)
    net.reset()  # where sums of gradients are applied
    frozen.reset()
    assert np.any(net.run(X[30:], Y[30:]) != frozen.run(X[30:])), "the original goes on learning"


def test_scaling_says_what_the_inputs_become():
    """A frozen learner on scaled inputs is the same as one without scaling on z."""
    spec = Spec(3, 6, 1, dtype="float64", scale_inputs=(True, True, False), scale_target=True)
    X, Y = rows(spec, 50)
    X[:, 1] = 4.0  # a constant input is scaled to 0
    net = engine(spec)
    net.run(X, Y)
    net.reset()
    scaling = net.scaling()
    np.testing.assert_allclose(scaling["input_mean"], [X[:, 0].mean(), 4.0, 0.0], rtol=1e-12)
    np.testing.assert_allclose(scaling["input_scale"], [1 / X[:, 0].std(), 0.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(scaling["target_mean"], np.nanmean(Y), rtol=1e-12)
    np.testing.assert_allclose(scaling["target_scale"], np.nanstd(Y), rtol=1e-12)
    plain = rl.Learner(3, 6, 1, dtype="float64")
    plain.load_state_dict(net.state_dict())
    Z = (X - scaling["input_mean"]) * scaling["input_scale"]
    expected = scaling["target_mean"] + scaling["target_scale"] * plain.run(Z)
    np.testing.assert_allclose(net.frozen().run(X), expected, rtol=1e-12)
