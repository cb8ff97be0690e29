"""Promises that hold for any learner and any stream: hypothesis looks for one where they do not."""

import itertools

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pair import assert_same_numbers, engine, engine_numbers, load_twin, twin
from streams import beginnings, rows

from rtrl_lstm.spec import OPTIMIZERS, ClipCredit, ClipNorm, ClipValue, Spec

# The first example may compile.
quick = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**31)


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
    return Spec(input_size, draw(st.integers(1, 35)), outputs, **(options | fixed))


@quick
@given(specs(dtypes=("float64",)), seeds)
def test_every_step_is_the_twins(spec, seed):
    net, naive = engine(spec), twin(spec)
    X, Y = rows(spec, 12, seed)
    begins = beginnings(12, seed, every=5)
    now = engine_numbers(net)
    for t, (x, y) in enumerate(zip(X, Y, strict=True)):
        load_twin(naive, now)
        if begins[t]:
            net.reset()
            naive.reset()
        np.testing.assert_allclose(net.step(x, y), naive.step(x, y), rtol=1e-12, atol=1e-12)
        now = engine_numbers(net)
        assert_same_numbers(now, naive, 1e-12, f"at row {t}")


@quick
@given(specs(), st.integers(0, 6), seeds, st.lists(st.integers(0, 40), max_size=5))
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
@given(specs(), seeds, st.sampled_from([1e4, 1e8]))
def test_large_inputs_overflow_nothing(spec, seed, size):
    """Every number stays finite where all inputs are far out of any unit."""
    spec = Spec(**(vars(spec) | {"learning_rate": 1e-4, "clip": ClipCredit(0.1), "update": "step"}))
    X, Y = rows(spec, 20, seed)
    net = engine(spec)
    assert np.isfinite(net.run(size * X, Y)).all()
    for values in engine_numbers(net).values():
        assert np.isfinite(values).all()
