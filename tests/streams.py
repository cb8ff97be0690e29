"""Rows of numbers for tests: what a Spec's learner can be fed with, drawn from a seed."""

import numpy as np


def rows(spec, count, seed=0, unlabelled=0.2):
    """Inputs X (count, I) and labels Y in the shape that `run` takes, some of them missing."""
    rng = np.random.default_rng(seed)
    X = 2.0 + 1.5 * rng.normal(size=(count, spec.input_size))
    Y = _labels(spec, rng, count)
    Y[rng.random(Y.shape) < unlabelled] = np.nan
    return X.astype(spec.dtype), Y


def beginnings(count, seed=0, every=9):
    """(count,) bool, True where a new sequence begins: about one row in `every`."""
    return np.random.default_rng(seed).random(count) < 1.0 / every


def _labels(spec, rng, count):
    outputs = spec.output_size
    if spec.loss == "cross_entropy":
        return rng.integers(0, outputs, count).astype(float)
    if spec.loss == "log_loss":
        return rng.integers(0, 2, (count, outputs)).astype(float)
    if spec.loss == "poisson":
        return rng.poisson(2.0, (count, outputs)).astype(float)
    if spec.loss == "quantile":
        outputs = 1
    if spec.activation == "sigmoid":
        return rng.random((count, outputs))
    return 5.0 + 3.0 * rng.normal(size=(count, outputs))
