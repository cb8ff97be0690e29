"""Categories: which values of a column have a place of their own, where there are too many."""

from __future__ import annotations

from typing import Any

from rtrl_lstm.table.values import OTHER


class Categories:
    """Gives places to values as they come, and to those that come often rather than once.

    The first `most` values have one each. A value that comes when there is none left is
    `"(other)"`, and waits; once it has been seen more than twice as often as the value that was
    seen least, it takes the place of that one. Of those that wait, the most frequent ones are
    counted, `most` of them (Misra & Gries 1982), so that one-offs cost no memory.

    Args:
        most: how many places there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[str, int] = {}  # those that have a place, and how often they came
        self._waiting: dict[str, int] = {}

    def take(self, text: str) -> tuple[str, str | None]:
        """A value that came: what it is known as, and whose place it takes, if it does so now."""
        if text == OTHER:
            return OTHER, None
        if text in self._seen or len(self._seen) < self._most:
            self._seen[text] = self._seen.get(text, 0) + 1
            return text, None
        count = self._waiting.pop(text, 0) + 1
        least = min(self._seen, key=self._seen.__getitem__)
        if count > 2 * self._seen[least]:
            del self._seen[least]
            self._seen[text] = count
            return text, least
        if len(self._waiting) < self._most:
            self._waiting[text] = count
        else:
            self._waiting = {name: n - 1 for name, n in self._waiting.items() if n > 1}
        return OTHER, None

    def to_json(self) -> list[Any]:
        """All there is to it, as plain JSON."""
        return [list(self._seen.items()), list(self._waiting.items())]

    def restore(self, saved: list[Any]) -> None:
        """Go back to what `to_json` gave."""
        self._seen, self._waiting = map(dict, saved)
