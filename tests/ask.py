"""Asks warm.py for a command line, as a module or as a program: ask.py SOCKET ARGUMENT ...

A request is JSON, argv and cwd, together with the files that are the command's standard input,
output and error; the answer is its exit code.
"""

import json
import os
import socket
import sys


def ask(path: str, argv: list[str], cwd: str, files: list[int]) -> int:
    """Let the process that listens at `path` run `rtrl-lstm`. Returns the exit code."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        socket.send_fds(asking, [json.dumps({"argv": argv, "cwd": cwd}).encode()], files)
        return int(asking.recv(16))


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1], sys.argv[2:], os.getcwd(), [0, 1, 2]))
