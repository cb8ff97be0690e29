"""Ctrl-C and SIGTERM end a run in good order: the rows taken are learned, the model is saved."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType


class Interrupted(BaseException):
    """The user wants the run to end.

    Attributes:
        number: of the signal that said so.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupt:
    """While entered, a signal is noted, and breaks off a wait for rows. A second one kills.

    Python runs signal handlers between bytecodes only, so a compiled kernel is never broken off.
    """

    def __init__(self) -> None:
        self.asked = 0  # the number of the signal that came
        self._waiting = False

    def __enter__(self) -> Interrupt:
        self._before = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def broken_off(self, wait: Callable[[float | None], bool], seconds: float | None) -> bool:
        """Wait so many seconds, and be broken off by a signal. Returns what the wait returns.

        Raises:
            Interrupted: a signal came, now or before.
        """
        self._waiting = True
        try:
            if self.asked:
                raise Interrupted(self.asked)
            return wait(seconds)
        finally:
            self._waiting = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._waiting:
            raise Interrupted(number)
