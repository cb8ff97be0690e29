"""Recall: the ids of a stream's last rows, in bounded memory."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np

LEAST = 65_536
"""So many ids are remembered at least."""


class Recall:
    """The ids of the last rows, which are numbered from 0, and the very first one.

    An id is known by a hash of 8 bytes: of a million ids, two share one once in 37 million streams.

    Args:
        most: how many are remembered.

    Attributes:
        rows: rows so far.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows = 0
        self._first: int | None = None
        self._places: dict[int, int] = {}  # in the order of the rows
        self._given_up: set[int] = set()  # of the rows remembered, those that got no label

    def add(self, name: str) -> None:
        """The next row has this id, which is not remembered."""
        key = _hash(name)
        if self._first is None:
            self._first = key
        self._places[key] = self.rows
        self.rows += 1
        if len(self._places) > self.most:
            self._given_up.discard(self._places.pop(next(iter(self._places))))

    def place_of(self, name: str) -> int | None:
        """The number of the row with this id; None where none is remembered."""
        return self._places.get(_hash(name))

    def is_first(self, name: str) -> bool:
        """Whether this is the id of the very first row."""
        return _hash(name) == self._first

    def give_up(self, place: int) -> None:
        """A row was learned without a label."""
        if place >= self.rows - len(self._places):
            self._given_up.add(place)

    def was_given_up(self, place: int) -> bool:
        """Whether a row that is remembered was."""
        return place in self._given_up

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        keys = np.fromiter(self._places, "<u8", len(self._places))
        given_up = [place in self._given_up for place in self._places.values()]
        return {
            "rows": self.rows,
            "first": self._first,
            "ids": base64.b64encode(keys.tobytes()).decode(),
            "given_up": base64.b64encode(np.packbits(np.array(given_up, bool)).tobytes()).decode(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.rows, self._first = saved["rows"], saved["first"]
        keys = np.frombuffer(base64.b64decode(saved["ids"]), "<u8")
        bits = np.frombuffer(base64.b64decode(saved["given_up"]), np.uint8)
        oldest = self.rows - len(keys)
        self._places = dict(zip(keys.tolist(), range(oldest, self.rows), strict=True))
        given_up = np.unpackbits(bits, count=len(keys))
        self._given_up = set((np.flatnonzero(given_up) + oldest).tolist())
        if len(self._places) != len(keys):
            raise ValueError("an id is there twice")


def _hash(name: str) -> int:
    text = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
