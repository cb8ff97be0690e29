"""Timing of things side by side, on a machine that others use as well."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Timing:
    """Seconds per step over the repeats. The minimum is what the machine can do."""

    minimum: float
    median: float


def side_by_side(trials: Mapping[str, Callable[[], int]], repeats: int) -> dict[str, Timing]:
    """Time several trials in turns, so that a busy spell hits all of them alike.

    A trial does its steps and returns how many. One round is run first and not counted: it
    compiles, and fills the caches.
    """
    seconds: dict[str, list[float]] = {name: [] for name in trials}
    for repeat in range(repeats + 1):
        for name, trial in trials.items():
            begin = perf_counter()
            steps = trial()
            if repeat:
                seconds[name].append((perf_counter() - begin) / steps)
    return {name: Timing(min(times), median(times)) for name, times in seconds.items()}
