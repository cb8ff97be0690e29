"""One stream, one large layer: a learning step in one thread and in two.

Both take the same rows in turns, from `run` and row by row from `step`: 4 inputs, 1 output, in
float32. The forecasts must be the same bits. In a column of its own: what part of two cores the two
threads had, of processor time. Where others use the machine it is less than 1, and so is the gain.

Expect, on a machine where nothing else runs: 1.8 times as fast with SGD from 512 units on, and more
where each half fits into a core's own cache.

    python -m benchmarks.speed.threads
"""

import time
from collections.abc import Callable

import numpy as np

import rtrl_lstm as rl

from .timing import Timing, side_by_side

INPUTS = 4
SIZES = (256, 512, 1024, 2048)
REPEATS, SECONDS = 20, 0.05  # of each trial


def stream(steps: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((steps, INPUTS)).astype(np.float32)
    return X, X.sum(axis=1, dtype=np.float64)


def measure(hidden: int, optimizer: str) -> tuple[dict[str, Timing], float]:
    """Seconds a step, and the part of two cores that the two threads had."""
    steps = max(4, int(SECONDS / (3e-9 * hidden**2)))
    X, Y = stream(steps)
    labels = Y.tolist()
    learners = [
        rl.Learner(INPUTS, hidden, optimizer=optimizer, threads=threads) for threads in (1, 2)
    ]
    used = []

    def running(learner: rl.Learner) -> Callable[[], int]:
        def trial() -> int:
            begin, before = time.perf_counter(), time.process_time()
            learner.run(X, Y)
            spent = time.process_time() - before
            if learner.threads == 2:
                used.append(spent / (time.perf_counter() - begin) / 2)
            return steps

        return trial

    def stepping(learner: rl.Learner) -> Callable[[], int]:
        def trial() -> int:
            for x, y in zip(X, labels, strict=True):
                learner.step(x, y)
            return steps

        return trial

    trials = {f"run {learner.threads}": running(learner) for learner in learners}
    trials |= {f"step {learner.threads}": stepping(learner) for learner in learners}
    times = side_by_side(trials, REPEATS)
    if not np.array_equal(learners[0].block, learners[1].block):
        raise SystemExit("one thread and two came to different numbers")
    return times, float(np.median(used))


def main() -> None:
    print(__doc__.splitlines()[0])
    print("µs a step (minimum), and how many times as fast two threads are (minimum; median)")
    print(f"{'':13}{'run: one':>9}{'two':>8}{'times':>14}", end="")
    print(f"{'step: one':>11}{'two':>8}{'times':>14}{'of 2 cores':>12}")
    for optimizer in ("sgd", "adam"):
        for hidden in SIZES:
            times, used = measure(hidden, optimizer)
            text = f"{optimizer:5} n={hidden:<5} "
            for way, width in (("run", 9), ("step", 11)):
                one, two = times[f"{way} 1"], times[f"{way} 2"]
                text += f"{one.minimum * 1e6:{width}.0f}{two.minimum * 1e6:8.0f}"
                text += f"{one.minimum / two.minimum:8.2f}; {one.median / two.median:4.2f}"
            print(f"{text}{used:12.2f}", flush=True)


if __name__ == "__main__":
    main()
