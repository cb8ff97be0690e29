"""Time per row that does not depend on the numbers: none sinks below the smallest normal one.

A processor needs a hundred times as long for a product with such a (denormal) number. They come by
themselves wherever something decays: the traces and moments of an input that has become 0, as a
one-hot column is most of the time, or the gradients of a stream that is learned perfectly.
"""

import numpy as np
import pytest

import rtrl_lstm as rl

T = 3000
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(T, 2))
ONCE = np.zeros((T, 2))
ONCE[[0, 5]] = 1.0


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize(
    ("X", "Y"),
    [
        (np.hstack([NOISE, ONCE]), NOISE[:, 0]),
        (np.zeros((T, 2)), np.zeros(T)),
        (np.ones((T, 2)), np.ones(T)),
        (NOISE, np.where(np.arange(T) < 20, 1.0, np.nan)),
    ],
    ids=["inputs that were 1 once", "zeros", "ones", "no more labels"],
)
def test_no_number_is_denormal(X, Y, optimizer):
    net = rl.Learner(X.shape[1], 8, optimizer=optimizer, learning_rate=1e-2)
    net.run(X, Y)
    net.finish()
    numbers = net.layout.body(net.block)
    smallest = np.finfo(numbers.dtype).tiny
    denormal = (numbers != 0) & (np.abs(numbers) < smallest)
    assert not denormal.any(), f"{denormal.sum()} of {numbers.size} numbers"


def test_the_processor_keeps_its_way_with_small_numbers():
    """What a kernel may change for itself, it puts back: NumPy's arithmetic is as before."""
    rl.Learner(2, 8).run(np.zeros((5, 2)), np.zeros(5))
    small = np.full(1, np.finfo(np.float32).tiny)
    assert (small * np.float32(0.5))[0] != 0.0
