"""Floor: what no forecast of a number is below. Counts, as of sales or visitors, end at 0."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.kernels.words import LARGEST

NONE = -math.inf
SURE = 30
"""So many whole numbers from 0 on are taken for counts."""


class Floor:
    """Watches the numbers of a target, and says below what none of them is forecast.

    Where truths are not below it, a forecast that is raised to it comes nearer to all of them: its
    error never grows. And where one is below it in the end, the floor is gone for good.

    Args:
        least: "auto": 0, once `SURE` targets have come, for as long as all of them are whole
            numbers from 0 on. A number: that one, whatever comes. None: there is none.

    Attributes:
        now: the floor as the last target left it; minus infinity where there is none.
        fixed: whether targets leave it alone.
    """

    def __init__(self, least: str | float | None) -> None:
        self.fixed = not isinstance(least, str)
        self.now = NONE if least in ("auto", None) else float(least)
        self._counts = 0  # targets so far, while all of them are counts; -1: one was not

    def take(self, value: float) -> None:
        """A target that is known."""
        if self.fixed or self._counts < 0:
            return
        if value < 0.0 or not value.is_integer():
            self._counts, self.now = -1, NONE
            return
        self._counts += 1
        if self._counts == SURE:
            self.now = 0.0

    def take_many(self, values: NDArray[np.float64], ahead: bool) -> NDArray[np.float64] | None:
        """`take` for (T,) targets, NaN where they are missing.

        Args:
            ahead: whether a row's forecast is made after its own target was seen.

        Returns:
            (T,) the floor of each row's forecast; None where there is none in any.
        """
        floors = None
        if self._counts >= 0 and not self.fixed:
            floors = self._watched(values, ahead)
        elif self.now > NONE:
            floors = np.full(len(values), self.now)
        return floors

    def _watched(self, values: NDArray[np.float64], ahead: bool) -> NDArray[np.float64] | None:
        known = ~np.isnan(values)
        counts = self._counts + np.cumsum(known)
        odd = known & ((values < 0.0) | (values != np.floor(values)))
        first = int(odd.argmax()) if odd.any() else len(values)
        after = np.where(counts >= SURE, 0.0, NONE)
        after[first:] = NONE
        floors = after if ahead else np.concatenate(([self.now], after[:-1]))
        if len(values):
            self.now = float(after[-1])
            self._counts = int(counts[-1]) if first == len(values) else -1
        return floors if (floors > NONE).any() else None

    def to_json(self) -> list[Any]:
        """What the stream has decided, as plain JSON."""
        return [self._counts, None if self.now == NONE else self.now, self.fixed]

    def restore(self, saved: list[Any]) -> None:
        """Go back to what `to_json` gave."""
        self._counts, now, self.fixed = saved
        self.now = NONE if now is None else now


def raised(said: list[float], floors: tuple[float, ...]) -> list[float]:
    """Outputs, those below their floors raised to them; () is none."""
    if not floors:
        return said
    return [low if one <= low else one for one, low in zip(said, floors, strict=True)]


def plain_least(least: Any) -> str | float | None:
    """What a `Floor` is given, as Python's own; raises ValueError where it can be none."""
    if least is None or (isinstance(least, str) and least == "auto"):
        return least
    is_number = isinstance(least, Real) and not isinstance(least, bool)
    if is_number and abs(float(least)) <= LARGEST:
        return float(least)
    raise ValueError(f"at_least must be auto, None or a number, not {least!r}")
