"""`rtrl-lstm` with its imports done: a process that forks one for each command line.

Starting Python and importing Numba takes most of a second, hundreds of times over in the tests.
Requests come on standard input, a JSON object to a line: argv, cwd, and the files to take for
the child's standard input, output and error. The answer is a line with its exit code.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from typing import Any

import rtrl_lstm
import rtrl_lstm.cli.forecasting
import rtrl_lstm.cli.learning
import rtrl_lstm.export.write
from rtrl_lstm.cli.main import main


def _become(request: dict[str, Any]) -> None:
    """In the child: be the command. Ends the process."""
    os.chdir(request["cwd"])
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        os.dup2(os.open(request["files"][number], flags), number)
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


def _serve() -> None:
    # The first call of a kernel costs as much as all imports.
    rtrl_lstm.Model(target="y", horizon=1).run([{"x": t, "y": t} for t in range(3)])
    rtrl_lstm.Model(target="y").run([{"x": t, "y": t} for t in range(3)])
    for line in sys.stdin:
        with warnings.catch_warnings():
            # NumPy's threads are idle, and the child does not wait for them.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
