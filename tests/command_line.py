"""Runs `rtrl-lstm` the way a user does: as a process of its own.

`run` forks it off a process that has its imports done (warm.py); `start` runs what is installed.
"""

from __future__ import annotations

import atexit
import json
import math
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).parent / "rtrl-lstm")
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "nyc_taxi.csv"
SECONDS = 120


@cache
def _warm() -> subprocess.Popen[str]:
    """The process of warm.py, which ends with this one: its standard input is closed then."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("warm.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        server.communicate()

    atexit.register(end)
    return server


def run(
    *arguments: object, cwd: Path, stdin: str | bytes = b"", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `rtrl-lstm` with some arguments; it must end with the exit code `code`."""
    server = _warm()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("in", "out", "err")]
        files[0].write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
        for file in files[1:]:
            file.touch()
        argv = [str(argument) for argument in arguments]
        request = {"argv": argv, "cwd": str(cwd), "files": [str(file) for file in files]}
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        returned = int(server.stdout.readline())
        out, err = (file.read_text() for file in files[1:])
    assert returned == code, f"exit code {returned}\n{out}\n{err}"
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(argv, returned, out, err)


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
