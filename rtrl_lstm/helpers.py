"""Threads that help a large learner with its rows."""

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

_Words = NDArray[np.int64]
_DISMISSED = -1


def would_help(table: NDArray[np.int64]) -> bool:
    """Whether a learner, by its table, has a layer that is worth another thread."""
    first, step = table[T_FIRST_LAYER], table[T_LAYER_STEP]
    layers = [first + number * step for number in range(table[T_LAYERS])]
    return any(table[k + L_LANES] * table[k + L_SOURCES] >= team.LEAST for k in layers)


class Helpers:
    """The threads of one learner beside its own, and the words by which the kernels share work.

    Between two calls the threads sleep; they end with this object. A call that they are late for,
    or that they were never started for, gives the same bits: see `kernels/team.py`.

    Args:
        threads: how many work, the caller's own among them.
        places: (3,) addresses of the learner's head, body and table, which outlive this object.
        dtype: of the body.
    """

    def __init__(self, threads: int, places: _Words, dtype: np.dtype[Any]) -> None:
        self.threads = threads
        self._dtype = dtype
        self._words = _aligned_words(team.W_CLAIMED + threads * team.CHUNKS_EACH * team.LINE)
        self._words[team.W_HEAD : team.W_EACH + 1] = *places, threads, team.CHUNKS_EACH
        self._doors: list[threading.Lock] = []
        self.at = self._words.ctypes.data
        _all.add(self)

    def with_help(self, kernel: Callable[..., int]) -> Callable[..., int]:
        """The kernel, with the helpers awake while it works."""
        words = self._words

        def helped(*arguments: Any) -> int:
            try:
                self._wake()
                return kernel(*arguments)
            finally:
                words[team.W_OPEN] = 0

        return helped

    def _wake(self) -> None:
        if not self._doors:
            self._start()
        self._words[team.W_OPEN] = 1
        for door in self._doors:
            if door.locked():
                door.release()

    def _start(self) -> None:
        entry, doors = entries.bare_help(self._dtype), []
        for number in range(1, self.threads):
            door = threading.Lock()
            door.acquire()
            arguments = (entry, self._words, number, door, np.empty(0, self._dtype))
            try:
                thread = threading.Thread(target=_help, args=arguments, daemon=True)
                thread.name = f"rtrl-lstm helper {number}"
                thread.start()
            except RuntimeError:  # no more threads are to be had, or Python is about to end
                break
            doors.append(door)
        self._doors = doors
        weakref.finalize(self, _dismiss, self._words, doors)

    def forget_threads(self) -> None:
        """In a process that was forked from another there are none: start anew."""
        self._doors = []
        self._words[team.W_OPEN] = 0


def _help(entry: Callable[..., None], words: _Words, number: int, door: Any, like: Any) -> None:
    """What a helper does: sleep at its door, and help whenever it is opened."""
    at = words.ctypes.data
    while True:
        door.acquire()
        if words[team.W_OPEN] == _DISMISSED:
            return
        entry(at, number, like)


def _dismiss(words: _Words, doors: list[threading.Lock]) -> None:
    words[team.W_OPEN] = _DISMISSED
    for door in doors:
        if door.locked():
            door.release()


def _aligned_words(count: int) -> _Words:
    room = np.zeros(count + ALIGNMENT // 8, np.int64)
    start = -room.ctypes.data % ALIGNMENT // 8
    return room[start : start + count]


_all: weakref.WeakSet[Helpers] = weakref.WeakSet()


def _forget_threads() -> None:
    for helpers in _all:
        helpers.forget_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
