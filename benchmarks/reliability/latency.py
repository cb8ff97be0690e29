"""A live pipe at a thousand rows a second: how long until the forecast can be read?

From before a row is written into the pipe until its line has been read out of the other one,
checkpoints on the disk included. The clock that sets the pace does not wait for the answers: where
one is late, the rows behind it are late as well, and count as such.

Beside it stands the floor, measured in the same way: what the machine takes to hand a line to
another process and back, where that one only gives it back. `cat` is the least that a process can
do, "echo" the least that a Python process can: a read and a write.

What is expected: p50 at most 0.2 ms, p99 at most 2 ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from .rows import COMMAND, HEADER, environment, lines

ECHO = "import os\nwhile piece := os.read(0, 1 << 16): os.write(1, piece)"


def main() -> int:
    """Measure, print, and return 0 if it was fast enough."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability latency")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rate", type=float, default=1000.0, help="rows a second")
    parser.add_argument("--floor-rows", type=int, default=10_000, help="of each floor; 0: none")
    parser.add_argument("--every", default="10s", help="--checkpoint-every")
    asked = parser.parse_args()
    print(f"{asked.rows:,} rows at {asked.rate:,.0f} a second, milliseconds")
    print(f"{'':>7}{'p50':>9}{'p99':>9}{'p99.9':>9}{'most':>9}")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, command in commands(Path(folder), asked.every).items():
            rows = asked.rows if name == "learn" else asked.floor_rows
            found[name] = measure(command, rows, asked.rate) if rows else np.zeros(1)
            figures = (*np.percentile(found[name], [50, 99, 99.9]), max(found[name]))
            print(f"{name:>7}" + "".join(f"{figure:9.3f}" for figure in figures), flush=True)
    p50, p99 = np.percentile(found["learn"], [50, 99])
    print(f"learn: a checkpoint every {asked.every}")
    return 0 if p50 <= 0.2 and p99 <= 2.0 else 1


def commands(folder: Path, every: str) -> dict[str, list[str]]:
    """What answers each line with a line, the first two without a thought."""
    learn = [*COMMAND, "learn", "-", "--target", "y", "--predictions", "-", "--quiet"]
    return {
        "cat": ["cat"],
        "echo": [sys.executable, "-c", ECHO],
        "learn": [*learn, "--model", str(folder / "m.rtrl"), "--checkpoint-every", every],
    }


def measure(command: list[str], rows: int, rate: float) -> np.ndarray:
    """Milliseconds from row to forecast, without the first second (the kernels are loaded)."""
    warm_up = int(rate)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        bufsize=0,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        read_at: list[float] = []
        reader = threading.Thread(target=_read, args=(process.stdout.fileno(), read_at))
        reader.start()
        written_at = _write(process.stdin.fileno(), rows + warm_up, rate, read_at)
        process.stdin.close()
        reader.join()
    return 1000.0 * (np.array(read_at) - np.array(written_at))[warm_up:]


def _write(pipe: int, rows: int, rate: float, read_at: list[float]) -> list[float]:
    """Write a row at each tick of the clock; the first is answered before the next is written."""
    text = "".join(lines(rows)).splitlines(keepends=True)[:rows]
    os.write(pipe, f"{HEADER}\n{text[0]}".encode())
    written_at = [time.perf_counter()]
    while not read_at:
        time.sleep(0.01)
    begin = time.perf_counter()
    for number, row in enumerate(text[1:], 1):
        due = begin + number / rate
        while (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        written_at.append(time.perf_counter())
        os.write(pipe, row.encode())
    return written_at


def _read(pipe: int, read_at: list[float]) -> None:
    """Note when each line but the header can be read."""
    header_due = True
    while piece := os.read(pipe, 1 << 16):
        now = time.perf_counter()
        count = piece.count(b"\n") - header_due
        header_due = False
        read_at.extend([now] * count)


if __name__ == "__main__":
    raise SystemExit(main())
