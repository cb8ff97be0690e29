"""Promises that hold for any learner and any stream: hypothesis looks for one where they do not."""

import dataclasses
import itertools

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pair import assert_steps_agree, engine, engine_numbers
from streams import beginnings, rows
from variants import WIRINGS

from rtrl_lstm.kernels.slots import CELL_ACTIVATIONS
from rtrl_lstm.optimizers import (
    OPTIMIZERS,
    ClipCredit,
    ClipNorm,
    ClipValue,
    Cosine,
    Exponential,
)
from rtrl_lstm.spec import CELLS, Spec

# The first example may compile.
quick = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**31)


@st.composite
def cells(draw):
    """Any cell with any of its options."""
    cell = draw(st.sampled_from(CELLS))
    odd = draw(st.integers(0, 3))  # sizes that are no multiple of four
    options = {"cell": cell, "num_layers": draw(st.integers(1, 3)), "odd": odd}
    if cell == "lstm":
        options |= {name: draw(st.booleans()) for name in ("peephole", "output_gate")}
        options |= {
            name: draw(st.sampled_from(CELL_ACTIVATIONS))
            for name in ("input_activation", "cell_activation")
        }
        if draw(st.booleans()):
            options["coupled_gates"] = True
        else:
            options |= {name: draw(st.booleans()) for name in ("input_gate", "forget_gate")}
    elif cell == "rnn":
        options["input_activation"] = draw(st.sampled_from(["tanh", "relu"]))
    elif cell == "elstm":
        options["output_gate"] = draw(st.booleans())
    return options


@st.composite
def wirings(draw):
    """An LSTM whose gates see gates, whose cells share gates or whose output is projected."""
    wiring = dict(WIRINGS[draw(st.sampled_from(sorted(WIRINGS)))])
    return wiring | {"num_layers": draw(st.integers(1, 3))}


@st.composite
def specs(draw, dtypes=("float32", "float64"), losses=None, **fixed):
    """Any Spec of a small learner."""
    loss = draw(
        st.sampled_from(
            losses
            or ("squared_error", "absolute_error", "huber", "quantile", "log_loss", "cross_entropy")
        )
    )
    input_size, outputs = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    limit = draw(st.floats(0.05, 2.0))
    options = {
        "loss": loss,
        "bias": draw(st.booleans()),
        "shortcuts": draw(st.booleans()),
        "optimizer": draw(st.sampled_from(sorted(OPTIMIZERS))),
        "learning_rate": draw(st.sampled_from([1e-4, 1e-3, 1e-2])),
        "update": draw(st.sampled_from(["step", "sequence"])),
        "clip": draw(st.sampled_from([None, ClipNorm(limit), ClipValue(limit), ClipCredit(limit)])),
        "scale_inputs": tuple(draw(st.booleans()) for _ in range(input_size)),
        "dtype": draw(st.sampled_from(dtypes)),
        "seed": draw(seeds),
    }
    if loss not in ("log_loss", "cross_entropy"):
        options["scale_target"] = draw(st.booleans())
    if loss == "quantile":
        options["quantiles"] = tuple(np.linspace(0.1, 0.9, outputs))
    options |= draw(st.one_of(cells(), wirings())) | fixed
    if options["optimizer"] == "obgd":
        options |= {"update": "step", "clip": draw(st.sampled_from([None, ClipCredit(limit)]))}
    return Spec(input_size, 4 * draw(st.integers(1, 9)) - options.pop("odd", 0), outputs, **options)


@settings(quick, max_examples=100)
@given(specs(dtypes=("float64",)), st.integers(0, 3), seeds)
def test_every_step_is_the_twins(spec, horizon, seed):
    spec = dataclasses.replace(spec, horizon=horizon)
    assert_steps_agree(spec, steps=12, seed=seed, every=5, learned=0.0)


