"""A Model that starts with a network that has learned elsewhere: which columns it sees, and how.

The network's inputs are columns in order: from horizon 1 on the target itself and then the
features, at horizon 0 the features. What a Model sees besides (the calendar, the target of the row
before, missing flags) comes to the network with weights of zero, so that it says at first what it
said elsewhere, and learns to use them. Its forecast is its own word: it is not combined with simple
forecasts, as a fresh Model's is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from rtrl_lstm.forecaster import Forecaster, kind_of
from rtrl_lstm.learner import Learner
from rtrl_lstm.optimizers import ClipCredit
from rtrl_lstm.parameters import OF_INPUTS
from rtrl_lstm.spec import CELL_OPTIONS, Spec
from rtrl_lstm.table.asked import TIMES
from rtrl_lstm.table.schema import Schema, SchemaError
from rtrl_lstm.table.target import LOSSES
from rtrl_lstm.wording import counted

SETTLED = CELL_OPTIONS | {"hidden_size", "cell", "bias", "num_layers", "dtype", "shortcuts"}
"""Options of a Model that its network comes with."""


@dataclasses.dataclass(frozen=True)
class Start:
    """How a Model's learner began.

    Attributes:
        scaled: for each of the network's inputs, whether it standardises it.
        scale_target: whether it standardises the target.
        output_activation: what it makes of its readout, as in its Spec.
        names: the columns that are its inputs; none before the first row.
    """

    scaled: tuple[bool, ...]
    scale_target: bool
    output_activation: str | None = None
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, net: Learner | Forecaster, horizon: int, task: str) -> tuple[Start, str]:
        """From a network that is to forecast so many rows ahead; and what its task is.

        Raises ValueError where a Model cannot be that network.
        """
        if not isinstance(net, Learner | Forecaster):
            raise ValueError(f"start must be a Learner or a Forecaster, not {net!r}")
        spec = net.spec
        if spec.horizon != horizon:
            raise ValueError(
                f"the network forecasts {counted(spec.horizon, 'row')} ahead, not {horizon}"
            )
        tasks = {LOSSES[name]: name for name in ("regression", "binary")}
        if spec.combine_with:
            raise ValueError(
                "the network was combined with simple forecasts of a table's column, and is not "
                "what it was without them"
            )
        if spec.output_size != 1 or spec.loss not in tasks:
            raise ValueError(
                "a Model starts with a network of one output that is a number or, behind a "
                f"sigmoid, a probability: this one has {spec.output_size} and loss {spec.loss!r}"
            )
        if task not in ("auto", tasks[spec.loss]):
            raise ValueError(f"the network is one for task {tasks[spec.loss]}, not {task}")
        return cls(spec.scaled_inputs, spec.scale_target, spec.output_activation), tasks[spec.loss]

    def options(self, spec: Spec, given: dict[str, Any]) -> dict[str, Any]:
        """The options of a Model: the network's, and how it is to learn as given.

        Raises ValueError where one is settled by the network.
        """
        if settled := given.keys() & SETTLED:
            names = ", ".join(sorted(settled))
            raise ValueError(f"{names}: that is settled by the network that is started with")
        learning = ("optimizer", "learning_rate", "seed", "rule", "update", "schedule")
        own = {name: getattr(spec, name) for name in (*SETTLED, *learning)}
        # In units of the target's spread, which is not known where it is not scaled.
        return {**own, "clip": ClipCredit(3.0) if self.scale_target else None, **given}

    def columns(self, schema: Schema) -> tuple[str, ...]:
        """The columns that the network's inputs are, after the first row.

        Raises SchemaError where there are not as many, or where one is not of numbers.
        """
        asked = schema.arguments
        own = [asked["target"]] if schema.horizon else []
        times = [asked[role] for role in TIMES]
        features = [name for name in schema.feature_names if name not in times]
        for names in ([*own, *features], features):
            if len(names) == len(self.scaled):
                return tuple(names)
        listed = ", ".join([*own, *features]) or "none"
        inputs = counted(len(self.scaled), "input")
        raise SchemaError(
            f"the network takes {inputs} and the columns for that would be, in this order, {listed}"
            "; say with the features which are"
        )

    def places(self, schema: Schema) -> list[int]:
        """Where its inputs are among the schema's."""
        found = [schema.place_of_number(name) for name in self.names]
        for name, place in zip(self.names, found, strict=True):
            if place is None:
                raise SchemaError(
                    f"column {name!r} has no number in the first row, which the network needs there"
                )
        return [place for place in found if place is not None]

    def scaled_inputs(self, schema: Schema) -> tuple[bool, ...]:
        """Which of the schema's inputs the learner scales."""
        scaled = list(schema.scaled_inputs)
        for place, own in zip(self.places(schema), self.scaled, strict=True):
            scaled[place] = own
        return tuple(scaled)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Start:
        """The inverse of `to_json`."""
        return cls(
            tuple(saved["scaled"]),
            bool(saved["scale_target"]),
            saved["output_activation"],
            tuple(saved["names"]),
        )


def widened(net: Learner | Forecaster, spec: Spec, places: Sequence[int]) -> Learner | Forecaster:
    """A learner of `spec` that says what `net` says of the inputs at `places`."""
    made = kind_of(spec).new(spec)
    parameters = net.state_dict()
    for name, value in made.state_dict().items():
        if name in OF_INPUTS:
            wide = np.zeros_like(value)
            wide[:, places] = parameters[name]
            parameters[name] = wide
    made.load_state_dict(parameters)
    for name, field in net.layout.fields.items():
        values = net.array(name)
        if name.startswith("input.") and any(net.spec.scaled_inputs):
            wide = made.array(name)
            wide[places] = values
            made.set_array(name, wide)
        elif name.startswith("target.") or name.endswith((".h", ".s", ".gate")):
            assert field.axes == made.layout.fields[name].axes
            made.set_array(name, values)
    made.learning_rate = spec.learning_rate
    return made


def silence(net: Learner | Forecaster, known: int) -> None:
    """Weights of zero for the inputs behind the first `known`, which are new."""
    parameters = net.state_dict()
    for name in OF_INPUTS:
        if name in parameters:
            parameters[name][:, known:] = 0.0
    net.load_state_dict(parameters)
