"""The engine's gradient against finite differences of a replay with the recurrent sources held.

No trace and no twin's learning has a part in it: the weights are moved, in random directions, the
sequence is run again with the recurrent inputs that the engine recorded, and the change of the loss
is the slope that the gradient has to have.
"""

import numpy as np
import pytest
from pair import engine, engine_numbers, load_twin, twin, twin_state
from variants import CELLS, WIRINGS

from reference.oracle import along_directions, directions, truncated_slopes
from rtrl_lstm.optimizers import SGD
from rtrl_lstm.spec import Spec

RATE = 1.0  # plain gradient descent: a weight's change is its gradient


@pytest.mark.parametrize("shortcuts", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "cross_entropy"])
def test_label_at_the_end_of_a_sequence(loss, bias, shortcuts):
    """Many rows without a label, then one: its gradient reaches back through all of them."""
    X, y = np.random.default_rng(1).normal(size=(7, 2)), {"squared_error": [0.3, -2.0]}
    label = y.get(loss, [1.0] if loss == "cross_entropy" else [1.0, 0.0])
    labels = [None] * 6 + [label]
    spec = Spec(2, 3, 2, loss=loss, bias=bias, shortcuts=shortcuts, optimizer=SGD(), **_common())
    _assert_moved_by_gradient(spec, X, labels)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson", "cross_entropy"])
def test_sum_over_a_sequence(loss):
    """update="sequence": the sum of all its labels' gradients, masked and missing ones left out."""
    X = np.random.default_rng(2).normal(size=(6, 2))
    labels = [[0.0, 1.0], [2.0, np.nan], None, [1.0, 3.0], [np.nan, np.nan], [0.0, 2.0]]
    if loss == "cross_entropy":
        labels = [None if y is None else y[:1] for y in labels]
        labels[1] = [1.0]
    spec = Spec(2, 3, 2, loss=loss, update="sequence", optimizer=SGD(), **_common())
    _assert_moved_by_gradient(spec, X, labels)


@pytest.mark.parametrize(
    ("name", "num_layers"),
    [(name, count) for name in CELLS for count in (1, 2)]
    + [(name, 3) for name in ("lstm", "peephole", "gru", "rnn", "elstm")],
)
def test_every_cell_and_stack(name, num_layers):
    """Labels in the midst of a sequence and at its end; a layer's gradient reaches back to row 0.

    In a stack also the states of the layers above are held, as they were at the row before.
    """
    X = np.random.default_rng(3).normal(size=(6, 2))
    labels = [None, None, [0.5, -1.0], None, [2.0, 1.0], [-1.0, 0.3]]
    spec = Spec(
        2,
        3,
        2,
        num_layers=num_layers,
        update="sequence",
        optimizer=SGD(),
        **(_common() | CELLS[name]),
    )
    _assert_moved_by_gradient(spec, X, labels)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", WIRINGS)
def test_every_wiring(name, num_layers):
    """The same for gates that see gates, blocks and projections; gates of the row before held."""
    X = np.random.default_rng(3).normal(size=(6, 2))
    labels = [None, None, [0.5, -1.0], None, [2.0, 1.0], [-1.0, 0.3]]
    options = {"num_layers": num_layers, "update": "sequence", "optimizer": SGD()}
    _assert_moved_by_gradient(Spec(2, 4, 2, **(_common() | options | WIRINGS[name])), X, labels)


def _common():
    return {"dtype": "float64", "learning_rate": RATE, "seed": 5}


def _assert_moved_by_gradient(spec, X, labels):
    net, naive = engine(spec), twin(spec)
    before = engine_numbers(net)
    load_twin(naive, before)
    states = [naive.zero_state()]
    for x, y in zip(X, labels, strict=True):
        net.step(x, y)
        states.append(twin_state(naive, engine_numbers(net)))
    if spec.update == "sequence":
        net.reset()

    def loss(A):
        total = 0.0
        for a, y in zip(A, labels, strict=True):
            if y is not None and not np.isnan(y).all():
                y = np.array(y)
                value = naive.loss.value(a, y[0] if spec.loss == "cross_entropy" else y)
                total += np.nansum(value)
        return total

    along = directions(naive.parameters)
    after = engine_numbers(net)
    gradients = {name: (before[name] - after[name]) / RATE for name in naive.parameters}
    moved = along_directions(gradients, along)
    for name, slopes in truncated_slopes(naive, X, states, loss, along).items():
        scale = np.abs(slopes).max()
        assert scale > 0, name
        np.testing.assert_allclose(
            moved[name], slopes, rtol=0, atol=1e-8 * scale + 1e-11, err_msg=name
        )
