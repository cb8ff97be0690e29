"""Further targets of a regression: each an output of the one network, and an input of the past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtrl_lstm.table.columns import Column, Inputs, Value
from rtrl_lstm.table.target import Target


class Further:
    """The targets behind the first one: all are numbers, and any may be missing in a row.

    As the first one, each is an input: of this row from horizon 1 on, of the row before at
    horizon 0; where it is missing there its last known value stands for it.

    Args:
        names: their columns, in the order of the network's outputs.
        horizon, max_categories, at_least: see `Schema`.
    """

    def __init__(
        self, names: list[str], horizon: int, max_categories: int, at_least: str | float | None
    ) -> None:
        self.names = names
        self._horizon = horizon
        self._targets = [Target(name, "regression", max_categories, at_least) for name in names]
        self.columns = [
            Column(name if horizon else f"{name}[t-1]", max_categories) for name in names
        ]
        self._last: list[Value] = [None] * len(names)
        self._known: list[float | None] = [None] * len(names)

    @property
    def floors(self) -> list[float]:
        """What the forecasts of each are not below."""
        return [target.floor.now for target in self._targets]

    def parse(self, get: Callable[[str], Any]) -> list[Value]:
        """Read the fields that `get` gives and change nothing. Raises BadRow or SchemaError."""
        return [target.parse(get(target.column)) for target in self._targets]

    def commit(
        self, truths: list[Value], reset: bool, inputs: Inputs, values: list[float]
    ) -> tuple[float, ...]:
        """Take what `parse` gave. Returns the labels, NaN where they are missing."""
        labels = []
        for k, (target, column) in enumerate(zip(self._targets, self.columns, strict=True)):
            truth = truths[k]
            labels.append(target.commit(truth))
            before = None if reset else self._last[k]
            if self._horizon and isinstance(truth, float):
                self._known[k] = truth
            past = truth if self._horizon else before
            column.commit(past, inputs, values, self._known[k])
            if isinstance(truth, float):
                self._known[k] = truth
            self._last[k] = truth
        return tuple(labels)

    def fix(self) -> None:
        """Learn nothing any more."""
        for target, column in zip(self._targets, self.columns, strict=True):
            target.fix()
            column.fixed = True

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        return {
            "targets": [target.to_json() for target in self._targets],
            "columns": [column.to_json() for column in self.columns],
            "last": list(self._last),
            "known": list(self._known),
        }

    def restore(self, saved: dict[str, Any], max_categories: int) -> None:
        """Go back to what `to_json` gave."""
        for target, one in zip(self._targets, saved["targets"], strict=True):
            target.restore(one)
        self.columns = [Column.from_json(one, max_categories) for one in saved["columns"]]
        self._last = list(saved["last"])
        self._known = list(saved["known"])
