"""python -m benchmarks.paper1997.speed: nanoseconds a step and weight of the 156-weight net.

The net of experiment 6a learns temporal order by the paper's constants: in the engine, in the loop
that the literal tables run in, with some trials side by side, and in the plain C of order.c. All
start from the same weights and see the same sequences; the script says how far apart what they say
is. Processor time, the best of ROUNDS, divided by the trials.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rtrl_lstm import Learner

from .learning import inputs, run, run_together, start, targets
from .loop import LANES
from .nets import Options
from .tables import ROWS
from .tasks import Array, Batch

SOURCE = Path(__file__).with_name("order.c")
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fno-finite-math-only", "-shared", "-fPIC"]
SEQUENCES, ROUNDS, RATE = 4_000, 5, 0.5
ROW = next(row for row in ROWS if row.key == "9 6a")


def main() -> None:
    batch = ROW.task.batch(np.random.default_rng(0), SEQUENCES)
    options = ROW.settings[0].net
    net = start(options, ROW.task, 0)
    assert isinstance(net, Learner)
    X, Y = inputs(net, batch), targets(net, batch).astype(np.float32)
    ways = {"engine": (1, lambda: run(start(options, ROW.task, 0), batch))}
    for trials in (1, 10, LANES):
        ways[f"loop, {trials}"] = trials, partial(_side_by_side, options, batch, trials)
    if (twin := _in_c(net, X, Y, batch)) is not None:
        ways["C"] = 1, twin
    else:
        print("no C: it needs gcc")
    said = {}
    for name, (trials, way) in ways.items():
        seconds, said[name] = _timed(way)
        step = 1e9 * seconds / len(X) / trials
        print(f"{name:8} {step:6.0f} ns a step, {step / ROW.weights:.2f} ns a step and weight")
    for name in said:
        apart = np.abs(said[name] - said["engine"]).max()
        print(
            f"{name:8} at most {apart:.0e} from the engine at the ends of {SEQUENCES:,} sequences"
        )


def _side_by_side(options: Options, batch: Batch, trials: int) -> Array:
    """What the last of some equal trials said."""
    nets = [start(options, ROW.task, 0, loop=True) for _ in range(trials)]
    return run_together(nets, [batch] * trials)[-1]


def _timed(way: Any) -> tuple[float, Any]:
    found, said = [], way()
    for _ in range(ROUNDS):
        began = time.process_time()
        said = way()
        found.append(time.process_time() - began)
    return min(found), said


def _in_c(net: Learner, X: Any, Y: Any, batch: Batch) -> Any:
    """The C loop over the rows from the weights of a learner, or None where there is no gcc."""
    if shutil.which("gcc") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "order.so")
        subprocess.run(["gcc", *FLAGS, str(SOURCE), "-o", str(library), "-lm"], check=True)
        function = ctypes.CDLL(str(library)).run
    function.restype = None
    parts = [net.array(f"layer0.{gate}.weight") for gate in "iog"]
    W = np.ascontiguousarray(np.concatenate(parts), np.float32)
    readout = net.array("readout.weight").T, net.array("readout.direct.weight")
    V = np.ascontiguousarray(np.hstack(readout), np.float32)
    ends = np.append(batch.starts, len(X))
    pointers = [ctypes.c_void_p(values.ctypes.data) for values in (X, Y, ends)]

    def run() -> Any:
        said, weights, out = np.empty_like(Y), W.copy(), V.copy()
        changed = [ctypes.c_void_p(values.ctypes.data) for values in (weights, out)]
        function(
            *changed,
            *pointers,
            ctypes.c_long(len(ends) - 1),
            ctypes.c_float(RATE),
            ctypes.c_void_p(said.ctypes.data),
        )
        return said[batch.ends]

    return run


if __name__ == "__main__":
    main()
