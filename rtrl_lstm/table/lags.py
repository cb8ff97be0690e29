"""Inputs that are forecasts of the target by themselves: what it was a day, week or season before.

For a forecast of row t + H such an input is y[t + H - lag], with the lags that `season` finds: at
horizon 0 a target of rows before the present one, from 1 on of rows up to it. The input of a lag
comes up with the first row where that target is known, and stays. Another season that is found
later, in more targets, gets an input of its own: the first look may find the day, and the second
the week. There are thirteen looks and `MOST_LAGS` at most.

With a season comes the one before: what two of them have in common is less of chance.

A lag has a second input, its change: the last target a, plus what the target changed by in the same
stretch of time a season ago, y[a] + y[t + H - lag] - y[a - lag]. That is the better forecast of a
stream whose level moves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.kernels.words import LARGEST
from rtrl_lstm.table.columns import Inputs, Value
from rtrl_lstm.table.season import Seasons, last_known
from rtrl_lstm.table.season_inputs import SeasonInputs


class Lags(SeasonInputs):
    """The lagged targets among the inputs, of one forecast.

    Where the target of a season ago is missing, its input is what it was the last time that it
    was known.

    Args:
        target: the column.
        horizon: rows ahead.
    """

    def __init__(self, target: str, horizon: int) -> None:
        super().__init__(1, Seasons(horizon))
        self.target = target
        self._known = max(horizon, 1)  # the last target is so many rows before the one forecast
        self._values: dict[int, float] = {}  # of each place, when it was last known

    def commit(self, inputs: Inputs, values: list[float]) -> None:
        """Write the lagged targets into `values`. New ones are appended, unless it is `fixed`."""
        if not self._complete:
            self._add(inputs, values)
        ago = self.seasons.ago
        last = ago(0)
        for lag, place in self.slots.items():
            then = ago(lag - self._known)
            self._write(place, then, values)
            if lag in self.changes:
                self._write(self.changes[lag], _change(last, then, ago(lag)), values)

    @property
    def _complete(self) -> bool:
        """Whether there is no input to come of a lag that is known."""
        return self.fixed or len(self.changes) == len(self.slots) == len(self.seasons.lags)

    def _write(self, place: int, value: Value, values: list[float]) -> None:
        if isinstance(value, float):
            self._values[place] = value
        values[place] = self._values[place]

    def takes(self, rows: int) -> int:
        """How many of so many rows bring no new input."""
        if not self._complete:
            return 0
        return self.seasons.takes(rows)

    def commit_many(self, targets: NDArray[np.float64], inputs: NDArray[np.float64]) -> None:
        """`commit` for many rows, none of which brings an input; before their targets are pushed.

        Args:
            targets: (rows,) of the rows themselves, NaN where they are missing.
            inputs: (rows, inputs), where they are written.
        """
        back = max(self.slots, default=0) + 1
        whole = np.concatenate((self.seasons.last(back), targets))

        def ago(rows: int) -> NDArray[np.float64]:
            """What `Seasons.ago` would say at each row."""
            last = back if self.seasons.horizon else back - 1
            return whole[last - rows : last - rows + len(targets)]

        found = [(place, ago(lag - self._known)) for lag, place in self.slots.items()]
        for lag, place in self.changes.items():
            change = ago(0) + ago(lag - self._known) - ago(lag)
            found.append((place, np.clip(change, -LARGEST, LARGEST)))
        for place, column in found:
            values = last_known(np.concatenate(([self._values[place]], column)))
            inputs[:, place] = values[1:]
            self._values[place] = float(values[-1])

    def _add(self, inputs: Inputs, values: list[float]) -> None:
        ago = self.seasons.ago
        for lag, name in self.seasons.lags.items():
            then = ago(lag - self._known)
            if isinstance(then, float) and lag not in self.slots:
                self.slots[lag] = inputs.add(f"{self.target} ({name})", scaled=True)
                values.append(0.0)
            has_change = _change(ago(0), then, ago(lag)) is not None
            if has_change and lag in self.slots and lag not in self.changes:
                place = inputs.add(f"{self.target} ({name}: change)", scaled=True)
                self.changes[lag] = place
                values.append(0.0)

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {**super().to_json(), "values": [list(one) for one in self._values.items()]}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        super().restore(saved)
        self._values = dict(saved["values"])


class LagsAlone(Lags):
    """Lags that are inputs of the network like others, and combined with nothing."""

    def combined(self, own: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Nothing."""
        return ()

    def unseen(self, calendar: bool) -> tuple[int, ...]:
        """None of them."""
        return ()

    @property
    def inner(self) -> tuple[int, ...]:
        """None of them."""
        return ()


def _change(last: Value, then: Value, before: Value) -> float | None:
    """The last target, and what it changed by in a season; None where one of them is not known."""
    if isinstance(last, float) and isinstance(then, float) and isinstance(before, float):
        return min(max(last + then - before, -LARGEST), LARGEST)
    return None
