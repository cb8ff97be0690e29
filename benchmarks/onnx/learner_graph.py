"""What a learning step costs in onnxruntime on the CPU, for batches of learners, beside the engine.

`python -m benchmarks.onnx.learner_graph`, two minutes or so. Expect onnxruntime to pay some 100 µs
a call, whatever the batch, so that one learner alone is fifty times as fast in the engine; and from
a few hundred learners on to be bound by memory, some two to five times the engine's time.
"""

import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

import rtrl_lstm as rl
from rtrl_lstm import export

BATCHES = (1, 64, 1024, 10_000)
SIZES = (8, 32)
INPUTS = 4
SECONDS = 0.5
"""For each figure."""


def session(units: int, optimizer: str, provider: str, threads: int = 1) -> export.Session:
    """A session over the learner graph of a fresh learner."""
    net = rl.Learner(INPUTS, units, optimizer=optimizer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        export.to_onnx(net, path, graph="learner")
        return export.Session(path, provider, threads)


def per_step(step, batch: int) -> float:
    """µs per learner and learning step: the fastest of five goes at it."""
    step()
    begin = perf_counter()
    step()
    count = max(1, int(SECONDS / 5 / (perf_counter() - begin)))
    best = np.inf
    for _ in range(5):
        begin = perf_counter()
        for _ in range(count):
            step()
        best = min(best, (perf_counter() - begin) / count)
    return 1e6 * best / batch


def of_graph(units: int, optimizer: str, batch: int, provider: str, threads: int) -> float:
    """µs per learner and step of the graph."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, INPUTS)).astype(np.float32)
    y = rng.standard_normal((batch, 1)).astype(np.float32)
    runs = session(units, optimizer, provider, threads)
    return per_step(lambda: runs.step(x, y), batch)


def of_engine(units: int, optimizer: str) -> float:
    """µs per step of one learner in the engine, in its compiled loop."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((1000, INPUTS)).astype(np.float32), rng.standard_normal(1000)
    net = rl.Learner(INPUTS, units, optimizer=optimizer)
    return per_step(lambda: net.run(X, Y), len(X))


def of_fleet(units: int, optimizer: str, batch: int) -> float | None:
    """µs per learner and step of the engine's fleet; None where this version has none."""
    if not hasattr(rl, "Fleet"):
        return None
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, INPUTS)).astype(np.float32)
    y = rng.standard_normal((batch, 1))
    fleet = rl.Fleet(rl.Spec(INPUTS, units, optimizer=optimizer), batch)
    return per_step(lambda: fleet.step(x, y), batch)


def main() -> None:
    """Print the table."""
    print("µs per learner and learning step, float32, 4 inputs, 1 output")
    print("| units | optimizer | learners | graph, 1 thread | graph, 2 threads | fleet | engine |")
    print("|---|---|---|---|---|---|---|")
    for units in SIZES:
        for optimizer in ("sgd", "adam"):
            engine = of_engine(units, optimizer)
            for batch in BATCHES:
                one, two = (of_graph(units, optimizer, batch, "cpu", n) for n in (1, 2))
                fleet = of_fleet(units, optimizer, batch)
                columns = [one, two, fleet, engine]
                said = " | ".join("–" if us is None else f"{us:.2f}" for us in columns)
                print(f"| {units} | {optimizer} | {batch:,} | {said} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
