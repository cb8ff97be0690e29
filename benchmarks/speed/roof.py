"""How much of the memory's speed the learning step reaches, and how a C twin does.

A learning step has to read and write each weight and each trace once: per unit and source 4
weights and 3 traces with SGD, and 8 moments more with Adam. The roof is a plain read-modify-write
sweep over two arrays of the same total size, in the same run; it computes next to nothing.
All in float32 and one thread, from `run`; 4 inputs, 1 output.

Expect, with SGD on a quiet machine: 0.3 of the roof at 32 units, 0.5 at 128, 0.65 at 512, and
above the best of the three C variants of step.c throughout; with Adam 0.5 at 128. At 8 units a
step is a few hundred instructions that no memory waits for, and the fraction says little.

    python -m benchmarks.speed.roof [--picture FILE.svg]
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numba import njit

import rtrl_lstm as rl

from .ctwin import VARIANTS, CTwin, compiled
from .figures import draw
from .memory import aligned_floats
from .timing import Timing, side_by_side

INPUTS = 4
SIZES = (8, 32, 128, 512)
NUMBERS = {"sgd": 7, "adam": 15}  # per unit and source, that a step reads and writes
RATE = 1e-3
REPEATS, SECONDS = 60, 0.003  # of each trial: one so short is seldom interrupted


@njit(error_model="numpy", cache=False)
def sweep(a: np.ndarray, b: np.ndarray, times: int) -> None:  # pragma: no cover
    """Read and write two arrays, `times` over."""
    keep, add = np.float32(0.999), np.float32(0.001)
    for _ in range(times):
        for k in range(len(a)):
            a[k] = keep * a[k] + add
            b[k] = keep * b[k] + add


def stream(steps: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((steps, INPUTS)).astype(np.float32)
    Y = rng.standard_normal((steps, 1)).astype(np.float32)
    return X, Y


def bytes_per_step(hidden: int, optimizer: str) -> int:
    return 2 * 4 * NUMBERS[optimizer] * hidden * (1 + INPUTS + hidden)


def roof(total: int, times: int) -> Callable[[], int]:
    """A trial: sweeps over two arrays that hold half of `total`, the bytes read and written."""
    a, b = (aligned_floats(total // 16) for _ in range(2))

    def trial() -> int:
        sweep(a, b, times)
        return times

    return trial


def learning(learner: rl.Learner | CTwin, X: np.ndarray, Y: np.ndarray) -> Callable[[], int]:
    def trial() -> int:
        learner.run(X, Y)
        return len(X)

    return trial


def measure(hidden: int, optimizer: str, library: object) -> dict[str, Timing]:
    """Seconds per step of the engine, the roof and (SGD only) the C twins."""
    total = bytes_per_step(hidden, optimizer)
    steps = max(20, int(SECONDS / (1e-6 + total / 60e9)))
    X, Y = stream(steps)
    learner = rl.Learner(INPUTS, hidden, 1, optimizer=optimizer, learning_rate=RATE)
    trials = {"roof": roof(total, steps)}
    if library is not None and optimizer == "sgd":
        for variant in VARIANTS:
            twin = CTwin(library, variant, learner.state_dict(), RATE)
            check(twin, learner)
            trials[variant] = learning(twin, X, Y)
    trials["engine"] = learning(learner, X, Y)
    return side_by_side(trials, REPEATS)


def check(twin: CTwin, learner: rl.Learner) -> None:
    """A few rows through both: what is timed must be the same algorithm."""
    X, Y = stream(40)
    fresh = rl.Learner(INPUTS, learner.spec.hidden_size, 1, optimizer="sgd", learning_rate=RATE)
    fresh.load_state_dict(learner.state_dict())
    np.testing.assert_allclose(twin.run(X, Y), fresh.run(X, Y), rtol=1e-3, atol=1e-4)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.roof")
    parser.add_argument("--picture", type=Path, help="draw it there, as SVG")
    asked = parser.parse_args(arguments)
    library, seconds = compiled(), {}
    print(__doc__.splitlines()[0])
    print("µs a step (minimum), GB/s of weights, traces and moments, fraction of the roof")
    print(f"{'':13}{'engine':>9}{'GB/s':>6}{'roof':>6}{'part':>6}", end="")
    print(
        "".join(f"{f'C {variant}':>13}{'part':>6}{'×':>6}" for variant in VARIANTS)
        if library
        else ""
    )
    for optimizer, sizes in (("sgd", SIZES), ("adam", SIZES)):
        for hidden in sizes:
            times = measure(hidden, optimizer, library)
            least = {name: time.minimum for name, time in times.items()}
            seconds[optimizer, hidden] = least
            print(line(hidden, optimizer, least), flush=True)
    if library is None:
        print("gcc is not installed, so there is no C twin to compare with")
    if asked.picture:
        draw(seconds, asked.picture)


def line(hidden: int, optimizer: str, least: dict[str, float]) -> str:
    """A line of the table, of the least seconds a step."""
    total = bytes_per_step(hidden, optimizer)
    text = f"{optimizer:5} n={hidden:<5} {least['engine'] * 1e6:9.2f}"
    text += f"{total / least['engine'] / 1e9:6.0f}{total / least['roof'] / 1e9:6.0f}"
    text += f"{least['roof'] / least['engine']:6.2f}"
    for variant in VARIANTS:
        if variant in least:
            text += f"{least[variant] * 1e6:13.2f}{least['roof'] / least[variant]:6.2f}"
            text += f"{least[variant] / least['engine']:6.2f}"
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
