"""Dates such as 1/2/2020: whether the day comes first or the month, said or found out."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
ORDERS = ("auto", DAY_FIRST, MONTH_FIRST)
EPOCH = datetime(1970, 1, 1)
DAY = 86400.0
"""Seconds of a day."""

Both = tuple[float, float]
"""A stamp's seconds with the day first and with the month first; NaN where it cannot be read so."""


class Dates:
    """What comes first in the dates of a stream.

    With "auto" that is found out: by the first stamp that can only be read in one way, as 1/13/2020
    can, or by the first one that is as far from the one before as that was from its own, or as many
    whole months, if it is read in one way and not in the other. Until then the day is taken to come
    first.

    Args:
        said: "auto", "day-first" or "month-first".

    Attributes:
        first: "day-first" or "month-first"; None while that is unknown.
        unsure: how many stamps were taken to have the day first while it was, and might not have.
        turned: how many of these there were when the month was found to come first.
    """

    def __init__(self, said: str = "auto") -> None:
        self.first = None if said == "auto" else said
        self.unsure = self.turned = 0
        self._last: Both | None = None
        self._steps: tuple[Any, Any] = (None, None)  # between the last two stamps that differ

    def read(self, both: Both) -> float:
        """The seconds of a stamp. Changes nothing; raises ValueError where it has another order."""
        first = self.first or self._shown(both, self._steps_to(both))
        seconds = both[first == MONTH_FIRST]
        if seconds != seconds:
            raise ValueError(f"no date with the {'month' if both[0] == both[0] else 'day'} first")
        return seconds

    def turns(self, both: Both) -> bool:
        """Whether a stamp shows that those before were taken wrongly."""
        return self.first is None and self._shown(both, self._steps_to(both)) == MONTH_FIRST

    def take(self, both: Both) -> float | None:
        """Go on to a stamp that was read.

        Returns None; where the stamp `turns`, the seconds of the one before with the month first,
        NaN if there is none.
        """
        if self.first is not None:
            return None
        last, steps = self._last, self._steps_to(both)
        self.first = self._shown(both, steps)
        if self.first is None:
            self.unsure += both[0] != both[1]
            self._steps, self._last = steps or self._steps, both
            return None
        self._last, self._steps = None, (None, None)
        if self.first == MONTH_FIRST:
            self.turned = self.unsure
        self.unsure = 0
        if self.first == DAY_FIRST:
            return None
        return math.nan if last is None else last[1]

    def _shown(self, both: Both, steps: tuple[Any, Any] | None) -> str | None:
        """The order that a stamp shows which comes after so many `steps`."""
        day, month = both
        if month != month:
            return DAY_FIRST
        if day != day:
            return MONTH_FIRST
        if steps is None:
            return None
        even = [step == before for step, before in zip(steps, self._steps, strict=True)]
        return None if even[0] == even[1] else (DAY_FIRST if even[0] else MONTH_FIRST)

    def _steps_to(self, both: Both) -> tuple[Any, Any] | None:
        """How far a stamp is from the last one, read in either way; None where it repeats it."""
        last = self._last
        if last is None or last == both or both[0] != both[0] or both[1] != both[1]:
            return None
        apart = both[0] - last[0]
        if apart == both[1] - last[1]:  # of the same day
            return apart, apart
        return _step(last[0], both[0]), _step(last[1], both[1])

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "first": self.first,
            "unsure": self.unsure,
            "turned": self.turned,
            "last": None if self._last is None else list(self._last),
            "steps": list(self._steps),
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Dates:
        """The inverse of `to_json`."""
        dates = cls()
        dates.first = saved["first"]
        dates.unsure, dates.turned = saved["unsure"], saved["turned"]
        last, (day, month) = saved["last"], saved["steps"]
        dates._last = None if last is None else (last[0], last[1])
        dates._steps = (day, month)
        return dates


def _step(before: float, after: float) -> float | str:
    """Seconds between two stamps, or the months where they are whole: "2 months"."""
    one, other = (EPOCH + timedelta(seconds=seconds) for seconds in (before, after))
    months = 12 * (other.year - one.year) + other.month - one.month
    if months and (one.day, one.time()) == (other.day, other.time()):
        return f"{months} months"
    return after - before
