"""Inputs that only a combination sees: the network is as if they were not there."""

import dataclasses

import numpy as np
import onnx
import pytest

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.blocks import initial_block
from rtrl_lstm.layout import Layout
from rtrl_lstm.parameters import OF_INPUTS
from rtrl_lstm.spec import Spec

SEEN = [0, 2, 5]
COMBINED = {"combine_with": (0, 1, 3, 4), "combine_only": (4, 1, 3)}
SCALED = (True, True, False, True, False, True)
NETWORKS = {
    "plain": {},
    "as they are": {"scale_inputs": False},
    "ahead": {"horizon": 4, "shortcuts": True, "optimizer": "sgd"},
    "stack": {"num_layers": 2, "cell": "gru", "shortcuts": True, "clip": 1.0},
    "snap1": {"rule": "snap1", "horizon": 2},
    "full": {"rule": "full", "hidden_size": 3},
    "blocks": {"cell": "lstm1997", "block_size": 2, "hidden_size": 4, "update": "sequence"},
    "projected": {"proj_size": 2, "bias": False},
}


def spec_of(**options):
    options = {"scale_inputs": SCALED, "scale_target": True, "hidden_size": 5, **options}
    return Spec(**{"input_size": 6, "seed": 3, **options})


def alone(spec):
    """The network of a spec by itself, with no inputs but those that it sees."""
    scaled = tuple(spec.scaled_inputs[k] for k in spec.seen_inputs)
    plain = {"combine_with": (), "combine_only": ()}
    return dataclasses.replace(spec, input_size=len(scaled), scale_inputs=scaled, **plain)


def made(spec):
    return (rl.Forecaster if spec.horizon else rl.Learner).of(spec, initial_block(Layout(spec)))


def series(count, width, seed=0):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(size=(count, width)), 0), np.cumsum(rng.normal(size=count))


