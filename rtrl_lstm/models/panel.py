"""Panel: a model for each key of a stream that holds many series, as keys appear.

All are of one kind and have nothing else in common: each has its own columns, scaling, weights and
state, as if its rows were a stream of their own. What a row's key is, is text: 7 and "7" are one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from rtrl_lstm.checks import whole
from rtrl_lstm.models.driven import Driven
from rtrl_lstm.models.model import Model
from rtrl_lstm.table.asked import names_in, require_columns
from rtrl_lstm.table.schema import BadRow, Forecast, Reading, Row, Schema
from rtrl_lstm.table.values import label, shown


class Panel(Driven):
    """Learns many series at once, and is driven like a `Model`; H rows ahead are H of one key.

    Args:
        target: see `Schema`, as for all further options, which are those of `Model`.
        key: column that names a row's series; no input. Without one a row is a bad row.
        max_keys: the most series there may be; rows of any further one are bad rows.

    Attributes:
        stream: plain JSON of the driver's own, saved along.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, target: str, *, key: str, max_keys: int = 1000, **options: Any) -> None:
        if options.get("start") is not None:
            raise ValueError("a Panel cannot start from a network: its learners are many")
        self.key = key
        self.max_keys = whole("max_keys", max_keys, 1)
        self._models: dict[str, Model] = {}
        self.stream: dict[str, Any] = {}
        self._first = Model(target, key=key, **options)  # what all are at first
        self._frozen = False

    @property
    def schema(self) -> Schema:
        """The columns of the first series; of one that has seen nothing, while there is none."""
        return next(iter(self.models.values()), self._first).schema

    @property
    def models(self) -> dict[str, Model]:
        """The model of each key, in the order in which they came."""
        return self._models

    @property
    def _kind(self) -> Model:
        return self._first

    @property
    def task(self) -> str | None:
        """The task of all series, which the first target there is decides; None until then."""
        return self._first.schema.task

    @property
    def interventions(self) -> int:
        """How often a learner had gone astray and was stepped back."""
        return sum(model.interventions for model in self.models.values())

    @property
    def counts(self) -> dict[str, int]:
        """`Model.counts` of all series together."""
        return _total(self._first.counts, (model.counts for model in self.models.values()))

    @property
    def incidents(self) -> dict[str, int]:
        """`Model.incidents` of all series together, and how many series there are."""
        found = (model.incidents for model in self.models.values())
        return {"keys": len(self.models), **_total(self._first.incidents, found)}

    def follow(self, rows: Iterable[Row]) -> tuple[list[Forecast | BadRow], list[Reading | None]]:
        """`run`, and what was read. None for a bad row."""
        forecasts: list[Forecast | BadRow] = []
        readings: list[Reading | None] = []
        waiting: dict[str, list[tuple[int, Row]]] = {}
        try:
            for place, row in enumerate(rows):
                forecasts.append(None)
                readings.append(None)
                try:
                    key = self._key_of(row)
                except BadRow as bad:
                    forecasts[place] = bad
                    continue
                waiting.setdefault(key, []).append((place, row))
                if self.task is None:  # row by row until a target has decided for all
                    self._follow(waiting, forecasts, readings)
                    waiting = {}
                    self._agree(key)
        finally:
            self._follow(waiting, forecasts, readings)
        return forecasts, readings

    def frozen(self) -> Panel:
        """A copy that forecasts and no longer learns; a key that it does not know is a bad row."""
        panel = copy.copy(self)
        panel._models = {key: model.frozen() for key, model in self.models.items()}
        panel.stream = copy.deepcopy(self.stream)
        panel._frozen = True
        return panel

    def _follow(
        self,
        waiting: dict[str, list[tuple[int, Row]]],
        forecasts: list[Forecast | BadRow],
        readings: list[Reading | None],
    ) -> None:
        """The rows of each key through its model."""
        for key, rows in waiting.items():
            said, read = self.models[key].follow(row for _, row in rows)
            for (place, _), forecast, reading in zip(rows, said, read, strict=True):
                forecasts[place] = forecast
                readings[place] = None if reading is None else reading._replace(key=key)

    def _agree(self, key: str) -> None:
        """What the first target decided is decided for all."""
        task = self.models[key].schema.task
        if task is not None:
            for model in (self._first, *self.models.values()):
                model.schema.target.task = task

    def _key_of(self, row: Row) -> str:
        """A row's key; its model is there."""
        if not self.models:
            require_columns([self.key], names_in(row))
        key = label(row.get(self.key), self.key)
        if key is None:
            raise BadRow(self.key, "there is no key")
        if key not in self.models:
            if self._frozen:
                raise BadRow(self.key, f"no row of {shown(key)} was learned from")
            if len(self.models) >= self.max_keys:
                at_most = f"{self.max_keys:,} are the most there may be (max_keys)"
                raise BadRow(self.key, f"{shown(key)} is one key too many: {at_most}")
            self.models[key] = copy.deepcopy(self._first)
        return key

    def to_json(self) -> dict[str, Any]:
        """Everything but the learners, as plain JSON."""
        return {
            "max_keys": self.max_keys,
            "first": self._first.to_json(),
            "models": [[key, model.to_json()] for key, model in self.models.items()],
            "stream": self.stream,
            "frozen": self._frozen,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], models: Iterable[Model]) -> Panel:
        """The inverse of `to_json`, given the models with their learners."""
        first = Model.from_json(saved["first"], None)
        panel = cls.__new__(cls)
        panel.key = first.schema.arguments["key"]
        panel.max_keys = saved["max_keys"]
        panel.stream = saved["stream"]
        panel._first = first
        panel._frozen = saved["frozen"]
        panel._models = dict(zip((key for key, _ in saved["models"]), models, strict=True))
        return panel


def _total(nothing: dict[str, int], found: Iterator[dict[str, int]]) -> dict[str, int]:
    total = dict(nothing)
    for counts in found:
        for name, count in counts.items():
            total[name] += count
    return total
