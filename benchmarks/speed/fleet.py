"""A fleet of 10,000 learners, 4 in and 8 hidden, by plain descent: learning steps a second.

Beside it, in the same run: as many steps of one learner whose numbers stay in the nearest cache,
and two processes with a fleet of half the size each, which is what two threads can reach.
"""

from __future__ import annotations

import multiprocessing
import time

import numpy as np

from rtrl_lstm import Fleet, Learner, Spec

SPEC = Spec(4, 8, optimizer="sgd")
LEARNERS, REPEATS = 10_000, 15


def steps_per_second(fleet: Fleet, seconds: float = 0.0) -> float:
    """The best of several passes, or of as many as fit into some seconds."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(len(fleet), 4)).astype(np.float32)
    Y = X.sum(axis=1, dtype=np.float64)
    fleet.step(X, Y)
    best, passes, start = np.inf, 0, time.perf_counter()
    while passes < REPEATS or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        fleet.step(X, Y)
        best = min(best, time.perf_counter() - before)
        passes += 1
    return len(fleet) / best


def _half(queue: multiprocessing.SimpleQueue[float]) -> None:
    queue.put(steps_per_second(Fleet(SPEC, LEARNERS // 2, same_start=True, threads=1), 3.0))


def two_processes() -> float:
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    halves = [context.Process(target=_half, args=(queue,)) for _ in range(2)]
    for process in halves:
        process.start()
    for process in halves:
        process.join()
    return queue.get() + queue.get()


def one_learner() -> float:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(LEARNERS, 4)).astype(np.float32)
    net, best = Learner(4, 8, optimizer="sgd"), np.inf
    for _ in range(REPEATS):
        before = time.perf_counter()
        net.run(X, X.sum(axis=1))
        best = min(best, time.perf_counter() - before)
    return LEARNERS / best


def main() -> None:
    print(__doc__.splitlines()[0] if __doc__ else "")
    found = {
        "one learner, as many steps": one_learner(),
        "one thread": steps_per_second(Fleet(SPEC, LEARNERS, same_start=True, threads=1)),
        "two threads": steps_per_second(Fleet(SPEC, LEARNERS, same_start=True, threads=2)),
        "two processes": two_processes(),
    }
    for name, rate in found.items():
        print(f"{name:28}{rate / 1e6:8.2f} million steps a second")
    print(f"two threads reach {found['two threads'] / found['two processes']:.2f} of two processes")


if __name__ == "__main__":
    main()