def seen(parameters, columns):
    return {n: v[:, columns] if n in OF_INPUTS else v for n, v in parameters.items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_is_that_of_the_inputs_that_it_sees(name):
    """To the bit: in what it says, what it learns and how it scales."""
    spec = spec_of(**COMBINED, **NETWORKS[name])
    net, plain = made(spec), made(alone(spec))
    plain.load_state_dict(seen(net.state_dict(), SEEN))
    X, y = series(120, 6)
    begins = np.arange(120) % 50 == 0
    net.run(X, y, reset=begins)
    plain.run(X[:, SEEN], y, reset=begins)
    assert_same(seen(net.state_dict(), SEEN), plain.state_dict())
    assert_same(net.state(), plain.state())
    for part in ("input_mean", "input_scale"):
        assert (net.scaling()[part][SEEN] == plain.scaling()[part]).all()
        assert not net.scaling()[part][[1, 3, 4]].any()


@pytest.mark.parametrize("name", NETWORKS)
def test_other_inputs_have_no_columns(name):
    layout = Layout(spec_of(**COMBINED, **NETWORKS[name]))
    inputs = {"x0", "x2", "x5"}
    found = 0
    for array, field in layout.fields.items():
        for axis in field.axes:
            of_inputs = {label for label in axis if label.startswith("x")}
            if array.startswith(("layer", "lead", "readout", "ring")):
                assert of_inputs in (set(), inputs), array
                found += bool(of_inputs)
    assert found > 4
    unlike = {"input.", "combination"}
    own, plain = layout.fields, Layout(alone(layout.spec)).fields
    for array in own.keys() - {n for n in own if n.startswith(tuple(unlike))}:
        assert own[array].shape == plain[array].shape, array
    assert layout.weights == Layout(alone(layout.spec)).weights


@pytest.mark.parametrize("more", [{}, {"init_range": 0.2, "shortcuts": True}])
def test_a_seeds_weights_are_what_they_would_be_if_all_were_seen(more):
    all_seen, some = (made(spec_of(**o, **more)) for o in ({}, COMBINED))
    assert_same(
        seen(some.state_dict(), SEEN),
        seen(all_seen.state_dict(), SEEN),
    )


def test_parameters_have_columns_of_zeros():
    net = made(spec_of(**COMBINED, shortcuts=True))
    X, y = series(30, 6)
    net.run(X, y)
    found = net.state_dict()
    assert found["weight_ih_l0"].shape == (20, 6)
    assert found["readout.shortcut"].shape == (1, 6)
    for name in OF_INPUTS:
        assert not found[name][:, [1, 3, 4]].any()
        assert found[name][:, SEEN].all()
    other = made(spec_of(**COMBINED, shortcuts=True))
    other.load_state_dict(found)
    assert_same(other.state_dict(), found)
    for name in OF_INPUTS:
        wrong = {**found, name: np.ones_like(found[name])}
        with pytest.raises(ValueError, match=f"{name} has numbers where this learner has no"):
            other.load_state_dict(wrong)
    assert_same(other.state_dict(), found)


@pytest.mark.parametrize("horizon", [0, 3])
def test_it_grows_by_inputs_of_both_kinds(horizon):
    spec = spec_of(**COMBINED, horizon=horizon, shortcuts=True, dtype="float64")
    more = {"combine_with": (0, 1, 3, 4, 6), "combine_only": (4, 1, 3, 6)}
    wide = dataclasses.replace(spec, input_size=8, scale_inputs=(*SCALED, True, True), **more)
    net, plain = made(spec), made(alone(spec))
    plain.load_state_dict(seen(net.state_dict(), SEEN))
    X, y = series(60, 6)
    net.run(X, y)
    plain.run(X[:, SEEN], y)
    net.grow(wide)
    plain.grow(alone(wide))
    now_seen = [*SEEN, 7]
    plain.load_state_dict(seen(net.state_dict(), now_seen))  # its new column is drawn anew
    X, y = series(60, 8, seed=1)
    net.run(X, y)
    plain.run(X[:, now_seen], y)
    assert net.state_dict()["weight_ih_l0"].shape == (20, 8)
    assert_same(seen(net.state_dict(), now_seen), plain.state_dict())


@pytest.mark.parametrize(
    ("graph", "precision"),
    [
        *[(graph, p) for graph in ("step", "sequence") for p in ("float32", "float64", "int8")],
        *[("learner", p) for p in ("float32", "float64")],
    ],
)
@pytest.mark.parametrize("name", ["ahead", "stack"])
def test_graphs_have_no_columns_for_them_either(tmp_path, name, graph, precision):
    clip = {"clip": None} if graph == "learner" else {}
    net = made(spec_of(**COMBINED, **NETWORKS[name] | clip, dtype="float64"))
    X, y = series(60, 6)
    net.run(X, y)
    export.to_onnx(net, tmp_path / "m.onnx", graph=graph, precision=precision)
    shapes = {t.name: list(t.dims) for t in onnx.load(tmp_path / "m.onnx").graph.initializer}
    assert shapes["input.seen"] == [3]
    if graph == "learner":
        assert shapes["readout.weight"] == [1, 1 + 3 + 5, 1]
    else:
        assert shapes["readout.shortcut"] == [1, 3]
        first = "W_l0" if "W_l0" in shapes else "weight_ih_l0"
        assert shapes[first][-1] == 3
        assert shapes["input_mean"] == [3]
    again = export.from_onnx(tmp_path / "m.onnx")
    close = {"float32": 1e-6, "float64": 1e-14, "int8": 1e-2}[precision]
    for array, values in net.state_dict().items():
        np.testing.assert_allclose(again.state_dict()[array], values, atol=close, err_msg=array)


def test_lags_of_a_models_steps_have_none():
    """Where there is a calendar, the network sees the last value alone."""
    model = rl.Model("y", time="time", horizon=4, every_step=True, hidden_size=4)
    rng = np.random.default_rng(0)
    for t in range(200):
        stamp = f"2024-01-{1 + t // 24:02d} {t % 24:02d}:00"
        model.step({"time": stamp, "y": 10 + np.sin(t * np.pi / 12) + rng.normal() / 9})
    spec, fields = model.learner.spec, model.learner.layout.fields
    assert len(spec.combine_only) > 4
    columns = [k for k in fields["layer0.i.weight"].axes[1] if k.startswith("x")]
    assert columns == [f"x{k}" for k in range(spec.seen_size)]
    assert columns == [k for k in fields["readout.direct.moment2"].axes[1] if k.startswith("x")]
    assert fields["ring"].shape == (4, spec.seen_size)


def test_an_input_that_is_no_longer_seen_loses_its_column():
    spec = spec_of(combine_with=(0, 1), combine_only=())
    net = made(spec)
    X, y = series(40, 6)
    net.run(X, y)
    before = net.state_dict()
    net.grow(dataclasses.replace(spec, combine_only=(1,)))
    assert_same(seen(net.state_dict(), [0, 2, 3, 4, 5]), seen(before, [0, 2, 3, 4, 5]))
    net.grow(spec)
    assert net.state_dict()["weight_ih_l0"].all()


def test_a_network_sees_something():
    with pytest.raises(ValueError, match="combine_only must leave the network an input"):
        spec_of(input_size=1, scale_inputs=True, combine_with=(0,), combine_only=(0,))
