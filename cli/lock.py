"""One process at a time on a model file.

What is locked is a file beside it, since the model file itself is replaced at each save. The
system lets go of the lock when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType

from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.oslock import lock


class Lock:
    """While entered, no other process can enter one for the same model.

    Raises:
        Stop: another one has it, or there is no writing beside the model.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        path = Path(model)
        self._path = path.with_name(f".{path.name}.lock")

    def __enter__(self) -> Lock:
        while True:
            self._file = self._open()
            if not _locked(self._file):
                os.close(self._file)
                raise Stop(
                    f"{self._model} is being learned by another process; wait for it, or give "
                    "this one another --model"
                )
            # Who had it before has removed the file: the next one would lock another.
            if self._is_there():
                return self
            os.close(self._file)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if os.name == "posix":
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        os.close(self._file)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise Stop(f"cannot write {self._model}: {error.strerror}") from error

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self._path))
        except OSError:
            return False


def _locked(file: int) -> bool:
    """Whether we have the lock now."""
    try:
        lock(file, wait=False)
    except OSError:
        return False
    return True
