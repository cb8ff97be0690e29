"""How many rows a second does `rtrl-lstm learn` take from a CSV file?

Four inputs, one target, one learner, predictions written to a file, one core: with eight units and
SGD, with the defaults, and River's linear regression behind its scaler on the same rows, read with
its `iter_csv` and written the same way. By the clock, from the first row to the last; and by the
processor's time, starting Python and loading the kernels included, which says more on a busy
machine. The best of some runs.

What is expected: at least 300,000 rows a second with eight units and SGD.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .rows import COMMAND, environment, write_csv

LEARNERS = {
    "8 units, SGD": ["--hidden", "8", "--optimizer", "sgd"],
    "defaults": [],
    "defaults, GRU": ["--cell", "gru"],
}
RIVER_ROWS = 200_000


def main() -> int:
    """Measure, print, and return 0 if it was fast enough."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability throughput")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.csv")
        write_csv(path, asked.rows)
        rates = {}
        for name, options in LEARNERS.items():
            rates[name] = measure(path, options, asked.runs)
            _say(name, *rates[name])
        if importlib.util.find_spec("river"):
            _say("River, linear regression", *river(path, min(asked.rows, RIVER_ROWS)))
        else:
            print("River is not installed")
    return 0 if rates["8 units, SGD"][0] >= 300_000 else 1


def measure(path: Path, options: list[str], runs: int) -> tuple[float, float]:
    """Rows a second by the clock and by the processor's time, at best."""
    found = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*COMMAND, "learn", str(path), "--target", "y", *options, "--quiet", "--json",
             "--predictions", str(path.with_suffix(".out"))],
            env=environment(), check=True, capture_output=True, text=True,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = json.loads(done.stdout)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((figures["rows_per_second"], figures["rows"] / seconds))
    by_clock, by_processor = zip(*found, strict=True)
    return max(by_clock), max(by_processor)


def river(path: Path, rows: int) -> tuple[float, float]:
    """The same of River, on the first so many rows."""
    from river import linear_model, preprocessing, stream

    model = preprocessing.StandardScaler() | linear_model.LinearRegression()
    converters = dict.fromkeys("abcdy", float)
    began, began_working = time.perf_counter(), time.process_time()
    with open(path.with_suffix(".out"), "w", encoding="utf-8") as out:
        written = csv.writer(out)
        for number, (x, y) in enumerate(stream.iter_csv(path, target="y", converters=converters)):
            if number == rows:
                break
            written.writerow([model.predict_one(x)])
            model.learn_one(x, y)
    return rows / (time.perf_counter() - began), rows / (time.process_time() - began_working)


def _say(name: str, by_clock: float, by_processor: float) -> None:
    print(
        f"{name:26}{by_clock:10,.0f} rows a second, {by_processor:10,.0f} by the processor's time",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
