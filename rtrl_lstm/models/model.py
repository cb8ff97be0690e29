"""Model: a schema and a learner or forecaster. A row in, a forecast out.

For whoever drives one (the command line, an application): a row is a dict from column to value,
and that is the only form. Read rows in chunks, call `forecasts, readings = model.follow(rows)`
and hand both to `score.Prequential.extend`. A bad row is a BadRow in the place of its forecast,
and None in the place of its reading. Between two calls the model is whole: save or stop there.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.ensemble import Ensemble, new_learner
from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner
from rtrl_lstm.models.counting import Counting
from rtrl_lstm.models.guard import EVERY, Guard
from rtrl_lstm.models.intervals import Intervals
from rtrl_lstm.models.start import Start, silence, widened
from rtrl_lstm.models.wanted import check_fit, rates_of, refuse, wanted_spec, with_defaults
from rtrl_lstm.spec import Spec
from rtrl_lstm.table.readings import label_of
from rtrl_lstm.table.schema import BadRow, Forecast, Numbers, Reading, Row, Schema, SchemaError


class Model:
    """Learns a column of a table, or of a stream, row by row, and forecasts it.

    What is forecast for a number is not the network's word alone. It is combined, by a running
    least squares that begins with the last value, with the simplest forecasts there are: the last
    value, and the values of a day, a week or a season ago where there is such a thing (see `Schema`
    for these inputs, `Spec.combine_with` for the combination). So a forecast is good from the first
    rows on, and where there is nothing to learn, as in a random walk, hardly worse than these.

    Args:
        target, features, time, task, horizon, reset_on, weight, gaps, max_gap, key, id, also,
            every_step, max_categories: see `Schema`.
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
        learner: a Learner, or from horizon 1 on a Forecaster, or an Ensemble of them; None until a
            row has shown what the task is and given at least one input and, where there are
            classes, one label.
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
        self.schema = Schema(
            target,
            features=features,
            time=time,
            task=task,
            horizon=horizon,
            reset_on=reset_on,
            weight=weight,
            gaps=gaps,
            max_gap=max_gap,
            key=key,
            id=id,
            also=also,
            every_step=every_step,
            max_categories=max_categories,
        )
        several = len(self.schema.forecast_names) > 1
        refuse(options, task, several, interval, members, begun=start is not None)
        self.members = members
        self._intervals = None if interval is None else Intervals(interval, horizon)
        self.options = with_defaults(options) if start is None else options
        self.rates = rates_of(self.options)
        Spec(input_size=1, **self.options)  # what is wrong with them is said now
        self.learner: Learner | Forecaster | Ensemble | None = None
        self.stream: dict[str, Any] = {}
        self._guard = Guard(len(self.schema.forecast_names))
        self._frozen = False
        self._counting = Counting(horizon)

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
        return self._guard.interventions

    @property
    def counts(self) -> dict[str, int]:
        """What became of the good rows so far. rows = learned + unlabelled + pending.

        A row counts as learned when the label of the row it forecasts has been learned from; as
        pending while that label cannot be there yet, which is so for the last `horizon` rows;
        as unlabelled otherwise: its label is missing, belongs to another sequence, or came
        before there was a learner. A frozen model learns none.
        """
        return self._counting.found()

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
            self._take(filler)
        return self._take(reading)

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
                        forecasts[place] = self._take(one)
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
        inputs, labels = self.schema.read_numbers(np.asarray(values, np.float64))
        rows, forecasts, taken = self.learner.prepare(inputs, labels), np.empty(len(labels)), 0
        while taken < len(labels):
            stop = min(taken + EVERY - self._counting.taken % EVERY, len(labels))
            outputs = self.learner.take_rows(rows, taken, stop)
            taken += self._run_numbers(outputs, labels[taken:stop], forecasts[taken:stop])
        return Numbers(inputs, labels, forecasts)

    def _run_numbers(self, outputs: Array, labels: Array, forecasts: Array) -> int:
        """`_run_part` for rows of numbers that were run, into `forecasts`; NaN where none is."""
        finite = np.isfinite(outputs).all(axis=1)
        good = len(labels) if finite.all() else int(np.argmin(finite))
        forecasts[:good] = outputs[:good, 0]
        self._guard.note_all(outputs[:good], labels[:good])
        self._counting.take_many(labels[:good], not self._frozen)
        if good == len(labels):
            self._look()
            return good
        forecasts[good] = np.nan
        self._back_off()
        return good + 1

    def frozen(self) -> Model:
        """A copy that forecasts and no longer learns. Its counts start at 0."""
        model = copy.copy(self)
        model.schema = self.schema.frozen()
        model.learner = None if self.learner is None else self.learner.frozen()
        model.options = dict(self.options)
        model._intervals = copy.deepcopy(self._intervals)
        if model._intervals is not None:
            model._intervals.fixed = True
        model._guard = Guard(len(self.schema.forecast_names))
        if model.learner is not None:
            model._guard.begin(model.learner)
        model.stream = copy.deepcopy(self.stream)
        model._frozen = True
        model._counting = self._counting.anew()
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
            room = EVERY - self._counting.taken % EVERY
            taken = self._run_part(batch[:room], forecasts)
            batch = batch[taken:]
        for place, reading in batch:  # a live pipe gives rows one by one
            forecasts[place] = self._forecast(reading)

    def _run_part(
        self, batch: list[tuple[int, Reading]], forecasts: list[Forecast | BadRow]
    ) -> int:
        """Rows up to the guard's next look. Returns how many were taken: those up to a forecast
        that is no finite number, after which the learner is another one."""
        assert self.learner is not None
        labels = np.array([label_of(reading) for _, reading in batch])
        outputs = self.learner.run(
            np.array([reading.inputs for _, reading in batch]),
            labels,
            np.array([reading.weight for _, reading in batch]),
            reset=np.array([reading.reset for _, reading in batch]),
        )
        finite = np.isfinite(outputs).all(axis=1)
        good = len(batch) if finite.all() else int(np.argmin(finite))
        if self.schema.task == "regression":
            self._guard.note_all(outputs[:good], labels[:good])
        for (place, reading), output in zip(batch[:good], outputs[:good].tolist(), strict=True):
            self._counting.take(reading, not self._frozen)
            forecasts[place] = self._said(output, reading)
        if good == len(batch):
            self._look()
            return good
        place, reading = batch[good]
        forecasts[place] = self._step_back(reading)
        return good + 1

    def _take(self, reading: Reading) -> Forecast:
        """One row, whatever it brings."""
        if self._fits(reading):
            return self._forecast(reading)
        can_start = reading.inputs and self.schema.output_size and not self._frozen
        if self.learner is None and (reading.filled or not can_start):
            self._counting.pass_by(reading.filled)
            return self._said(None, reading)
        if reading.filled:  # the schema has seen the next row, whose label this one must not know
            assert self.learner is not None
            self._become(self._wanted_spec(self.learner.spec.output_size))
            return self._forecast(reading)
        return self._forecast(reading, self._grow(reading))

    def _forecast(self, reading: Reading, peek: NDArray[Any] | None = None) -> Forecast:
        """One row through the learner, which has its sizes; `peek` is to be said instead."""
        assert self.learner is not None
        if reading.reset:
            self.learner.reset()
        outputs = self.learner.step(np.array(reading.inputs), label_of(reading), reading.weight)
        said = outputs.tolist()
        if not all(map(math.isfinite, said)):
            return self._step_back(reading)
        if self.schema.task == "regression":
            self._guard.note(said, reading)
        self._counting.take(reading, not self._frozen)
        forecast = self._said(said if peek is None else peek.tolist(), reading)
        self._look()
        return forecast

    def _look(self) -> None:
        """Look after the learner where so many rows have gone by."""
        assert self.learner is not None
        if self._counting.taken % EVERY == 0 and self._guard.look(self.learner):
            self._counting.begin_sequence()

    def _step_back(self, reading: Reading) -> Forecast:
        """A row whose forecast is no finite number: there is none, and it teaches nothing."""
        forecast = self._said(None, reading)
        self._back_off(reading.filled)
        return forecast

    def _back_off(self, filled: bool = False) -> None:
        assert self.learner is not None
        self._guard.step_back(self.learner)
        self._counting.pass_by(filled)
        self._counting.begin_sequence()
        self._look()

    def _said(self, outputs: list[float] | None, reading: Reading) -> Forecast:
        """What the network's outputs come to, None where there are none yet."""
        if outputs is None or (reading.filled and self.schema.task != "regression"):
            said = None
        else:
            said = self.schema.forecast(outputs, reading.classes)
        if self._intervals is None or isinstance(said, dict | tuple):
            return said
        return self._intervals.take(said, reading.label, reading.reset)

    def _grow(self, reading: Reading) -> NDArray[Any] | None:
        """Give the learner the inputs and classes that this row brings.

        Where the row's own label is a new class and the forecast must not know, that is returned:
        what the network says with the new inputs alone.
        """
        if self.learner is None:
            self.learner = self._new_learner()
            self._guard.begin(self.learner)
            return None
        outputs = None
        known = self.learner.spec.output_size
        if self.schema.horizon == 0 and known < self.schema.output_size:
            self._become(self._wanted_spec(known))
            peek = copy.copy(self.learner)
            if reading.reset:
                peek.reset()
            outputs = peek.step(np.array(reading.inputs))
        self._become(self._wanted_spec())
        return outputs

    def _become(self, spec: Spec) -> None:
        """Let the learner grow, and the one that it may have to step back to."""
        for learner in (self.learner, self._guard.good):
            assert learner is not None
            known = learner.spec.input_size
            learner.grow(spec)
            if self._start is not None and known < spec.input_size:
                assert not isinstance(learner, Ensemble)
                silence(learner, known)

    def _new_learner(self) -> Learner | Forecaster | Ensemble:
        if self._intervals is not None and self.schema.task != "regression":
            column = self.schema.target.column
            raise SchemaError(f"interval is for a target of numbers; column {column!r} has labels")
        if self._start is not None and self._begins_as is not None:
            names = self._start.columns(self.schema)
            self._start = dataclasses.replace(self._start, names=names)
            places = self._start.places(self.schema)
            learner = widened(self._begins_as, self._wanted_spec(), places)
            self._begins_as = None
            return learner
        return new_learner(self._wanted_spec(), self.members, self.rates)

    def _wanted_spec(self, output_size: int | None = None) -> Spec:
        return wanted_spec(self.schema, self._start, self.options, output_size)

    @property
    def good(self) -> Learner | Forecaster | Ensemble | None:
        """The learner as it was when all was well with it last; see `guard`."""
        return self._guard.good

    # --- files -----------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write a model file, whole or not at all; `rtrl_lstm.load` gives the model back."""
        from rtrl_lstm import modelfile

        modelfile.save(self, path)

    def to_json(self) -> dict[str, Any]:
        """Everything but the learner, as plain JSON."""
        if self._begins_as is not None:
            raise ValueError("the model has seen no row yet, and has not begun as its network")
        options, learner = Spec(input_size=1, **self.options).to_json(), self.learner
        start = {} if self._start is None else {"start": self._start.to_json()}
        return {
            **start,
            "members": self.members,
            "auto": len(self.rates) > 1,
            "mixture": None if not isinstance(learner, Ensemble) else learner.mixture.to_json(),
            "options": {name: options[name] for name in self.options},
            "schema": self.schema.to_json(),
            "intervals": None if self._intervals is None else self._intervals.to_json(),
            "stream": self.stream,
            "guard": self._guard.to_json(),
            "frozen": self._frozen,
            "counts": self._counting.to_json(),
        }

    @classmethod
    def from_json(
        cls,
        saved: dict[str, Any],
        learner: Learner | Forecaster | Ensemble | None,
        good: Learner | Forecaster | Ensemble | None = None,
    ) -> Model:
        """The inverse of `to_json`, given the learner. Raises ValueError if they do not fit.

        Args:
            good: what the learner may have to step back to; None: to what it is.
        """
        defaults = Spec(input_size=1).to_json()
        spec = Spec.from_json({**defaults, **saved["options"]})
        options = {name: getattr(spec, name) for name in saved["options"]}
        options |= {"learning_rate": "auto"} if saved["auto"] else {}
        model = cls(**saved["schema"]["arguments"], members=saved["members"], **options)
        model.schema = Schema.from_json(saved["schema"])
        model.learner = learner
        model._start = Start.from_json(saved["start"]) if "start" in saved else None
        if learner is not None:
            check_fit(model.schema, learner.spec, model._start)
            if isinstance(learner, Ensemble):
                learner.mixture.restore(saved["mixture"])
            if model.members * len(model.rates) != len(model.learners):
                raise ValueError("the file has another number of members than it says")
        if saved["intervals"] is not None:
            model._intervals = Intervals.from_json(saved["intervals"])
        model.stream = saved["stream"]
        good = copy.copy(learner) if good is None else good
        model._guard = Guard.from_json(saved["guard"], good)
        model._frozen = saved["frozen"]
        model._counting.restore(saved["counts"])
        return model
