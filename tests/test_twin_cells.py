"""The twin's cells and stacks are proved here: by finite differences of their own forward pass."""

import numpy as np
import pytest
from pair import TWIN_CELLS, twin
from variants import CELLS

from reference.cell import Held
from reference.oracle import (
    along_directions,
    central_differences,
    directions,
    truncated_slopes,
)
from rtrl_lstm.spec import Spec

I, N, O, T = 2, 3, 2, 5  # noqa: E741, as the equations name their sizes
DEEPER = ("lstm", "peephole", "gru", "rnn", "elstm")


def randomised_twin(name, num_layers, seed, **options):
    """A twin with every parameter drawn anew, and rows X, Y for it."""
    learner = twin(Spec(I, N, O, num_layers=num_layers, **(options | CELLS[name])))
    rng = np.random.default_rng(seed)
    for parameter, w in learner.parameters.items():
        learner.parameters[parameter] = rng.normal(0, 0.6, w.shape)
    return learner, rng.normal(size=(T, I)), rng.normal(size=(T, O))


def run(learner, X, Y):
    """The states before each row and after the last, the sums (T, O), and each row's gradients."""
    states, sums, gradients = [learner.zero_state()], [], []
    for x, y in zip(X, Y, strict=True):
        state, row = learner.forward(states[-1], x)
        states.append(state)
        sums.append(row.a)
        gradients.append(learner.label_gradients(state, row, y, 1.0))
    return states, np.array(sums), gradients


def assert_gradients(got, expected):
    """Equal to 1e-8, and none of them all zero."""
    assert got.keys() == expected.keys()
    largest = max(np.abs(g).max() for g in expected.values())
    for name, g in got.items():
        assert g.any(), name
        np.testing.assert_allclose(
            g, expected[name], rtol=1e-8, atol=1e-9 * largest + 1e-11, err_msg=name
        )


@pytest.mark.parametrize("name", CELLS)
def test_local_partials(name):
    """decay, inject, dh/ds and dh/dz are the derivatives of s and h, peepholes held."""
    cell = TWIN_CELLS[CELLS[name].get("cell", "lstm")](Spec(1, **CELLS[name]))
    rng, n, nothing = np.random.default_rng(1), 20, np.zeros(20)
    at = {row: rng.normal(size=n) for row in cell.rows} | {"s_tm1": rng.normal(size=n)}
    w = {row: rng.normal(size=n) for row in cell.own}
    step = cell.step(at, w, at["s_tm1"])
    held = Held(at["s_tm1"], step.s)

    def slopes(which, of):
        """d s / d of, or d h / d of: each unit's sum is its own alone, as units do not mix."""

        def total(moved):
            return getattr(cell.step(at | moved, w, (at | moved)["s_tm1"], held), which).sum()

        return central_differences(total, {of: at[of]})[of]

    for of in at:
        ds = step.decay if of == "s_tm1" else step.inject.get(of, nothing)
        dh = step.dh_ds * ds + step.dh_dz.get(of, nothing)
        np.testing.assert_allclose(slopes("s", of), ds, rtol=1e-8, atol=1e-9, err_msg=of)
        np.testing.assert_allclose(slopes("h", of), dh, rtol=1e-8, atol=1e-9, err_msg=of)
    assert set(cell.traced) == step.inject.keys()
    assert set(cell.rows) == step.inject.keys() | step.dh_dz.keys()


@pytest.mark.parametrize(
    ("name", "num_layers", "bias"),
    [(name, 1, bias) for name in CELLS for bias in (True, False)]
    + [(name, 2, True) for name in CELLS]
    + [(name, 3, False) for name in DEEPER],
)
def test_gradient_is_that_of_the_replay(name, num_layers, bias):
    """Of the last row's label alone, and of all labels' sum."""
    shortcuts = num_layers == 2
    learner, X, Y = randomised_twin(name, num_layers, 6, bias=bias, shortcuts=shortcuts)
    states, _, gradients = run(learner, X, Y)

    def loss_of_all(A):
        return learner.loss.value(A, Y).sum()

    along = directions(learner.parameters)
    summed = {name: sum(g[name] for g in gradients) for name in learner.parameters}
    expected = truncated_slopes(learner, X, states, loss_of_all, along)
    assert_gradients(along_directions(summed, along), expected)

    def loss_at_the_end(A):
        return learner.loss.value(A[-1], Y[-1]).sum()

    if num_layers == 1:
        expected = truncated_slopes(learner, X, states, loss_at_the_end, along)
        assert_gradients(along_directions(gradients[-1], along), expected)


def free_gradient(learner, X, Y):
    """d of the summed loss / d parameter with nothing held: backpropagation through all of time."""
    own = learner.parameters

    def loss(parameters):
        learner.parameters = parameters
        _, sums, _ = run(learner, X, Y)
        learner.parameters = own
        return learner.loss.value(sums, Y).sum()

    return central_differences(loss, own)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["elstm", "elstm no output gate"])
def test_one_layer_of_an_elstm_is_exact(name, bias):
    learner, X, Y = randomised_twin(name, 1, 3, bias=bias)
    _, _, gradients = run(learner, X, Y)
    summed = {name: sum(g[name] for g in gradients) for name in learner.parameters}
    assert_gradients(summed, free_gradient(learner, X, Y))


@pytest.mark.parametrize(
    ("name", "num_layers", "exact"),
    [
        ("lstm", 1, {"V", "b"}),
        ("gru", 1, {"V", "b"}),
        ("rnn", 1, {"V", "b"}),
        # Above a layer nothing else is cut: its gradient is exact by itself, and only its own.
        ("elstm", 2, {"V", "b", *(f"layer1.{row}" for row in ("f", "z", "o", "f.own", "z.own"))}),
    ],
)
def test_what_truncation_leaves_out(name, num_layers, exact):
    """The others differ from what they would be with nothing held, by more than a rounding."""
    learner, X, Y = randomised_twin(name, num_layers, 4)
    _, _, gradients = run(learner, X, Y)
    full = free_gradient(learner, X, Y)
    for parameter in learner.parameters:
        summed = sum(g[parameter] for g in gradients)
        same = np.allclose(summed, full[parameter], rtol=1e-7, atol=1e-9)
        assert same == (parameter in exact), parameter
