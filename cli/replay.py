"""What a pipe brings again after `--resume`, where rows have ids: it is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtrl_lstm.cli.records import Record
    from rtrl_lstm.models.delayed import Delayed

_MOST_HELD = 1024


class Replay:
    """Passes over the records at the beginning of a pipe that a model has taken before.

    The first record that brings something new ends that. What came between the last record that
    the model took and it, unreadable or repeated, is new as well. Where the pipe begins with the
    very first id of the stream, ids that are not remembered any longer are passed over, too.

    Args:
        delayed: the model, as it was found.
        records: how many it has taken.
        is_last: whether a record is the last of these.

    Attributes:
        passed: how many were passed over.
    """

    def __init__(self, delayed: Delayed, records: int, is_last: Callable[[Record], bool]) -> None:
        self.passed = 0
        self._delayed = delayed
        self._most = records
        self._is_last = is_last
        self._is_over = self._began = False
        self._in_the_dark = False  # where ids are that are not remembered any longer
        self._held: list[Record] | None = []  # what may be new; None: nothing so far

    def new_ones(self, records: list[Record]) -> list[Record]:
        """What is to be learned, now that these records came."""
        if self._is_over:
            return records
        for k, record in enumerate(records):
            if self.passed >= self._most or self._is_new(record):
                return [*self.rest(), *records[k:]]
            self.passed += 1
            if self._began and self._is_last(record):
                self._held = []
            elif self._held is not None and len(self._held) < _MOST_HELD:
                self._held.append(record)
        return []

    def rest(self) -> list[Record]:
        """What is to be learned where no more records will come, or they are new."""
        found, self._held, self._is_over = self._held or [], None, True
        self.passed -= len(found)
        return found

    def _is_new(self, record: Record) -> bool:
        """Whether it brings something new; what cannot be read is not known to."""
        delayed, values = self._delayed, record.values
        seen = None if values is None else delayed.has_seen(values)
        if values is None or seen is None:
            return False
        if not self._began:
            self._began = True
            self._in_the_dark = delayed.began_with(values)
            if seen or self._in_the_dark:  # it is a stream that comes again
                self._held = None
        if self._in_the_dark and delayed.ended_with(values):
            self._in_the_dark = False
        return not (seen or (self._in_the_dark and not delayed.remembers(values)))
