"""What River's interface costs over the bare engine, in microseconds a row.

4 features, 16 hidden units, everything else at its default: a learning step and a forecast that
changes nothing, of the bare learner and through River's `learn_one` and `predict_one`.

Expect: both together at or below 12 on a quiet machine, most of which is the bare learner's.

    python -m benchmarks.river.cost
"""

from collections.abc import Callable

import numpy as np

from benchmarks.speed.timing import side_by_side
from rtrl_lstm import Learner
from rtrl_lstm.river import RTRLClassifier, RTRLForecaster, RTRLRegressor

ROWS, REPEATS = 2_000, 25

X = np.random.default_rng(0).normal(size=(ROWS, 4))
Y = X.sum(axis=1).tolist()
LABELS = [y > 0 for y in Y]
FEATURES = [dict(zip("abcd", x, strict=True)) for x in X.tolist()]


def bare(spec_of: RTRLRegressor) -> dict[str, Callable[[], int]]:
    """Trials of the learner that the regressor wraps: the features and the last target."""
    assert spec_of._learner is not None
    net: Learner = spec_of._learner
    inputs = [np.array([*x, 0.0]) for x in X]

    def step() -> int:
        for x, y in zip(inputs, Y, strict=True):
            net.step(x, y)
        return ROWS

    def predict() -> int:
        for x in inputs:
            net.predict(x)
        return ROWS

    return {"Learner.step": step, "Learner.predict": predict}


def through_river(model: RTRLRegressor | RTRLClassifier, y: list) -> dict[str, Callable[[], int]]:
    """Trials of an estimator."""

    def learn() -> int:
        for x, label in zip(FEATURES, y, strict=True):
            model.learn_one(x, label)
        return ROWS

    def predict() -> int:
        for x in FEATURES:
            model.predict_one(x)
        return ROWS

    name = type(model).__name__
    return {f"{name}.learn_one": learn, f"{name}.predict_one": predict}


def forecasting() -> dict[str, Callable[[], int]]:
    """A trial of the forecaster."""
    model = RTRLForecaster()

    def learn() -> int:
        for x, y in zip(FEATURES, Y, strict=True):
            model.learn_one(y, x)
        return ROWS

    return {"RTRLForecaster.learn_one": learn}


def main() -> None:
    """Measure and print."""
    regressor = RTRLRegressor()
    for x, y in zip(FEATURES[:2], Y, strict=False):  # until the last target is an input
        regressor.learn_one(x, y)
    trials = {
        **bare(regressor),
        **through_river(RTRLRegressor(), Y),
        **through_river(RTRLClassifier(), LABELS),
        **forecasting(),
    }
    least = {name: 1e6 * t.minimum for name, t in side_by_side(trials, REPEATS).items()}
    for name, microseconds in least.items():
        print(f"{name:<28}{microseconds:6.2f}")
    engine = least["Learner.step"] + least["Learner.predict"]
    print(f"{'Learner, both':<28}{engine:6.2f}")
    for name in ("RTRLRegressor", "RTRLClassifier"):
        both = least[f"{name}.learn_one"] + least[f"{name}.predict_one"]
        print(f"{name + ', both':<28}{both:6.2f}  {both / engine:.2f} of the bare learner")


if __name__ == "__main__":
    main()
