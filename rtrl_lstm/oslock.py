"""The system's lock on an open file: gone when the file is closed or the process ends."""

from __future__ import annotations

import sys


def lock(file: int, *, wait: bool) -> None:
    """Lock the file of this descriptor for this process alone.

    Args:
        wait: whether to wait until whoever has the lock gives it back.

    Raises:
        OSError: somebody else has it and we do not wait, or the file system has no locks.
    """
    # Each branch is for one system, and mypy looks at the one that it runs on.
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
