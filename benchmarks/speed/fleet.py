"""A fleet of 10,000 learners, 4 in and 8 hidden, by plain descent: learning steps a second.

Beside it, in the same run: as many steps of one learner whose numbers stay in the nearest cache,
and two processes with a fleet of half the size each, which is what two threads can reach. All take
turns, for a third of a second each: two threads, or two processes, share one window of time, so
that a core that others had for a while counts for both alike. Printed is the best window of each.

    python -m benchmarks.speed.fleet
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median

import numpy as np

from rtrl_lstm import Fleet, Learner, Spec

SPEC = Spec(4, 8, optimizer="sgd")
LEARNERS, SECONDS, ROUNDS = 10_000, 0.33, 15


def rows() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(LEARNERS, 4)).astype(np.float32)
    return X, X.sum(axis=1, dtype=np.float64)


def steps_per_second(take: Callable[[], object], steps: int) -> float:
    """Of as many calls of `take`, which is so many steps, as fit into the window."""
    begin, calls, passed = time.perf_counter(), 0, 0.0
    while passed < SECONDS:
        take()
        calls, passed = calls + 1, time.perf_counter() - begin
    return calls * steps / passed


def with_threads(threads: int) -> Callable[[], float]:
    fleet, (X, Y) = Fleet(SPEC, LEARNERS, same_start=True, threads=threads), rows()
    fleet.step(X, Y)
    return lambda: steps_per_second(lambda: fleet.step(X, Y), LEARNERS)


def one_learner() -> Callable[[], float]:
    net, (X, Y) = Learner(4, 8, optimizer="sgd"), rows()
    net.run(X, Y)
    return lambda: steps_per_second(lambda: net.run(X, Y), LEARNERS)


def _half(connection: Connection) -> None:
    """Another process: a fleet of half the size, for a window whenever it is told to."""
    half, (X, Y) = LEARNERS // 2, rows()
    fleet = Fleet(SPEC, half, same_start=True, threads=1)
    X, Y = X[:half], Y[:half]
    fleet.step(X, Y)
    connection.send(0.0)
    while connection.recv():
        connection.send(steps_per_second(lambda: fleet.step(X, Y), half))


def main() -> None:
    print(__doc__.splitlines()[0] if __doc__ else "")
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(2)]
    halves = [context.Process(target=_half, args=(there,), daemon=True) for _, there in pipes]
    for process in halves:
        process.start()

    def two_processes() -> float:
        for here, _ in pipes:
            here.send(True)
        return sum(here.recv() for here, _ in pipes)

    for here, _ in pipes:
        here.recv()
    trials = {
        "one learner, as many steps": one_learner(),
        "one thread": with_threads(1),
        "two threads": with_threads(2),
        "two processes": two_processes,
    }
    found: dict[str, list[float]] = {name: [] for name in trials}
    for _ in range(ROUNDS):
        for name, trial in trials.items():
            found[name].append(trial())
    for here, _ in pipes:
        here.send(False)
    for name, rates in found.items():
        print(f"{name:28}{max(rates) / 1e6:8.2f} million steps a second")
    threads, processes = found["two threads"], found["two processes"]
    rounds = median(a / b for a, b in zip(threads, processes, strict=True))
    print(f"two threads reach {max(threads) / max(processes):.2f} of two processes", end="")
    print(f" (median of the rounds: {rounds:.2f})")


if __name__ == "__main__":
    main()
