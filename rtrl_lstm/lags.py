"""Inputs that are forecasts of the target by themselves: what it was a day, week or season before.

For a forecast of row t + H such an input is y[t + H - lag], with the lags that `season` finds: at
horizon 0 a target of rows before the present one, from 1 on of rows up to it. The input of a lag
comes up with the first row where that target is known, and stays. Another season that is found
later, in more targets, gets an input of its own: the first look may find the day, and the second
the week. There are five looks at most.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.columns import Inputs
from rtrl_lstm.season import Seasons, last_known


class Lags:
    """The lagged targets among the inputs.

    Where the target of a season ago is missing, its input is what it was the last time that it
    was known.

    Attributes:
        seasons: the targets of the past; whoever reads rows pushes them.
        slots: lag in rows -> the place of its input, in order of appearance.
        fixed: whether there are no further inputs. The targets move on.
    """

    def __init__(self, target: str, horizon: int) -> None:
        self.target = target
        self.seasons = Seasons(horizon)
        self.slots: dict[int, int] = {}
        self.fixed = False
        self._known = max(horizon, 1)  # the last target is so many rows before the one forecast
        self._values: dict[int, float] = {}  # of each lag, when it was last known

    def commit(self, inputs: Inputs, values: list[float]) -> None:
        """Write the lagged targets into `values`. New ones are appended, unless it is `fixed`."""
        seasons, last = self.seasons, self._values
        if len(self.slots) < len(seasons.lags) and not self.fixed:
            self._add(inputs, values)
        for lag, slot in self.slots.items():
            value = seasons.ago(lag - self._known)
            if isinstance(value, float):
                last[lag] = value
            values[slot] = last[lag]

    def takes(self, rows: int) -> int:
        """How many of so many rows bring no new input."""
        if len(self.slots) < len(self.seasons.lags) and not self.fixed:
            return 0
        return self.seasons.takes(rows)

    def commit_many(self, targets: NDArray[np.float64], inputs: NDArray[np.float64]) -> None:
        """`commit` for many rows, none of which brings an input; before their targets are pushed.

        Args:
            targets: (rows,) of the rows themselves, NaN where they are missing.
            inputs: (rows, inputs), where they are written.
        """
        longest = max(self.slots, default=0)
        whole = np.concatenate((self.seasons.last(longest), targets))
        ahead = self.seasons.horizon
        for lag, slot in self.slots.items():
            begin = longest + ahead - lag
            values = np.concatenate(([self._values[lag]], whole[begin : begin + len(targets)]))
            values = last_known(values)
            inputs[:, slot] = values[1:]
            self._values[lag] = float(values[-1])

    def _add(self, inputs: Inputs, values: list[float]) -> None:
        for lag, name in self.seasons.lags.items():
            known = isinstance(self.seasons.ago(lag - self._known), float)
            if known and lag not in self.slots:
                self.slots[lag] = inputs.add(f"{self.target} ({name})", scaled=True)
                values.append(0.0)

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "seasons": self.seasons.to_json(),
            "slots": [[lag, slot, self._values[lag]] for lag, slot in self.slots.items()],
            "fixed": self.fixed,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], target: str, horizon: int) -> Lags:
        """The inverse of `to_json`."""
        lags = cls(target, horizon)
        lags.seasons = Seasons.from_json(saved["seasons"], horizon)
        lags.slots = {lag: slot for lag, slot, _ in saved["slots"]}
        lags._values = {lag: value for lag, _, value in saved["slots"]}
        lags.fixed = saved["fixed"]
        return lags
