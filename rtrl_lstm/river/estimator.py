"""What River's estimators share: features in, and a learner that grows with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rtrl_lstm.checks import whole
from rtrl_lstm.fields import Array
from rtrl_lstm.learner import Learner
from rtrl_lstm.models.wanted import DERIVED, rate_for, with_defaults
from rtrl_lstm.optimizers import Optimizer
from rtrl_lstm.river.features import Features
from rtrl_lstm.spec import Spec
from rtrl_lstm.unknown import refuse_unknown

_VIEWS = ("_row", "_cells")  # of memory, which no pickle can hold
_OPTIONS = frozenset(field.name for field in dataclasses.fields(Spec)) - DERIVED


class RTRLEstimator:
    """A learner, its features, and its parameters under their own names, as River wants them."""

    _loss: ClassVar[str] = "squared_error"

    def __init__(
        self,
        hidden_size: int,
        cell: str,
        optimizer: Optimizer | str,
        learning_rate: float | None,
        max_features: int,
        seed: int,
        options: dict[str, Any],
    ) -> None:
        self.hidden_size = hidden_size
        self.cell = cell
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.max_features = max_features
        self.seed = seed
        self.options = options
        refuse_unknown(options)
        if unknown := options.keys() - _OPTIONS:
            names = ", ".join(sorted(unknown))
            raise TypeError(f"{type(self).__name__} has no parameter {names}")
        whole("max_features", max_features, 1)
        if options.get("update") == "sequence":
            raise ValueError("update 'sequence' learns where a sequence ends, and here none does")
        # What is wrong with the others is said now.
        Spec(input_size=1, loss=self._loss, **self._given())
        self._features = Features(max_features)
        self._learner: Learner | None = None
        self._row: Array = np.zeros(0)
        self._cells: Any = None  # the same memory, a number at a time: half the price of NumPy's

    def _given(self) -> dict[str, Any]:
        """The fields of Spec that follow from the parameters."""
        names = ("hidden_size", "cell", "optimizer", "learning_rate", "seed")
        given = {name: getattr(self, name) for name in names}
        given = {name: value for name, value in given.items() if value is not None}
        return with_defaults({**given, **self.options})

    def _wanted(self) -> dict[str, Any]:
        """The fields of Spec that follow from what was seen so far, beside those of the inputs."""
        raise NotImplementedError

    def _write_past(self) -> None:
        """Write the inputs that are labels of the past into the row."""
        raise NotImplementedError

    def _grow(self) -> None:
        """Make the learner what the features and labels have grown to."""
        scaled = tuple(self._features.scaled)
        if not scaled:
            return
        inputs = {"input_size": len(scaled), "scale_inputs": scaled, "loss": self._loss}
        spec = Spec(**{**self._given(), **self._wanted(), **inputs})
        if self._learner is None:
            self._learner = Learner.new(spec)
        elif spec != self._learner.spec:
            self._learner.grow(spec)
        self._make_row()

    def _make_row(self) -> None:
        self._row = np.zeros(len(self._features.scaled))
        self._cells = memoryview(self._row.data)
        if len(self._row):
            self._write_past()

    def _write_plain(self, x: Mapping[Any, Any]) -> bool:
        """Write a row of nothing but numbers, the usual case; False where it is not."""
        features, cells = self._features, self._cells
        if len(x) != features.plain:
            return False
        try:
            for name, place in features.numbers:
                cells[place] = x[name]
        except (KeyError, TypeError):
            return False
        for place in features.flags:
            cells[place] = 0.0
        return True

    def _write(self, learner: Learner, x: Mapping[Any, Any]) -> None:
        """Write a row, whatever of it is known."""
        self._features.write(x, self._row, learner.layout.read(learner.block, "input.mean"))

    def _peek(self, learner: Learner, x: Mapping[Any, Any]) -> Array:
        """What the learner says of a row; changes nothing that lasts."""
        if self._write_plain(x):
            try:
                return learner.predict(self._row)
            except ValueError:  # one of the numbers is NaN, and counts as missing
                pass
        self._write(learner, x)
        return learner.predict(self._row)

    def _learn(self, x: Mapping[Any, Any], label: float | None, weight: float) -> None:
        """Learn from a row, with whatever it brings that is new."""
        learner = self._learner
        if learner is not None and self._write_plain(x):
            try:
                learner.step(self._row, label, weight)
                return
            except ValueError:  # as in `_peek`; where it is the label, it is so again below
                pass
        inputs = len(self._features.scaled)
        self._features.meet(x)
        if self._learner is None or len(self._features.scaled) != inputs:
            self._grow()
        if self._learner is not None:
            if not self._learner.steps:
                self._learner.learning_rate = rate_for(self._given(), len(x))
            self._write(self._learner, x)
            self._learner.step(self._row, label, weight)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _VIEWS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._make_row()
