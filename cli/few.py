"""Whether the numbers of a target are but a few whole ones, which may be labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 6
"""As on a die, or stars from 0 to 5: of more it is rather a count."""
_ROWS = 10  # so often each of them has to come, on average


class FewValues:
    """Takes the targets of a run, and forgets them where they are many, text or no whole numbers.

    Attributes:
        values: those so far; None where they are of another kind.
    """

    def __init__(self) -> None:
        self.values: set[float] | None = set()

    def take(self, truths: Iterable[Any]) -> None:
        """Targets as a score sees them, None where they are missing."""
        if self.values is None:
            return
        self.values |= {truth for truth in truths if truth is not None}
        if len(self.values) > MOST or not all(map(_is_whole, self.values)):
            self.values = None

    def take_numbers(self, labels: NDArray[np.float64]) -> None:
        """(T,) targets, NaN where they are missing."""
        if self.values is not None:
            self.take(np.unique(labels[~np.isnan(labels)]).tolist())

    def task(self, labels: int) -> str:
        """The --task that they may be for; "" where they are numbers.

        Args:
            labels: how many were learned from.
        """
        if self.values is None or len(self.values) < 2:
            return ""
        if self.values == {0.0, 1.0}:
            return "binary" if labels else ""
        enough = labels >= _ROWS * len(self.values)
        return ("binary" if len(self.values) == 2 else "multiclass") if enough else ""

    def __str__(self) -> str:
        """0, 1 and 2."""
        *others, last = (f"{value:.0f}" for value in sorted(self.values or {0.0}))
        return " and ".join([", ".join(others), last] if others else [last])


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()
