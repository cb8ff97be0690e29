"""Driven: what Panel and Delayed have in common: they hold Models, and are driven like one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rtrl_lstm.models.model import Model
from rtrl_lstm.table.schema import BadRow, Forecast, Reading, Row


class Driven(ABC):
    """Takes rows as a `Model` does, and hands them to the models that it holds.

    Attributes:
        stream: plain JSON of the driver's own, saved along.
    """

    stream: dict[str, Any]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._kind.asked})"

    @property
    @abstractmethod
    def _kind(self) -> Model:
        """The model that says what all of them are."""

    @property
    @abstractmethod
    def models(self) -> dict[str, Model]:
        """The models by their keys; "" where there is but one."""

    @property
    def options(self) -> dict[str, Any]:
        """The fields of Spec that were given or are a Model's default."""
        return self._kind.options

    @property
    def interval(self) -> float | None:
        """See `Model.interval`."""
        return self._kind.interval

    @property
    def members(self) -> int:
        """See `Model.members`; of each model."""
        return self._kind.members

    @property
    def rates(self) -> tuple[float, ...]:
        """See `Model.rates`."""
        return self._kind.rates

    def step(self, row: Row) -> Forecast:
        """One row: see `Model.step`. Raises BadRow where it cannot be read."""
        forecast = self.run([row])[0]
        if isinstance(forecast, BadRow):
            raise forecast
        return forecast

    def run(self, rows: Iterable[Row]) -> list[Forecast | BadRow]:
        """`step` for many rows. A bad one is not raised but stands in its forecast's place."""
        return self.follow(rows)[0]

    @abstractmethod
    def follow(self, rows: Iterable[Row]) -> tuple[list[Forecast | BadRow], list[Reading | None]]:
        """`run`, and what was read: what a score needs besides. None for a bad row."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything but the learners, as plain JSON."""

    def save(self, path: str | Path) -> None:
        """Write a model file, whole or not at all; `rtrl_lstm.load` gives all of it back."""
        from rtrl_lstm import modelfile

        modelfile.save(self, path)
