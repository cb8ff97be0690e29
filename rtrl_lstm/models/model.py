"""Model: a schema and a learner or forecaster. A row in, a forecast out.

For whoever drives one (the command line, an application): a row is a dict from column to value,
and that is the only form. Read rows in chunks, call `forecasts, readings = model.follow(rows)`
and hand both to `score.Prequential.extend`. A bad row is a BadRow in the place of its forecast,
and None in the place of its reading. Between two calls the model is whole: save or stop there.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from rtrl_lstm.checks import is_real, whole
from rtrl_lstm.ensemble import AnyLearner, Ensemble, new_learner
from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner
from rtrl_lstm.models.intervals import SeveralIntervals, intervals_for
from rtrl_lstm.models.start import Start, silence, widened
from rtrl_lstm.models.tended import Tended
from rtrl_lstm.models.wanted import (
    DEFAULTS,
    check_fit,
    check_options,
    options_from_json,
    options_to_json,
    rates_of,
    refuse,
    wanted_spec,
    with_defaults,
)
from rtrl_lstm.optimizers import Adam
from rtrl_lstm.spec import Spec
from rtrl_lstm.table.schema import BadRow, Forecast, Numbers, Reading, Row, Schema, SchemaError

_SCHEMA_DEFAULTS = {name: one.default for name, one in signature(Schema).parameters.items()}


class Model:
    """Learns a column of a table, or of a stream, row by row, and forecasts it.

    What is forecast for a number is not the network's word alone. It is combined, by a running
    least squares that begins with the last value, with the simplest forecasts there are: the last
    value, and the values of a day, a week or a season ago where there is such a thing (see `Schema`
    for these inputs, `Spec.combine_with` for the combination). So a forecast is good from the first
    rows on, and where there is nothing to learn, as in a random walk, hardly worse than these.
    What is forecast for a label is mixed with what followed the last labels before, and the last
    rows' categories and whole numbers: `Spec.contexts` is on, but for `start` and `id`.

    Args:
        target, features, time, time_of_day, dates, task, horizon, reset_on, weight, gaps, max_gap,
            key, id, also, every_step, missing, units, at_least, max_categories: see
                `Schema`.
        interval: for a regression, the share of truths, such as 0.9, that is to lie within an
            interval that comes with each forecast: `forecast.lower`, `forecast.upper` (see
            `intervals`). The forecast itself stays what it is.
        start: a network that has learned elsewhere (of `export.from_onnx`, `export.from_torch`, or
            any Learner or Forecaster of that horizon) to go on from; see `start`.
        members: so many learners, of seeds that follow one another, whose forecasts are mixed (see
            `ensemble`): better than one, and so many times as slow. Not with `start`.
        options: fields of `Spec`, such as hidden_size, optimizer, seed; else `wanted.DEFAULTS`.
            With learning_rate "auto" there are `members` for each of `ensemble.RATES`.

    Attributes:
        schema: the columns.
        members: how many learners there are for each rate.
        rates: the learning rates: one, or with "auto" several.
        options: the fields of Spec that were given or are a Model's default.
        stream: plain JSON of the driver's own, saved along (where it stands in its source).

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        target: str,
        *,
        features: Iterable[str] | None = None,
        time: str | None = None,
        time_of_day: str | None = None,
        dates: str = "auto",
        task: str = "auto",
        horizon: int = 0,
        reset_on: str | None = None,
        weight: str | None = None,
        gaps: str = "skip",
        max_gap: int = 100,
        key: str | None = None,
        id: str | None = None,
        also: Iterable[str] = (),
        every_step: bool = False,
        missing: Iterable[str | float] = (),
        units: Mapping[str, str] | None = None,
        at_least: str | float | None = "auto",
        max_categories: int = 64,
        interval: float | None = None,
        start: Learner | Forecaster | None = None,
        members: int = 1,
        **options: Any,
    ) -> None:
        self._start: Start | None = None
        self._begins_as: Learner | Forecaster | None = None  # until there is a learner
        if start is not None:
            self._start, task = Start.of(start, horizon, task)
            options = self._start.options(start.spec, options)
            self._begins_as = copy.copy(start)
        horizon = whole("horizon", horizon, 0)
        self.members = whole("members", members, 1)
        self.schema = Schema(
            target,
            features=features,
            time=time,
            time_of_day=time_of_day,
            dates=dates,
            task=task,
            horizon=horizon,
            reset_on=reset_on,
            weight=weight,
            gaps=gaps,
            max_gap=whole("max_gap", max_gap, 1),
            key=key,
            id=id,
            also=also,
            every_step=every_step,
            missing=missing,
            units=units,
            at_least=at_least,
            max_categories=whole("max_categories", max_categories, 2),
        )
        if options.get("update") == "sequence" and reset_on is None and gaps == "skip":
            raise ValueError(
                "update 'sequence' learns where a sequence ends: it needs reset_on, or gaps 'reset'"
            )
        several = len(self.schema.forecast_names) > 1
        refuse(options, task, several, interval, self.members, begun=start is not None)
        self._intervals = None if interval is None else intervals_for(interval, self.schema)
        self.options = with_defaults(options) if start is None else options
        self.rates = rates_of(self.options)
        check_options(self.options)
        self.stream: dict[str, Any] = {}
        self._tended = Tended(horizon, len(self.schema.forecast_names))

    def __repr__(self) -> str:
        return f"Model({self.asked})"

    @property
    def asked(self) -> str:
        """What was asked for, as it is written in a call: all that is not at its default."""
        given = {
            name: value for name, value in self.schema.arguments.items() if value not in ([], {})
        }
        asked = {k: v for k, v in given.items() if k == "target" or v != _SCHEMA_DEFAULTS[k]}
        asked |= {"interval": self.interval} if self.interval is not None else {}
        asked |= {"members": self.members} if self.members > 1 else {}
        usual = {f.name: f.default for f in dataclasses.fields(Spec)} | DEFAULTS
        options = {k: self.options[k] for k in usual if k in self.options}
        own = {k: v for k, v in options.items() if v != usual[k]}
        if own.get("optimizer") == Adam():  # "adam", as a file gives it back
            del own["optimizer"]
        asked |= own | ({"learning_rate": "auto"} if len(self.rates) > 1 else {})
        return ", ".join(f"{name}={value!r}" for name, value in asked.items())

    @property
    def learner(self) -> AnyLearner | None:
        """A Learner, or from horizon 1 on a Forecaster, or an Ensemble of them.

        None until a row has shown what the task is and given at least one input and, where there
        are classes, one label.
        """
        return self._tended.learner

    @property
    def spec(self) -> Spec | None:
        """What the learner is; None while there is none."""
        return None if self.learner is None else self.learner.spec

    @property
    def learners(self) -> tuple[Learner | Forecaster, ...]:
        """The learner, or each of the ensemble's; none while there is none."""
        one = self.learner
        return one.members if isinstance(one, Ensemble) else (one,) if one is not None else ()

    @property
    def interval(self) -> float | None:
        """The share of truths that is to lie within the forecasts' intervals, if there are any."""
        return None if self._intervals is None else self._intervals.level

    @property
    def incidents(self) -> dict[str, int]:
        """What happened to the stream and was dealt with, and how often."""
        return {"interventions": self.interventions, **self.schema.incidents}

    @property
    def interventions(self) -> int:
        """How often the learner had gone astray and was stepped back; see `guard`."""
        return self._tended.guard.interventions

    @property
    def counts(self) -> dict[str, int]:
        """What became of the good rows so far. rows = learned + unlabelled + pending.

        A row counts as learned when the label of the row it forecasts has been learned from; as
        pending while that label cannot be there yet, which is so for the last `horizon` rows;
        as unlabelled otherwise: its label is missing, belongs to another sequence, or came
        before there was a learner. A frozen model learns none.
        """
        return self._tended.counting.found()

    def step(self, row: Row) -> Forecast:
        """Forecast, and learn what this row teaches.

        At horizon 0 the forecast is of the row's own target and made before that is looked at;
        from 1 on it is of the target so many rows later, made after learning from this row's.

        Returns:
            A number for a regression; label -> probability for classes; None where there is
            nothing to say yet.

        Raises:
            BadRow: the row cannot be read, and nothing has changed.
            SchemaError: the table is not what was asked for.
        """
        reading = self.schema.read(row)
        for filler in reading.before:
            self.take(filler)
        return self.take(reading)

    def run(self, rows: Iterable[Row]) -> list[Forecast | BadRow]:
        """`step` for many rows, in the same bits and much faster.

        A bad row is not raised but stands in the place of its forecast, and is skipped.
        """
        return self.follow(rows)[0]

    def follow(self, rows: Iterable[Row]) -> tuple[list[Forecast | BadRow], list[Reading | None]]:
        """`run`, and what was read: what a score needs besides. None for a bad row."""
        forecasts: list[Forecast | BadRow] = []
        readings: list[Reading | None] = []
        batch: list[tuple[int, Reading]] = []  # rows that all have the learner's sizes
        try:
            for place, row in enumerate(rows):
                try:
                    reading = self.schema.read(row)
                except BadRow as bad:
                    forecasts.append(bad)
                    readings.append(None)
                    continue
                forecasts.append(None)
                readings.append(reading)
                for one in (*reading.before, reading) if reading.before else (reading,):
                    if self._fits(one):
                        batch.append((place, one))
                    else:
                        self._run_batch(batch, forecasts)
                        batch = []
                        forecasts[place] = self.take(one)
        finally:  # whatever ends the rows, those that were read are learned from
            self._run_batch(batch, forecasts)
        return forecasts, readings

    @property
    def number_columns(self) -> tuple[str, ...]:
        """The columns that `follow_numbers` takes; none while rows must be followed one by one."""
        spec, schema = self.spec, self.schema
        if spec is None or self._intervals is not None:
            return ()
        fits = (schema.input_size, schema.output_size) == (spec.input_size, spec.output_size)
        return schema.number_columns if fits else ()

    def follow_numbers(self, values: Array) -> Numbers:
        """`follow` for rows of numbers, in the same bits and much faster.

        It takes the first ones, up to a row that shows something new, a first missing value say:
        that one is for `follow`. It may be the very first.

        Args:
            values: (T, k) of the `number_columns`, NaN where they are missing.
        """
        assert self.learner is not None
        inputs, labels, floors = self.schema.read_numbers(np.asarray(values, np.float64))
        forecasts = np.empty(len(labels))
        self._tended.run_numbers(self.learner.prepare(inputs, labels), labels, forecasts)
        if floors is not None:
            forecasts = np.where(forecasts <= floors, floors, forecasts)
        return Numbers(inputs, labels, forecasts)

    def frozen(self, learner: AnyLearner | None = None) -> Model:
        """A copy that forecasts and no longer learns. Its counts start at 0.

        Args:
            learner: a frozen one, which is to stand in the copy's place; None: this one's.
        """
        model = copy.copy(self)
        model.schema = self.schema.frozen()
        model.options = dict(self.options)
        model._intervals = copy.deepcopy(self._intervals)
        if model._intervals is not None:
            model._intervals.fix()
        model.stream = copy.deepcopy(self.stream)
        model._tended = self._tended.frozen(len(self.schema.forecast_names), learner)
        return model

    def _repr_html_(self) -> str:
        """A card for notebooks; changes nothing."""
        from rtrl_lstm.notebook import card_of_model

        return card_of_model(self)

    def _fits(self, reading: Reading) -> bool:
        spec = self.spec
        return (
            spec is not None
            and len(reading.inputs) == spec.input_size
            and self.schema.output_size == spec.output_size
        )

    def _run_batch(
        self, batch: list[tuple[int, Reading]], forecasts: list[Forecast | BadRow]
    ) -> None:
        """Rows that the learner can take as it is. The schema may be ahead of it by a row."""
        while len(batch) > 1:
            said = self._tended.run([reading for _, reading in batch], self._is_regression)
            for (place, reading), outputs in zip(batch, said, strict=False):
                forecasts[place] = self._said(outputs, reading)
            batch = batch[len(said) :]
        for place, reading in batch:  # a live pipe gives rows one by one
            forecasts[place] = self._forecast(reading)

    @property
    def _is_regression(self) -> bool:
        return self.schema.task == "regression"

    def take(self, reading: Reading) -> Forecast:
        """One row that the schema has read, whatever it brings: the other half of `step`."""
        if self._fits(reading):
            return self._forecast(reading)
        can_start = reading.inputs and self.schema.output_size and self._tended.learns
        if self.learner is None and (reading.filled or not can_start):
            self._tended.pass_by(reading.filled)
            return self._said(None, reading)
        if reading.filled:  # the schema has seen the next row, whose label this one must not know
            assert self.learner is not None
            self.grow(self.learner.spec.output_size)
            return self._forecast(reading)
        return self._forecast(reading, self._take_in(reading))

    def _forecast(self, reading: Reading, peek: list[float] | None = None) -> Forecast:
        """One row through the learner, which has its sizes; `peek` is to be said instead."""
        outputs = self._tended.step(reading, self._is_regression)
        return self._said(outputs if outputs is None or peek is None else peek, reading)

    def _said(self, outputs: list[float] | None, reading: Reading) -> Forecast:
        """What the network's outputs come to, None where there are none yet."""
        if outputs is None or (reading.filled and not self._is_regression):
            said = None
        else:
            said = self.schema.forecast(outputs, reading)
        intervals = self._intervals
        if intervals is None or isinstance(said, dict):
            return said
        if isinstance(intervals, SeveralIntervals):
            assert not isinstance(said, float)
            labels = (reading.label, *reading.also)
            return intervals.take(said, labels, reading.reset, reading.floors)
        assert not isinstance(said, tuple)
        return intervals.take(said, reading.label, reading.reset, *reading.floors)

    def _take_in(self, reading: Reading) -> list[float] | None:
        """Give the learner the inputs and classes that this row brings.

        Where the row's own label is a new class and the forecast must not know, that is returned:
        what the network says with the new inputs alone.
        """
        if self.learner is None:
            self._tended.begin(self._new_learner(reading))
        assert self.learner is not None
        outputs = None
        known = self.learner.spec.output_size
        if self.schema.horizon == 0 and known < self.schema.output_size:
            self.grow(known)
            peek = copy.copy(self.learner)
            if reading.reset:
                peek.reset()
            outputs = peek.step(np.array(reading.inputs)).tolist()
        self.grow()
        return outputs

    def grow(self, output_size: int | None = None) -> None:
        """Have the learner take the inputs that there are now, and so many outputs.

        Args:
            output_size: None: as many as the schema has.
        """
        spec = self._wanted_spec(output_size)
        for learner in self._tended.both:
            known = learner.spec.input_size
            learner.grow(spec)
            if self._start is not None and known < spec.input_size:
                assert not isinstance(learner, Ensemble)
                silence(learner, known)

    def _new_learner(self, reading: Reading) -> AnyLearner:
        """The first, which knows the classes that there were before the row, if there were any."""
        if self._intervals is not None and self.schema.task != "regression":
            column = self.schema.target.column
            raise SchemaError(f"interval is for a target of numbers; column {column!r} has labels")
        if self.schema.task != "regression" and is_real(self.schema.arguments["at_least"]):
            column = self.schema.target.column
            raise SchemaError(f"at_least is for a target of numbers; column {column!r} has labels")
        if self._start is not None and self._begins_as is not None:
            names = self._start.columns(self.schema)
            self._start = dataclasses.replace(self._start, names=names)
            places = self._start.places(self.schema)
            learner = widened(self._begins_as, self._wanted_spec(), places)
            self._begins_as = None
            return learner
        known = len(reading.classes) if self.schema.task == "multiclass" else 0
        spec = self._wanted_spec(known or None)
        rates = self.rates if len(self.rates) > 1 else (spec.learning_rate,)
        return new_learner(spec, self.members, rates)

    def _wanted_spec(self, output_size: int | None = None) -> Spec:
        return wanted_spec(self.schema, self._start, self.options, output_size)

    @property
    def good(self) -> AnyLearner | None:
        """The learner as it was when all was well with it last; see `guard`."""
        return self._tended.guard.good

    # --- files -----------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write a model file, whole or not at all; `rtrl_lstm.load` gives the model back."""
        from rtrl_lstm import modelfile

        modelfile.save(self, path)

    def to_json(self) -> dict[str, Any]:
        """Everything but the learner, as plain JSON."""
        if self._begins_as is not None:
            raise ValueError("the model has seen no row yet, and has not begun as its network")
        learner = self.learner
        start = {} if self._start is None else {"start": self._start.to_json()}
        return {
            **start,
            "members": self.members,
            "auto": len(self.rates) > 1,
            "mixture": None if not isinstance(learner, Ensemble) else learner.mixture.to_json(),
            "options": options_to_json(self.options),
            "schema": self.schema.to_json(),
            "intervals": None if self._intervals is None else self._intervals.to_json(),
            "stream": self.stream,
            **self._tended.to_json(),
        }

    @classmethod
    def from_json(
        cls,
        saved: dict[str, Any],
        learner: AnyLearner | None,
        good: AnyLearner | None = None,
    ) -> Model:
        """The inverse of `to_json`, given the learner. Raises ValueError if they do not fit.

        Args:
            good: what the learner may have to step back to; None: to what it is.
        """
        options = options_from_json(saved["options"])
        options |= {"learning_rate": "auto"} if saved["auto"] else {}
        model = cls(**saved["schema"]["arguments"], members=saved["members"], **options)
        model.schema = Schema.from_json(saved["schema"])
        model._tended.restore(saved, learner, good)
        model._start = Start.from_json(saved["start"]) if "start" in saved else None
        if learner is not None:
            check_fit(model.schema, learner.spec, model._start)
            if isinstance(learner, Ensemble):
                learner.mixture.restore(saved["mixture"])
            if model.members * len(model.rates) != len(model.learners):
                raise ValueError("the file has another number of members than it says")
        if (ranges := saved["intervals"]) is not None:
            model._intervals = intervals_for(ranges["level"], model.schema)
            model._intervals.restore(ranges)
        model.stream = saved["stream"]
        return model
