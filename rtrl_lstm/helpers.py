"""Threads that help with a learner's or a fleet's rows."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.fields import ALIGNMENT
from rtrl_lstm.kernels import entries, team
from rtrl_lstm.kernels.slots import L_LANES, L_SOURCES, T_FIRST_LAYER, T_LAYER_STEP, T_LAYERS

Words = NDArray[np.int64]


def words_of_team(threads: int, chunks_each: int) -> Words:
    """The words by which so many threads share work: see `kernels/team.py`."""
    count = team.W_CLAIMED + threads * chunks_each * team.LINE
    room = np.zeros(count + ALIGNMENT // 8, np.int64)
    start = -room.ctypes.data % ALIGNMENT // 8
    words = room[start : start + count]
    words[team.W_THREADS], words[team.W_EACH] = threads, chunks_each
    return words


class Helpers:
    """Threads that sleep until there is work, and end with this object.

    Whoever has work does it as well, and leaves to them what they come in time for. Where no thread
    can be started, they never come.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._doors: list[threading.Lock] = []
        self._work: _Work | None = None
        _all.add(self)

    def wake(self, work: Callable[[int], None], count: int) -> None:
        """Have `count` of them, number 1 and so on, call `work` with their number."""
        if self._work is None:
            self._start()
        if self._work is not None:
            self._work.function = work
            for door in self._doors[:count]:
                if door.locked():
                    door.release()

    def rest(self) -> None:
        """There is no more work: whoever comes from here on goes back to sleep."""
        if self._work is not None:
            self._work.function = None

    def _start(self) -> None:
        work, doors = _Work(), []
        for number in range(1, self._count + 1):
            door = threading.Lock()
            door.acquire()
            try:
                thread = threading.Thread(target=_help, args=(work, number, door), daemon=True)
                thread.name = f"rtrl-lstm helper {number}"
                thread.start()
            except RuntimeError:  # no more threads are to be had, or Python is about to end
                break
            doors.append(door)
        if doors:
            self._work, self._doors = work, doors
            weakref.finalize(self, _dismiss, work, doors)

    def forget_threads(self) -> None:
        """In a process that was forked from another there are none: start anew."""
        self._work, self._doors = None, []


class _Work:
    """What there is to do."""

    function: Callable[[int], None] | None = None
    dismissed = False


def _help(work: _Work, number: int, door: threading.Lock) -> None:
    """What a helper does: sleep at its door, and work whenever it is opened."""
    while True:
        door.acquire()
        if work.dismissed:
            return
        function = work.function
        if function is not None:
            function(number)
        del function


def _dismiss(work: _Work, doors: list[threading.Lock]) -> None:
    work.dismissed = True
    for door in doors:
        if door.locked():
            door.release()


class LayerHelpers:
    """The threads of one learner beside its own, which share the sweeps over its large layers.

    Args:
        threads: how many work, the caller's own among them.
        places: (3,) addresses of the learner's head, body and table, which outlive this object.
        dtype: of the body.
    """

    def __init__(self, threads: int, places: Words, dtype: np.dtype[Any]) -> None:
        self._words = words = words_of_team(threads, team.CHUNKS_EACH)
        words[team.W_HEAD : team.W_TABLE + 1] = places
        self.at: int = words.ctypes.data
        self._dtype, self._others = dtype, threads - 1
        self._helpers = Helpers(self._others)

    def with_help(self, kernel: Callable[..., int]) -> Callable[..., int]:
        """The kernel, with the helpers awake while it works."""
        words, helpers, others = self._words, self._helpers, self._others
        entry, like = entries.bare_help(self._dtype), self._dtype.type

        def help_leader(number: int) -> None:
            entry(words.ctypes.data, number, like)

        def helped(*arguments: Any) -> int:
            try:
                words[team.W_OPEN] = 1
                helpers.wake(help_leader, others)
                return kernel(*arguments)
            finally:
                words[team.W_OPEN] = 0

        return helped


def is_worth_help(family: str, table: NDArray[np.int64]) -> bool:
    """Whether a learner, by its layout's family and table, has a layer worth another thread.

    A layer of few units may be large by its inputs; but it is cut into units, and narrow ones have
    a compilation of their own.
    """
    first, step = table[T_FIRST_LAYER], table[T_LAYER_STEP]
    layers = [first + number * step for number in range(table[T_LAYERS])]
    large = any(table[k + L_LANES] * table[k + L_SOURCES] >= team.LEAST for k in layers)
    return large and family == "simple"


_all: weakref.WeakSet[Helpers] = weakref.WeakSet()


def _forget_threads() -> None:
    for helpers in _all:
        helpers.forget_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