@st.composite
def ruled(draw):
    """Any Spec, by any rule that it goes with; the whole net's only where it is small."""
    fields = vars(draw(specs()))
    rule = draw(st.sampled_from(["truncated", "snap1", "full"]))
    small = {"hidden_size": 4, "num_layers": 1, "dtype": "float64"} if rule == "full" else {}
    schedule = draw(st.sampled_from([None, Exponential(0.9, restart=True), Cosine(9, warmup=3)]))
    try:
        return Spec(**(fields | small | {"rule": rule, "schedule": schedule}))
    except ValueError:  # snap1 is not for all
        return Spec(**fields)


@quick
@given(ruled(), st.integers(0, 6), seeds, st.lists(st.integers(0, 40), max_size=5))
def test_any_chunks_and_copies_give_the_same_bits(spec, horizon, seed, cuts):
    spec = Spec(**(vars(spec) | {"horizon": horizon}))
    X, Y = rows(spec, 40, seed)
    begins = beginnings(40, seed)
    by_step, chunked = engine(spec), engine(spec)
    expected = []
    for t in range(40):
        if begins[t]:
            by_step.reset()
        expected.append(by_step.step(X[t], Y[t]))
    edges, parts = [0, *sorted(cuts), 40], []
    for a, b in itertools.pairwise(edges):
        parts.append(chunked.run(X[a:b], Y[a:b], reset=begins[a:b]))
        state = chunked.__getstate__()
        chunked = engine(spec)
        chunked.__setstate__(state)
    np.testing.assert_array_equal(np.concatenate(parts), np.array(expected), strict=True)
    assert chunked.block.tobytes() == by_step.block.tobytes()


@quick
@given(specs(update="step"), seeds)
def test_labels_of_weight_nothing_leave_plain_descent_where_it_is(spec, seed):
    spec = Spec(**(vars(spec) | {"optimizer": "sgd"}))
    X, Y = rows(spec, 10, seed)
    net = engine(spec)
    before = net.state_dict()
    net.run(X, Y, weight=np.zeros(10))
    for name, values in net.state_dict().items():
        np.testing.assert_array_equal(values, before[name], err_msg=name)


@quick
@given(specs(dtypes=("float64",), losses=("squared_error",), scale_target=True), seeds)
def test_the_targets_unit_does_not_matter(spec, seed):
    """With a scaled target, y in another unit gives the forecasts in that unit."""
    X, Y = rows(spec, 30, seed)
    Y[:5] = rows(spec, 5, seed, unlabelled=0.0)[1]  # from two labels on there is a spread
    said = engine(spec).run(X, Y)[5:]
    in_another_unit = engine(spec).run(X, 32.0 * Y + 100.0)[5:]
    np.testing.assert_allclose(in_another_unit, 32.0 * said + 100.0, rtol=0, atol=1e-5)


@quick
@given(specs(dtypes=("float64",)), st.floats(-1e3, 1e3), st.sampled_from([0.25, 4.0]), seeds)
def test_the_inputs_unit_does_not_matter(spec, shift, factor, seed):
    """The same for scaled inputs."""
    spec = Spec(**(vars(spec) | {"scale_inputs": True, "learning_rate": 1e-4}))
    X, Y = rows(spec, 30, seed)
    said = engine(spec).run(X, Y)
    np.testing.assert_allclose(engine(spec).run(factor * X + shift, Y), said, rtol=0, atol=1e-5)


@quick
@given(specs(input_activation="tanh", cell_activation="tanh"), seeds, st.sampled_from([1e4, 1e8]))
def test_large_inputs_overflow_nothing(spec, seed, size):
    """Every number stays finite where all inputs are far out of any unit."""
    spec = Spec(**(vars(spec) | {"learning_rate": 1e-4, "clip": ClipCredit(0.1), "update": "step"}))
    X, Y = rows(spec, 20, seed)
    net = engine(spec)
    assert np.isfinite(net.run(size * X, Y)).all()
    for values in engine_numbers(net).values():
        assert np.isfinite(values).all()
