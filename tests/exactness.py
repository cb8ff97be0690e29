"""How far an exported graph is from the engine when both are left running, by cell and precision.

`python tests/exactness.py` prints the table of docs/onnx.md (about ten minutes); the suite runs a
small part of it.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from pair import engine
from streams import beginnings, rows
from variants import CELLS, WIRINGS

from rtrl_lstm import export
from rtrl_lstm.export import carry
from rtrl_lstm.optimizers import (
    ClipCredit,
    ClipNorm,
    ClipValue,
    Cosine,
    Exponential,
    InverseTime,
    Linear,
)
from rtrl_lstm.spec import Spec

STEPS = 1000
UNITS = 7  # no whole vector of lanes
ALL = CELLS | WIRINGS
LIMIT = {"float64": 1e-10, "float32": 1e-4}
GRAPHS = ("step", "sequence", "learner")
LOSSES = {
    "squared_error": {"output_size": 2},
    "absolute_error": {"output_size": 2},
    "huber": {"output_size": 2, "huber_delta": 0.7},
    "quantile": {"output_size": 3, "quantiles": (0.1, 0.5, 0.9)},
    "log_loss": {"output_size": 2},
    "cross_entropy": {"output_size": 3},
    "poisson": {"output_size": 2},
}
# Tame: the targets are noise, and at rates ten times as large even equal learners that differ in
# the order of their sums drift apart.
RATE = 1e-4
OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw")


def difference(spec, graph, folder, steps=STEPS):
    """The largest difference after an export in the middle of a stream, as a fraction.

    Of the forecasts, of the largest of its output; of a learner also of all numbers in the end, of
    the largest of their kind. The graph has the dtype of the engine.
    """
    net, warm = engine(spec), 50
    X, Y = rows(spec, warm + steps, seed=1)
    X = X - X.dtype.type(2.0)  # about 0: a cell that forgets nothing would add up its mean
    weights = np.random.default_rng(2).uniform(0.0, 2.0, warm + steps)
    begins = beginnings(warm + steps, 3, every=10)
    given = (X, Y, weights, begins)
    net.run(*(values[:warm] for values in given))
    path = Path(folder) / "m.onnx"
    export.to_onnx(net, path, graph=graph, precision=spec.dtype)
    session = export.Session(path, "cpu")
    later = [values[warm:] for values in given]
    if graph != "learner":
        net = net.frozen()
        said, expected = session.run(later[0], reset=later[3]), net.run(later[0], reset=later[3])
        return _off(said, expected, axis=0)
    said, expected = session.run(*later), net.run(*later)
    found, right = (carry.numbers_of(each) for each in (session.to_learner(), net))
    return max(_off(said, expected, axis=0), *(_off(found[name], right[name]) for name in right))


def _off(found, expected, axis=None):
    largest = np.maximum(np.nanmax(np.abs(expected), axis=axis, initial=0.0), 1e-30)
    off = np.abs(found - expected) / largest
    both = np.isnan(found) & np.isnan(expected)  # what a combination has not seen
    return float(np.max(np.where(both, 0.0, off), initial=0.0))


def of_cell(options, graph, dtype, folder, steps=STEPS):
    """The largest difference of a cell over layers and losses."""
    losses = LOSSES if graph == "learner" else {"squared_error": LOSSES["squared_error"]}
    units = UNITS + 1 if "block_size" in options else UNITS  # blocks are of two cells, or of four
    # A state that is shown as it is has no bound, and is tame at less.
    unbounded = options.get("cell_activation") == "identity"
    around = {"learning_rate": RATE / 100 if unbounded else RATE, "dtype": dtype, **options}
    specs = [
        Spec(3, units, num_layers=layers, loss=loss, **around, **each)
        for layers in (1, 2)
        for loss, each in losses.items()
    ]
    return max(difference(spec, graph, folder, steps) for spec in specs)


def around_learning():
    """What else there is to learning, by name: optimisers, clips, scaling, forecasters."""
    for name in OPTIMIZERS:
        for update in ("step", "sequence"):
            yield f"{name}, {update}", {"optimizer": name, "update": update}
    yield "obgd, step", {"optimizer": "obgd"}
    more = {"warmup": 20, "restart": True}
    yield "exponential rate", {"schedule": Exponential(gamma=0.99)}
    yield "inverse time rate", {"schedule": InverseTime(tau=100.0, power=0.5, **more)}
    yield "linear rate", {"schedule": Linear(steps=500, final=0.1)}
    yield "cosine rate", {"schedule": Cosine(steps=500, **more), "update": "sequence"}
    yield "clip norm", {"clip": ClipNorm(0.3)}
    yield "clip value", {"clip": ClipValue(0.05)}
    yield "clip credit", {"clip": ClipCredit(0.5)}
    scaled = {"scale_inputs": True, "scale_target": True}
    yield "scaled", {**scaled, "shortcuts": True}
    yield "no bias", {"bias": False, "shortcuts": True}
    yield "sigmoid", {"output_activation": "sigmoid"}
    for horizon in (1, 5):
        yield f"{horizon} ahead", {"horizon": horizon, **scaled}
    combined = {**scaled, "combine_with": (0, 2), "combine_only": (2,), "combine_inner": (2,)}
    yield "combined", combined
    yield "combined, 5 ahead", {"horizon": 5, **combined}
    steps = {"horizon": 3, "output_size": 3, "every_step": True, **scaled}
    yield "every step to 3 ahead", {**steps, "combine_with": ((0, 1), (0, 2), (1, 2))}


def main():
    """Print both tables."""
    columns = [(graph, dtype) for graph in GRAPHS for dtype in LIMIT]
    print("| cell |", *(f"{graph} {dtype} |" for graph, dtype in columns))
    print("|---|" + "---|" * len(columns))
    with tempfile.TemporaryDirectory() as folder:
        for name, options in ALL.items():
            off = [of_cell(options, *column, folder) for column in columns]
            print(f"| {name} |", *(f"{value:.0e} |" for value in off), flush=True)
        print(
            "\n| learning |", *(f"{cell} {dtype} |" for cell in ("lstm", "gru") for dtype in LIMIT)
        )
        print("|---|---|---|---|---|")
        for name, options in around_learning():
            off = [
                difference(spec_of(cell, dtype, options), "learner", folder)
                for cell in ("lstm", "gru")
                for dtype in LIMIT
            ]
            print(f"| {name} |", *(f"{value:.0e} |" for value in off), flush=True)


def spec_of(cell, dtype, options):
    """A learner with those options around its cell."""
    return Spec(3, UNITS, cell=cell, dtype=dtype, learning_rate=RATE, **options)


if __name__ == "__main__":
    sys.exit(main())
