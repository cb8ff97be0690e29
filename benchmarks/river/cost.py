"""What River's interface costs over the bare engine: `python -m benchmarks.river.cost`.

4 features, 16 hidden, everything else at its default; microseconds a row, the least of some
repeats. Expect `learn_one` + `predict_one` at or below 12 on a quiet machine: a learning step and
a forecast of the bare learner, which make up most of it, and about 0.6 for each dict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from rtrl_lstm.river import RTRLClassifier, RTRLForecaster, RTRLRegressor

ROWS = 5_000
REPEATS = 7


def microseconds(act: Callable[[int], object], rows: Iterable[int] = range(ROWS)) -> float:
    """The least time of `act` for a row."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        for row in rows:
            act(row)
        times.append(time.perf_counter() - began)
    return 1e6 * min(times) / ROWS


def main() -> None:
    """Measure and print."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 4))
    y = (X.sum(axis=1) + rng.normal(size=ROWS)).tolist()
    rows = [dict(zip("abcd", x, strict=True)) for x in X.tolist()]
    labels = [value > 0 for value in y]

    regressor, classifier, forecaster = RTRLRegressor(), RTRLClassifier(), RTRLForecaster()
    for t in range(100):  # all that is to be compiled, and the inputs that come up
        regressor.learn_one(rows[t], y[t])
        classifier.learn_one(rows[t], labels[t])
        forecaster.learn_one(y[t], rows[t])
    bare = regressor._learner
    assert bare is not None
    inputs = [np.array([*x, 0.0]) for x in X]
    step = microseconds(lambda t: bare.step(inputs[t], y[t]))
    peek = microseconds(lambda t: bare.predict(inputs[t]))
    print(f"Learner.step {step:.2f}, Learner.predict {peek:.2f}, sum {step + peek:.2f} µs a row")
    for name, model, targets in (
        ("RTRLRegressor", regressor, y),
        ("RTRLClassifier", classifier, labels),
    ):
        learn = microseconds(lambda t, m=model, to=targets: m.learn_one(rows[t], to[t]))
        predict = microseconds(lambda t, m=model: m.predict_one(rows[t]))
        both = learn + predict
        print(
            f"{name}: learn_one {learn:.2f} + predict_one {predict:.2f} = {both:.2f} µs a row, "
            f"{both / (step + peek):.2f} of the bare engine"
        )
    learn = microseconds(lambda t: forecaster.learn_one(y[t], rows[t]))
    print(f"RTRLForecaster: learn_one {learn:.2f} µs a row")


if __name__ == "__main__":
    main()
