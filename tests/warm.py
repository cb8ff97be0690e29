"""`rtrl-lstm` with its imports done: a process that forks one for each command line.

Starting Python and importing Numba takes most of a second, hundreds of times over in the tests.
It listens on the Unix socket whose path it is given, and ends with its standard input; `ask.py`
says what it is asked and answers.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import traceback
import warnings
from typing import Any

import rtrl_lstm
import rtrl_lstm.cli.forecasting
import rtrl_lstm.cli.learning
import rtrl_lstm.export.write
from rtrl_lstm.cli.main import main


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Be the command, with its standard input, output and error. Ends the process."""
    os.chdir(request["cwd"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["rtrl-lstm", *request["argv"]]
    os.environ["COLUMNS"] = "200"
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # exit handlers of libraries wait for threads that a fork does not have


def _fork() -> int:
    with warnings.catch_warnings():
        # NumPy's threads are idle, and the child does not wait for them.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _answer(listening: socket.socket) -> None:
    """Take one request. A child waits for the command, as others may be asked for meanwhile."""
    asking = listening.accept()[0]
    if _fork() == 0:
        listening.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        request, files, _, _ = socket.recv_fds(asking, 1 << 20, 3)
        command = _fork()
        if command == 0:
            asking.close()
            _become(json.loads(request), files)
        for file in files:  # whoever reads from the command waits until all have closed it
            os.close(file)
        code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        asking.sendall(str(code).encode())
        os._exit(0)
    asking.close()


def _serve(path: str) -> None:
    # The first call of a kernel costs as much as all imports.
    rtrl_lstm.Model(target="y", horizon=1).run([{"x": t, "y": t} for t in range(3)])
    rtrl_lstm.Model(target="y").run([{"x": t, "y": t} for t in range(3)])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how those end that wait
    with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as ready:
        listening.bind(path)
        listening.listen()
        print("listening", flush=True)
        ready.register(listening, selectors.EVENT_READ)
        ready.register(sys.stdin, selectors.EVENT_READ)
        while all(key.fileobj is listening for key, _ in ready.select()):
            _answer(listening)


if __name__ == "__main__":
    _serve(sys.argv[1])
