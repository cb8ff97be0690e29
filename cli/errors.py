"""What stops a command: one line on stderr, and an exit code."""

from __future__ import annotations

import click

STOPPED = 1
SIGNALLED = 128  # and the signal's number: 130 for Ctrl-C, 143 for SIGTERM
INTERRUPTED = SIGNALLED + 2


class Stop(click.ClickException):
    """A reason to stop that the user can act on: one line, exit code 1, no traceback."""

    exit_code = STOPPED

    def format_message(self) -> str:
        return " ".join(self.message.split())


class SourceError(Stop):
    """The source cannot be read further; what came before is whole and can be kept."""


class WriteError(Stop):
    """A line could not be written: the disk is full, or may not be written to."""


def about(path: str, error: BaseException) -> str:
    """What an error says about a file, with the file's name."""
    if isinstance(error, OSError) and error.strerror and error.filename == path:
        return f"{path}: {error.strerror}"
    said = reason(error)
    return said if path in said else f"{path}: {said}"


def reason(error: BaseException) -> str:
    """What an error says, in one line: "No such file or directory: 'x.csv'"."""
    if isinstance(error, OSError) and error.strerror:
        named = f": {error.filename!r}" if error.filename is not None else ""
        return f"{error.strerror}{named}"
    if isinstance(error, KeyError):
        return f"missing {error}"
    return str(error) or type(error).__name__
