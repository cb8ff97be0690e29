"""Starting: the first compilation of a default learner, and a warm start to its first step.

Each is a new process, from its start to its end. Beside the warm start: what imports Numba and
calls one function of its own that was compiled and kept before, the least that Numba costs.

Expect: 12 to 15 seconds the first time on a quiet machine, and a warm start of no more than 1.5
times the least.

    python -m benchmarks.speed.start
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

REPEATS = 7
FIRST_STEP = """
import numpy as np
import rtrl_lstm as rl
rl.Learner(4, 32).step(np.zeros(4, np.float32), 1.0)
"""
LEAST = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import kept
kept.total(np.zeros(4, np.float32))
"""
KEPT = """
import numba

@numba.njit(cache=True)
def total(x):
    found = x[0]
    for k in range(1, len(x)):
        found += x[k]
    return found
"""


def seconds(script: str, folder: Path) -> float:
    """From the start of a process to its end; its kernels are kept in `folder`."""
    environment = os.environ | {"RTRL_LSTM_CACHE": str(folder)}
    before = perf_counter()
    subprocess.run([sys.executable, "-c", script, str(folder)], env=environment, check=True)
    return perf_counter() - before


def main() -> None:
    """Print both, and the least."""
    print((__doc__ or "").splitlines()[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kept.py").write_text(KEPT)
        first = seconds(FIRST_STEP, folder)
        print(f"{'first compilation':28}{first:8.2f} s")
        seconds(LEAST, folder)
        times: dict[str, list[float]] = {FIRST_STEP: [], LEAST: []}
        for _ in range(REPEATS):  # in turns: a busy spell hits both
            for script, found in times.items():
                found.append(seconds(script, folder))
    warm, least = (median(found) for found in times.values())
    print(f"{'warm start, to the first step':28}{warm:8.2f} s")
    print(f"{'Numba and one function':28}{least:8.2f} s")
    print(f"in times of that: a warm start {warm / least:.2f}, the first one {first / least:.1f}")


if __name__ == "__main__":
    main()
