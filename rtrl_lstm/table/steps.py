"""Steps: the last targets of a stream, as the label of a forecast of all the rows ahead.

The forecast that was made at row t - H is of the rows t - H + 1 to t, and its label is complete at
row t: (y[t-H+1], ..., y[t]).
"""

from __future__ import annotations

from collections import deque

NAN = float("nan")


class Steps:
    """The targets of the last rows, NaN where they are missing or there was none yet.

    Args:
        horizon: H, the farthest row ahead.
    """

    def __init__(self, horizon: int) -> None:
        self._last = deque([NAN] * horizon, maxlen=horizon)

    def take(self, number: float) -> tuple[float, ...]:
        """A row's target has come. Returns the label of the forecast made H rows before."""
        self._last.append(number)
        return tuple(self._last)

    def to_json(self) -> list[float | None]:
        """All there is to it, as plain JSON."""
        return [None if number != number else number for number in self._last]

    def restore(self, saved: list[float | None]) -> None:
        """Go back to what `to_json` gave."""
        numbers = [NAN if number is None else number for number in saved]
        self._last = deque(numbers, maxlen=self._last.maxlen)
