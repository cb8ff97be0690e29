"""Rows of numbers for tests: what a Spec's learner can be fed with, drawn from a seed."""

import numpy as np

from rtrl_lstm.optimizers import ClipCredit, ClipNorm, ClipValue
from rtrl_lstm.spec import Spec

# Learners that together have every option that changes what happens at a row.
SPECS = {
    "plain": Spec(3, 9, 2),
    "float64": Spec(3, 9, 2, dtype="float64", optimizer="rmsprop"),
    "scaled": Spec(2, 16, 1, scale_inputs=(True, False), scale_target=True, shortcuts=True),
    "sequence": Spec(2, 5, 1, update="sequence", clip=ClipNorm(0.5), optimizer="momentum"),
    "value": Spec(4, 17, 3, clip=ClipValue(0.01), optimizer="adamw", bias=False),
    "classes": Spec(3, 8, 4, loss="cross_entropy", clip=ClipCredit(0.5), scale_inputs=True),
    "quantiles": Spec(2, 6, 2, loss="quantile", quantiles=(0.1, 0.9), dtype="float64"),
    "peephole": Spec(3, 9, 2, num_layers=2, peephole=True, coupled_gates=True),
    "no gates": Spec(2, 7, forget_gate=False, output_gate=False, input_activation="4sigmoid-2"),
    "gru": Spec(3, 9, 2, cell="gru", num_layers=3, clip=ClipNorm(1.0), shortcuts=True),
    "rnn": Spec(2, 5, 1, cell="rnn", scale_inputs=True, scale_target=True, dtype="float64"),
    "elstm": Spec(3, 17, 2, cell="elstm", num_layers=2, update="sequence", dtype="float64"),
}


def rows(spec, count, seed=0, unlabelled=0.2):
    """Inputs X (count, I) and labels Y in the shape that `run` takes, some of them missing.

    X is of the learner's dtype for an lstm. For other cells it is float64: kernels are compiled
    for each pair of dtypes, of rows and of the learner.
    """
    rng = np.random.default_rng(seed)
    X = 2.0 + 1.5 * rng.normal(size=(count, spec.input_size))
    Y = _labels(spec, rng, count)
    Y[rng.random(Y.shape) < unlabelled] = np.nan
    return X.astype(spec.dtype if spec.cell == "lstm" else np.float64), Y


def beginnings(count, seed=0, every=9):
    """(count,) bool, True where a new sequence begins: about one row in `every`."""
    return np.random.default_rng(seed).random(count) < 1.0 / every


def stream(spec, seed=0, count=60):
    """Inputs, labels, weights of labels, and beginnings of sequences: what `run` takes."""
    X, Y = rows(spec, count, seed)
    weights = np.random.default_rng(seed).uniform(0.0, 2.0, count)
    return X, Y, weights, beginnings(count, seed)


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
