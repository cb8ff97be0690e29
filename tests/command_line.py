"""Runs `rtrl-lstm` the way a user does: as a process of its own.

`run` forks it off a process that has its imports done (warm.py), and so does a shell that has
`folder_on_path` on its PATH; `start` runs what is installed.
"""

from __future__ import annotations

import atexit
import json
import math
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ask import ask

COMMAND = str(Path(sys.executable).parent / "rtrl-lstm")
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "nyc_taxi.csv"
SECONDS = 120
HERE = Path(__file__).parent


@cache
def _warm() -> str:
    """The socket of warm.py, which ends with this process: its standard input is closed then."""
    folder = tempfile.TemporaryDirectory(prefix="rtrl-lstm-")
    path = str(Path(folder.name, "warm"))
    server = subprocess.Popen(
        [sys.executable, str(HERE / "warm.py"), path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        server.communicate()
        folder.cleanup()

    atexit.register(end)
    assert server.stdout is not None
    assert server.stdout.readline() == "listening\n"
    return path


def run(
    *arguments: object, cwd: Path, stdin: str | bytes = b"", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `rtrl-lstm` with some arguments; it must end with the exit code `code`."""
    argv = [str(argument) for argument in arguments]
    with ExitStack() as open_files:
        files = [open_files.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(stdin.encode() if isinstance(stdin, str) else stdin)
        files[0].seek(0)
        returned = ask(_warm(), argv, str(cwd), [file.fileno() for file in files])
        for file in files[1:]:
            file.seek(0)
        out, err = (file.read().decode() for file in files[1:])
    assert returned == code, f"exit code {returned}\n{out}\n{err}"
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(argv, returned, out, err)


def folder_on_path(folder: Path) -> Path:
    """The folder, with a `rtrl-lstm` in it that is forked off warm.py."""
    asks = shlex.join([sys.executable, "-IS", str(HERE / "ask.py"), _warm()])
    command = folder / "rtrl-lstm"
    command.write_text(f'#!/bin/sh\nexec {asks} "$@"\n')
    command.chmod(0o755)
    return folder


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
