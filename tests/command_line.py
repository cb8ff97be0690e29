"""Runs the installed `rtrl-lstm` the way a user does: as a process of its own."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).parent / "rtrl-lstm")
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "nyc_taxi.csv"
SECONDS = 120


def run(
    *arguments: object, cwd: Path, stdin: str | bytes = b"", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `rtrl-lstm` with some arguments; it must end with the exit code `code`."""
    text = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        input=text,
        capture_output=True,
        timeout=SECONDS,
        env={**os.environ, "COLUMNS": "200"},
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, f"exit code {done.returncode}\n{out}\n{err}"
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


@contextmanager
def start(*arguments: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start it, with pipes to all three of its streams; it is killed if it takes too long."""
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What --json printed: the last line of standard output."""
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def waves(rows: int) -> list[tuple[float, float]]:
    """Two numbers a row, the second of which follows from the first and the past."""
    x = [math.sin(0.3 * t) for t in range(rows)]
    return [(x[t], 10 + 3 * x[max(t - 2, 0)]) for t in range(rows)]


def write_csv(path: Path, rows: int = 200) -> Path:
    """A file of `waves` with the columns x and y."""
    path.write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in waves(rows)))
    return path
