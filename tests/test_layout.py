"""Where numbers lie: every array has a place of its own, and growing moves all of them by name."""

import dataclasses

import numpy as np
import pytest
from pair import engine, engine_numbers
from streams import rows

from rtrl_lstm.blocks import initial_block
from rtrl_lstm.fields import ALIGNMENT
from rtrl_lstm.layout import Layout
from rtrl_lstm.optimizers import ClipNorm
from rtrl_lstm.spec import Spec

SPECS = {
    "learner": Spec(3, 9, 2, scale_inputs=(True, False, True), scale_target=True, dtype="float64"),
    "no bias": Spec(1, 1, 1, bias=False),
    "shortcuts": Spec(4, 17, 9, shortcuts=True, optimizer="momentum", clip=ClipNorm(1.0)),
    "classes": Spec(2, 5, 3, loss="cross_entropy", optimizer="sgd", dtype="float64"),
    "peephole": Spec(3, 9, 2, num_layers=2, peephole=True, optimizer="rmsprop"),
    "gru": Spec(3, 7, 1, cell="gru", num_layers=3, scale_inputs=True, dtype="float64"),
    "elstm": Spec(3, 5, 1, cell="elstm", bias=False, dtype="float64"),
    "forecaster": Spec(3, 6, 2, horizon=4, shortcuts=True, scale_inputs=True, dtype="float64"),
}


@pytest.fixture(params=SPECS, name="spec")
def every_spec(request):
    return SPECS[request.param]


def test_every_array_has_a_place_of_its_own(spec):
    """What is written into one array is in it, and in no other."""
    layout = Layout(spec)
    block = layout.allocate()
    written = {}
    for number, (name, field) in enumerate(layout.fields.items()):
        size = int(np.prod(field.shape))
        written[name] = number + np.arange(1, size + 1).reshape(field.shape) / (size + 1)
        layout.write(block, name, written[name].astype("float32"))
    for name, values in written.items():
        np.testing.assert_array_equal(
            layout.read(block, name), values.astype("float32"), err_msg=name
        )


def test_a_block_is_aligned_and_of_the_stated_size(spec):
    layout = Layout(spec)
    block = layout.allocate()
    assert block.nbytes == layout.nbytes
    assert layout.body(block).ctypes.data % ALIGNMENT == 0
    assert not block.any()


def test_the_same_spec_gives_the_same_block(spec):
    one, other = initial_block(Layout(spec)), initial_block(Layout(spec))
    assert one.tobytes() == other.tobytes()


def grown(spec):
    """The same learner with two inputs more, and one class more where it has classes."""
    scaled = spec.scale_inputs
    if isinstance(scaled, tuple):
        scaled = (*scaled, False, True)
    classes = spec.loss == "cross_entropy"
    return dataclasses.replace(
        spec,
        input_size=spec.input_size + 2,
        output_size=spec.output_size + classes,
        scale_inputs=scaled,
    )


def test_growing_moves_every_number_by_name(spec):
    X, Y = rows(spec, 30)
    net = engine(spec)
    net.run(X, Y)
    kept = {name: net.array(name) for name in net.layout.fields}
    steps, labels = net.steps, net.labels
    first = {name: engine(grown(spec)).array(name) for name in Layout(grown(spec)).fields}
    old_fields = net.layout.fields
    net.grow(grown(spec))
    assert (net.spec, net.steps, net.labels) == (grown(spec), steps, labels)
    for name, field in net.layout.fields.items():
        values, old = net.array(name), old_fields[name]
        there = [
            [axis.index(label) for label in old_axis]
            for axis, old_axis in zip(field.axes, old.axes, strict=True)
        ]
        np.testing.assert_array_equal(values[np.ix_(*there)], kept[name], err_msg=name)
        values[np.ix_(*there)] = first[name][np.ix_(*there)]
        np.testing.assert_array_equal(values, first[name], err_msg=f"new numbers of {name}")


def test_a_grown_learner_goes_on_as_before():
    """New inputs of 0 change nothing at all: not what is said, and not what is learned."""
    spec = dataclasses.replace(SPECS["learner"], learning_rate=1e-3)
    X, Y = rows(spec, 60)
    net, same = engine(spec), engine(spec)
    for learner in (net, same):
        learner.run(X[:30], Y[:30])
    net.grow(grown(spec))
    wide = np.hstack([X[30:], np.zeros((30, 2))])
    np.testing.assert_allclose(net.run(wide, Y[30:]), same.run(X[30:], Y[30:]), rtol=1e-11)


@pytest.mark.parametrize("name", ["learner", "classes", "forecaster"])
def test_a_grown_learner_learns_with_its_new_inputs(name):
    spec = SPECS[name]
    X, Y = rows(spec, 30)
    net = engine(spec)
    net.run(X, Y)
    net.grow(grown(spec))
    before = engine_numbers(net)
    X, Y = rows(grown(spec), 30, seed=1)
    assert np.isfinite(net.run(X, Y)).all()
    new_columns = slice(1 + spec.input_size, 3 + spec.input_size)
    for gate in "ifgo":
        now, then = engine_numbers(net)[f"layer0.{gate}"], before[f"layer0.{gate}"]
        assert np.all(now[:, new_columns] != then[:, new_columns]), gate
