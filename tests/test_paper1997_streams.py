"""Streams without end: their rows are what their papers say, and one ends at the first error."""

import numpy as np

import rtrl_lstm as rl
from benchmarks.paper1997 import nets, streams
from benchmarks.paper1997.tasks import REBER
from benchmarks.paper1997.tasks.reber import ReberStream


def rng():
    return np.random.default_rng(0)


def test_continual_reber_strings():
    source = ReberStream(rng())
    X, Y = (np.concatenate(parts) for parts in zip(source.take(40), source.take(60), strict=True))
    letters = "".join(REBER[k] for k in X.argmax(axis=1))
    assert X.shape == Y.shape == (100, 7)
    assert letters.startswith(("BTB", "BPB"))
    assert "EB" in letters
    assert np.all(Y[np.arange(99), X[1:].argmax(axis=1)] == 1.0)  # what comes may come
    assert set(Y.sum(axis=1)) == {1.0, 2.0}
    source.begin()
    assert source.take(1)[0].argmax() == REBER.index("B")


def test_a_stream_ends_at_the_first_error():
    net = rl.Learner(7, output_size=7, **nets.GERS, **nets.SIGMOID_SLOPE)
    source, twin = ReberStream(rng()), ReberStream(rng())
    right = streams._symbols(net, source)
    twin.begin()
    by_step = rl.Learner(7, output_size=7, **nets.GERS, **nets.SIGMOID_SLOPE)
    by_step.reset()
    X, Y = twin.take(right + 1)
    wrong = [
        np.abs(by_step.step(x, y) - y).max() >= streams.RIGHT for x, y in zip(X, Y, strict=True)
    ]
    assert wrong == [False] * right + [True]
    assert np.array_equal(by_step.block, net.block)


def test_the_add_task():
    X, Y = streams.added(rng(), 100_000)
    chance = 0.5 + 0.5 * X[4:-6, 0] - 0.25 * X[:-10, 0]
    y = Y[10:, 0]
    assert abs(np.mean(y[chance == 0.25]) - 0.25) < 0.02
    floor = -np.mean(np.log(np.where(y == 1.0, chance, 1.0 - chance)))
    assert abs(floor - 0.4545) < 0.01


def test_trace_patterning():
    X, y, oracle = streams.patterning(rng(), 50_000)
    rewards, cues = np.flatnonzero(X[:, 6]), np.flatnonzero(X[:, :6].sum(axis=1))
    assert set(X[cues, :6].sum(axis=1)) == {3.0}
    waits = rewards - cues[np.searchsorted(cues, rewards) - 1]
    assert (waits.min(), waits.max()) == streams.WAIT
    assert 0.4 < len(rewards) / len(cues) < 0.6
    by_pattern = {tuple(X[cue, :6]) for cue in rewards - waits}
    assert len(by_pattern) == 10
    assert np.isclose(y[rewards[0] - 3, 0], streams.GAMMA**2 + y[rewards[0], 0] * streams.GAMMA**3)
    assert np.allclose(y[:-1, 0], X[1:, 6] + streams.GAMMA * y[1:, 0])
    assert np.mean((y[:, 0] - oracle) ** 2) < 0.1 * np.mean(y**2)
