"""One column of a table -> its inputs: a number and a missing flag, or a slot per category."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.kernels.words import FARTHEST, SETTLED
from rtrl_lstm.table.categories import Categories
from rtrl_lstm.table.values import OTHER, is_missing, is_number, label, number

Value = float | str | None
"""A parsed field: a number, a label, or None where it is missing."""


class Inputs:
    """The inputs of a learner, in order. They are only ever appended.

    Attributes:
        names: of each input.
        scaled: whether the learner scales that input by its running mean and spread.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.scaled: list[bool] = []

    def add(self, name: str, scaled: bool = False) -> int:
        """Append one; returns its place."""
        self.names.append(name)
        self.scaled.append(scaled)
        return len(self.names) - 1


class Column:
    """A column of numbers or of categories: its first value decides.

    A number is one scaled input. From the first missing value on a second input, a flag, says
    that the first holds a substitute, as a rule the running mean of the column, which a number of
    more than `FARTHEST` times the mean size of the others, or 1, joins as that. A category has a
    0/1 input for each of its values, given out as they are first seen, up to `max_categories`;
    all further values share one more, until they take the place of one that came once or so, see
    `Categories`. All of them are 0 where the value is missing.

    Attributes:
        name: the column, and the stem of its inputs' names.
        numeric: None until the first value that is not missing.
        slot: place of the number among the inputs; -1 where there is none (yet).
        fixed: whether values leave all this alone: no new inputs, the same mean for ever.
    """

    def __init__(self, name: str, max_categories: int) -> None:
        self.name = name
        self.numeric: bool | None = None
        self.slot = -1
        self.fixed = False
        self._count = 0
        self._sum = self._size = 0.0  # of the numbers, and of their sizes, as they joined
        self._flag = -1  # of "is missing"; -1: not there yet
        self._slots: dict[str, int] = {}  # of the categories
        self._categories = Categories(max_categories)

    @property
    def places(self) -> list[int]:
        """The places of its inputs."""
        return [place for place in (self.slot, self._flag, *self._slots.values()) if place >= 0]

    @property
    def values(self) -> list[int]:
        """Those of its values."""
        return [place for place in self.places if place != self._flag]

    def parse(self, raw: Any) -> Value:
        """Read a field and change nothing. Raises BadRow."""
        if self.numeric:
            value = number(raw, self.name)
            return value if value == value else None
        if self.numeric is None and is_missing(raw):
            return None
        if self.numeric is None and is_number(raw):
            return number(raw, self.name)
        return label(raw, self.name)

    def commit(
        self,
        value: Value,
        inputs: Inputs,
        values: list[float],
        substitute: float | None = None,
    ) -> None:
        """Write a parsed field into `values`, one number per input, and learn from it.

        New inputs are appended to `inputs` and to `values`, unless it is `fixed`. A missing
        number is replaced by `substitute`, or by the mean where that is None.
        """
        if self.numeric is None and value is not None and not self.fixed:
            self.numeric = isinstance(value, float)
            if self.numeric:
                self.slot = inputs.add(self.name, scaled=True)
                values.append(0.0)
        if not self.numeric:
            if isinstance(value, str):
                self._commit_category(value, inputs, values)
        elif isinstance(value, float):
            values[self.slot] = value
            if not self.fixed:
                self._join(value)
        else:
            mean = self._sum / self._count
            values[self.slot] = mean if substitute is None else substitute
            self._flag_missing(inputs, values)

    def takes(self, numbers: NDArray[np.float64]) -> int:
        """How many of the first numbers bring no new input; a missing one may, NaN."""
        if self._flag >= 0 or self.fixed:
            return len(numbers)
        missing = np.isnan(numbers)
        return int(missing.argmax()) if missing.any() else len(numbers)

    def commit_many(
        self,
        numbers: NDArray[np.float64],
        inputs: NDArray[np.float64],
        substitutes: NDArray[np.float64] | None = None,
    ) -> None:
        """`commit` of one number a row, NaN where it is missing, none of which is new.

        Args:
            inputs: (rows, inputs), where they are written.
            substitutes: one for each row.
        """
        if not len(numbers):
            return
        known = ~np.isnan(numbers)
        inputs[:, self.slot] = numbers
        if known.all():
            if not self.fixed:
                self._join_many(numbers)
            return
        # Count and sum as they are before each row that is missing.
        joined, count, sums = np.zeros(len(numbers)), np.asarray(self._count), np.asarray(self._sum)
        if not self.fixed:
            joined[known] = self._join_many(numbers[known])
            count = count + np.cumsum(known)
            sums = np.cumsum(np.concatenate((sums[np.newaxis], joined)))[1:]
        means = np.broadcast_to(sums / count if substitutes is None else substitutes, known.shape)
        inputs[~known, self.slot] = means[~known]
        if self._flag >= 0:
            inputs[:, self._flag] = ~known

    def _join(self, value: float) -> None:
        """Take a number into the mean."""
        size = abs(value)
        if size > FARTHEST and self._count >= SETTLED:
            limit = FARTHEST * max(self._size / self._count, 1.0)
            value = min(max(value, -limit), limit)
            size = abs(value)
        self._count += 1
        self._sum += value
        self._size += size

    def _join_many(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """`_join` for many, in the same bits. Returns them as they joined."""
        numbers, begin = numbers.copy(), 0
        while begin < len(numbers):
            rest = numbers[begin:]
            # As they are added one by one: the sums do not depend on how many come at once.
            sums = np.cumsum(np.concatenate(([self._sum], rest)))
            sizes = np.cumsum(np.concatenate(([self._size], np.abs(rest))))
            counts = self._count + np.arange(len(rest))
            with np.errstate(divide="ignore", invalid="ignore"):
                limits = FARTHEST * np.fmax(sizes[:-1] / counts, 1.0)
            far = (counts >= SETTLED) & (np.abs(rest) > limits)
            stop = int(far.argmax()) if far.any() else len(rest)
            self._count += stop
            self._sum, self._size = float(sums[stop]), float(sizes[stop])
            begin += stop
            if begin < len(numbers):
                numbers[begin] = np.copysign(limits[stop], numbers[begin])
                self._count += 1
                self._sum += float(numbers[begin])
                self._size += float(limits[stop])
                begin += 1
        return numbers

    def _flag_missing(self, inputs: Inputs, values: list[float]) -> None:
        if self._flag < 0 and not self.fixed:
            self._flag = inputs.add(f"{self.name} is missing")
            values.append(0.0)
        if self._flag >= 0:
            values[self._flag] = 1.0

    def _commit_category(self, value: str, inputs: Inputs, values: list[float]) -> None:
        if self.fixed:
            slot = self._slots.get(value, self._slots.get(OTHER, -1))
        else:
            value, left = self._categories.take(value)
            if left is not None:
                self._slots[value] = self._slots.pop(left)
                inputs.names[self._slots[value]] = f"{self.name}={value}"
            slot = self._slots.get(value, -1)
            if slot < 0:
                slot = self._slots[value] = inputs.add(f"{self.name}={value}")
                values.append(0.0)
        if slot >= 0:
            values[slot] = 1.0

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "name": self.name,
            "numeric": self.numeric,
            "fixed": self.fixed,
            "count": self._count,
            "sum": self._sum,
            "size": self._size,
            "slot": self.slot,
            "flag": self._flag,
            "slots": [[value, slot] for value, slot in self._slots.items()],
            "categories": self._categories.to_json(),
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], max_categories: int) -> Column:
        """The inverse of `to_json`."""
        column = cls(saved["name"], max_categories)
        column.numeric = saved["numeric"]
        column.fixed = saved["fixed"]
        column._count = saved["count"]
        column._sum, column._size = saved["sum"], saved["size"]
        column.slot = saved["slot"]
        column._flag = saved["flag"]
        column._slots = dict(saved["slots"])
        column._categories.restore(saved["categories"])
        return column
