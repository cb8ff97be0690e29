"""One-hot inputs, 32 hidden, by plain descent: a learning step whose zeros are passed over.

A stream of words whose frequencies fall as 1 / rank (Zipf), the next word's code to be told. Beside
it, in the same run, the same learner looking at every input; the forecasts are the same bits.
"""

from __future__ import annotations

import time

import numpy as np

from rtrl_lstm import Learner

SYMBOLS = (256, 1_000, 10_000)
HIDDEN, REPEATS = 32, 5


class _OneHot:
    """A compressed sparse row matrix with a 1 in each row."""

    def __init__(self, symbols: np.ndarray, count: int) -> None:
        self.shape = (len(symbols), count)
        self.indptr = np.arange(len(symbols) + 1)
        self.indices = symbols
        self.data = np.ones(len(symbols), np.float32)


def measure(symbols: int, forget_gate: bool = True) -> tuple[float, float]:
    """Microseconds a step, passing zeros over and looking at all."""
    rng = np.random.default_rng(0)
    count = 4_000 if symbols < 10_000 else 1_000
    frequency = 1 / np.arange(1, symbols + 1)
    words = rng.choice(symbols, count, p=frequency / frequency.sum())
    X, Y = np.zeros((count, symbols), np.float32), rng.normal(size=count)
    X[np.arange(count), words] = 1.0
    options = {"optimizer": "sgd", "learning_rate": 1e-3, "forget_gate": forget_gate}
    sparse = Learner(symbols, HIDDEN, sparse_inputs=True, **options)
    dense = Learner(symbols, HIDDEN, **options)
    listed = _OneHot(words, symbols)
    if not np.array_equal(sparse.run(listed, Y), dense.run(X, Y)):
        raise SystemExit("the two do not say the same")
    best = [np.inf, np.inf]
    for _ in range(REPEATS):
        for k, (learner, rows) in enumerate(((sparse, listed), (dense, X))):
            before = time.perf_counter()
            learner.run(rows, Y)
            best[k] = min(best[k], time.perf_counter() - before)
    return best[0] / count * 1e6, best[1] / count * 1e6


def main() -> None:
    print(__doc__.splitlines()[0] if __doc__ else "")
    print(f"{'symbols':>8}{'us a step':>12}{'all looked at':>16}{'ratio':>8}")
    for symbols in SYMBOLS:
        sparse, dense = measure(symbols)
        print(f"{symbols:8,}{sparse:12.2f}{dense:16.2f}{dense / sparse:8.1f}")


if __name__ == "__main__":
    main()
