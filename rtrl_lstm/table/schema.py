"""A table's columns -> the numbers a learner sees: rows in, inputs and labels out.

A row is a dict from column to value (text, number, bool or None); an absent key is a missing
value. Which columns there are is decided by the first row; what each of them is, by its first
value. New inputs (a category, a missing flag, the first value of a column) are appended as the
stream shows them, so that `input_size` may grow from row to row.

Needs no compiler: what runs an exported network reads its rows with this, too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.table.asked import (
    check_arguments,
    first_columns,
    getter_of,
    list_of,
    require_columns,
    wanted_columns,
)
from rtrl_lstm.table.at_once import AtOnce, Watched, take_at_once
from rtrl_lstm.table.columns import Column, Inputs, Value
from rtrl_lstm.table.floor import NONE, plain_least, raised
from rtrl_lstm.table.further import Further
from rtrl_lstm.table.lags import Lags
from rtrl_lstm.table.missing import Missing
from rtrl_lstm.table.past import Past
from rtrl_lstm.table.readings import Numbers, Reading, Row, padded
from rtrl_lstm.table.season_inputs import SeasonInputs
from rtrl_lstm.table.seasonal import lags_for
from rtrl_lstm.table.steps import Steps
from rtrl_lstm.table.target import Forecast, Target
from rtrl_lstm.table.timestamps import CALENDAR, Clock, Stamp
from rtrl_lstm.table.units import Units
from rtrl_lstm.table.values import BadRow, SchemaError, label, row_weight

__all__ = ["BadRow", "Forecast", "Numbers", "Reading", "Row", "Schema", "SchemaError"]

# What is saved of it as it is.
_PLAIN = ("_sequence", "_weight", "filled")


class Schema:
    """The columns of a stream and what was learned about them.

    Inputs are, in the order in which they come up: the calendar of the row that is forecast
    (see `timestamps`); the target itself (of this row from horizon 1 on, of the row before at
    horizon 0, where it counts as missing in the first row of a sequence); and the features.

    A regression has more, each from the first row on where it is known: the target a day and a
    week before the row that is forecast, where the time stamps come at a regular interval that
    divides these; else a season before it, where the targets of the first 32, 64, ... or
    8,192 rows show one (see `season`). They are called "demand (last day)", "demand (last week)",
    "demand (last season, 24 rows)", and with them comes the season before, "demand (day before
    last)". These and the last target are themselves forecasts (`combined_inputs`), and so a number
    that is missing among them is replaced by the last one known. Lags are counted in rows of the
    stream, across the beginnings of sequences.

    Args:
        target: column to forecast.
        features: columns that serve as inputs; None: every column of the first row but the target,
            the time column and the one that marks sequences.
        time: column of time stamps.
        time_of_day: column of times of day, where those stamps are dates alone.
        dates: what comes first in dates such as 1/2/2020: see `Dates`.
        task: "auto", "regression", "binary" or "multiclass", see `Target`.
        horizon: rows ahead; 0 forecasts a row's target from the rest of the row and the past.
        reset_on: column that names the sequence: a new one begins where its value changes.
        weight: column of the rows' weights, no input: a number from 0 on, which the gradient of
            the loss of the row's own label is multiplied by. A row without one is a bad row.
        gaps: what happens where rows are missing between two time stamps. "skip": nothing, the row
            after follows the row before. "reset": a new sequence begins. "fill": rows with missing
            values are put in, see `Reading.before`; where more than `max_gap` are missing, a new
            sequence begins.
        max_gap: the most rows that are put in at a time.
        key: column that tells series apart, for a `Panel`; no input.
        id: column that names the row, for a `Delayed`; no input. The target of the row before is
            then the last one known, and `learn_late` takes those that come later.
        also: further targets, all numbers. A forecast is then a tuple of numbers, of `target` and
            of these; the seasons of the first one serve for all, see `targetlags`.
        every_step: whether a forecast is a tuple of numbers, of each of the `horizon` rows ahead.
            Each has lags of its own to be combined with, see `steplags`; but beyond `MOST_COMBINED`
            steps there is no combination, and lags are inputs like others.
        missing: texts and numbers, such as -999, that mean "no value" as well; see `Missing`.
        units: of columns whose numbers have one, such as {"power": "kWh"} for 12.3 kWh.
        at_least: what no forecast of a number is below; "auto": 0 for counts, see `Floor`.

    Attributes:
        clock: the time column as it stands; None where there is none.
        filled: how many rows were put in.
        max_categories: bound on the categories of a column and on the classes of a multiclass
            target.
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
    ) -> None:
        self._missing, self._units = Missing(missing), Units(units)
        also = list_of(also, "also")
        self.arguments: dict[str, Any] = {
            "target": target,
            "features": None if features is None else list_of(features, "features"),
            "time": time,
            "time_of_day": time_of_day,
            "dates": dates,
            "task": task,
            "horizon": horizon,
            "reset_on": reset_on,
            "weight": weight,
            "gaps": gaps,
            "max_gap": max_gap,
            "key": key,
            "id": id,
            "also": also,
            "every_step": every_step,
            "missing": self._missing.said,
            "units": self._units.given,
            "at_least": plain_least(at_least),
            "max_categories": max_categories,
        }
        check_arguments(**self.arguments)
        self.arguments["task"] = task = "regression" if also or every_step else task
        self.target = Target(target, task, max_categories, self.arguments["at_least"])
        self.horizon = horizon
        self.clock = None if time is None else Clock(time, time_of_day, dates)
        self._own = Column(target if horizon else f"{target}[t-1]", max_categories)
        self._columns: list[Column] | None = None  # None: before the first row
        self._inputs = Inputs()
        self._steps = Steps(horizon) if every_step else None
        self._further = Further(also, horizon, max_categories, at_least) if also else None
        self._more = len(self.forecast_names) - 1  # numbers of a forecast beyond the first
        self._past = Past(trails=id is not None)
        self._lags: SeasonInputs | None = lags_for([target, *also], horizon, every_step, self._past)
        self._sequence: str | None = None
        self._weight = weight
        self.filled = 0
        if self.clock is not None:
            for name in CALENDAR:
                self._inputs.add(f"{time}: {name}")

    @property
    def task(self) -> str | None:
        """The task; None while it is undecided."""
        return self.target.task

    @property
    def input_names(self) -> tuple[str, ...]:
        """Name of each input there is so far."""
        return tuple(self._inputs.names)

    @property
    def input_columns(self) -> tuple[str, ...]:
        """For each input what it tells of: a column; "COL: calendar" of time; a lag by its name."""
        of = dict(enumerate(self._inputs.names))
        if self.clock is not None:
            of |= dict.fromkeys(range(len(CALENDAR)), f"{self.clock.column}: calendar")
        further = [] if self._further is None else self._further.columns
        columns = [self._own, *further, *(self._columns or ())]
        return tuple((of | {k: c.name for c in columns for k in c.places}).values())

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns that are features, in order; none before the first row."""
        return tuple(column.name for column in self._columns or ())

    def place_of_number(self, name: str) -> int | None:
        """Which input the number in a column is (the target from horizon 1 on); None: none yet."""
        slots = {column.name: column.slot for column in (*(self._columns or ()), self._own)}
        return slots[name] if slots.get(name, -1) >= 0 else None

    @property
    def scaled_inputs(self) -> tuple[bool, ...]:
        """Which inputs the learner scales: numbers, not flags, categories and the calendar."""
        return tuple(self._inputs.scaled)

    @property
    def input_size(self) -> int:
        """How many inputs there are so far."""
        return len(self._inputs.names)

    @property
    def combined_inputs(self) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
        """What `Spec.combine_with` is to be: the last value and the lags, once there are any.

        With several forecasts a tuple of them for each.
        """
        own = self._last_targets
        each = () if self._lags is None or min(own) < 0 else self._lags.combined(own)
        return each[0] if len(each) == 1 else each

    @property
    def unseen_inputs(self) -> tuple[int, ...]:
        """Those of them that are nothing for the network: what `Spec.combine_only` is to be."""
        return () if self._lags is None else self._lags.unseen(self.clock is not None)

    @property
    def inner_inputs(self) -> tuple[int, ...]:
        """Those of them that have no share of their own: what `Spec.combine_inner` is to be."""
        return () if self._lags is None else self._lags.inner

    @property
    def _last_targets(self) -> tuple[int, ...]:
        """For each forecast the place of the last value of its target; -1: none yet."""
        if self._further is not None:
            return (self._own.slot, *(column.slot for column in self._further.columns))
        return (self._own.slot,) * (1 if self._steps is None else self.horizon)

    @property
    def symbol_inputs(self) -> tuple[int, ...]:
        """Numbers and categories of features: what `Spec.context_inputs` is to be."""
        return tuple(sorted(k for column in self._columns or () for k in column.values))

    @property
    def output_size(self) -> int:
        """How many outputs the task needs so far; 0 while that is unknown."""
        return self.target.output_size + self._more

    @property
    def target_names(self) -> tuple[str, ...]:
        """The target, and further ones."""
        return (self.target.column, *self.arguments["also"])

    @property
    def forecast_names(self) -> tuple[str, ...]:
        """What the numbers of a forecast are of: the targets, or how many rows ahead."""
        steps = tuple(map(str, range(1, self.horizon + 1)))
        return self.target_names if self._steps is None else steps

    def read(self, row: Row) -> Reading:
        """Read a row and learn what it shows about the columns.

        Raises BadRow, or SchemaError where the table is another one; then nothing has changed.
        """
        columns = self._columns
        if columns is None:
            columns = first_columns(row, self.arguments, self._weight)
        # First everything is read, which may fail ...
        get = self._missing.without(self._units.without(getter_of(row)))
        clock = self.clock
        stamp = None if clock is None else clock.read(row)
        truth = self.target.parse(get(self.target.column))
        others = [] if self._further is None else self._further.parse(get)
        at = self.arguments["reset_on"]
        sequence = None if at is None else label(row.get(at), at)
        weight = 1.0 if self._weight is None else row_weight(get(self._weight), self._weight)
        parsed = [column.parse(get(column.name)) for column in columns]
        # ... from here on nothing fails.
        reset = self._columns is not None and sequence != self._sequence
        self._columns = columns
        self._sequence = sequence
        before: tuple[Reading, ...] = ()
        if clock is not None and stamp is not None and (missing := clock.missing(stamp)):
            clock.gaps += 1
            if not reset and self.arguments["gaps"] == "fill":
                before = self._fill(missing, stamp)
            reset = reset or (self.arguments["gaps"] != "skip" and not before)
        reading = self._commit(stamp, truth, others, parsed, reset, weight, before)
        return padded(reading) if before else reading

    def _fill(self, missing: int, stamp: Stamp) -> tuple[Reading, ...]:
        """The rows that are missing before a stamp; none where there are too many."""
        clock, columns = self.clock, self._columns
        assert clock is not None
        assert columns is not None
        if missing > self.arguments["max_gap"]:
            return ()
        self.filled += missing
        since, interval = clock.since(stamp.seconds), clock.interval
        nothing = [column.parse(None) for column in columns]
        others = [] if self._further is None else self._further.parse(lambda name: None)
        stamps = [Stamp(since + k * interval) for k in range(1, missing + 1)]
        said = (None, others, nothing, False, 1.0, ())
        return tuple(self._commit(at, *said, filled=True) for at in stamps)

    def _commit(
        self,
        stamp: Stamp | None,
        truth: Value,
        others: list[Value],
        parsed: list[Value],
        reset: bool,
        weight: float,
        before: tuple[Reading, ...],
        filled: bool = False,
    ) -> Reading:
        """Take a row that was read: nothing fails any more."""
        clock, inputs, columns = self.clock, self._inputs, self._columns
        assert columns is not None
        values = [0.0] * len(inputs.names)
        seconds, floors = None, self.floors
        if clock is not None and stamp is not None:
            seconds = clock.commit(stamp)
            values[: len(CALENDAR)] = clock.ahead(self.horizon)
        known = self.target.classes
        number = self.target.commit(truth)
        if self.horizon:
            known = self.target.classes
            self._push([truth, *others], seconds)
            self._commit_past(truth, inputs, values)
        else:
            self._commit_past(None if reset else self._past.last, inputs, values)
            self._push([truth, *others], seconds)
        also: tuple[float, ...] = ()
        if self._further is not None:
            also = self._further.commit(others, reset, inputs, values)
        if self._steps is not None:
            number, *rest = self._steps.take(number)
            also = tuple(rest)
        for column, value in zip(columns, parsed, strict=True):
            column.commit(value, inputs, values)
        if self.horizon:
            floors = self.floors
        said = (self.target.known_as(truth), reset, seconds, known, weight, before, filled)
        return Reading(values, number, *said, also=also, floors=floors)

    @property
    def floors(self) -> tuple[float, ...]:
        """What each number of a forecast is not below, as the targets so far have it; see `Floor`.

        () where there is no such thing.
        """
        floors = [self.target.floor.now]
        if self._further is not None:
            floors += self._further.floors
        elif self._more:
            floors *= self._more + 1
        return tuple(floors) if max(floors) > NONE else ()

    @property
    def number_columns(self) -> tuple[str, ...]:
        """The columns to read where rows can be read as numbers alone: features, then the target.

        None before all have shown what they are, nor with time stamps, sequences and labels.
        """
        asked, columns = self.arguments, self._columns
        if (
            columns is None
            or self.task != "regression"
            or any(asked[role] is not None for role in ("time", "reset_on", "weight"))
            or self._own.slot < 0
            or not isinstance(self._lags, Lags)
            or self._steps is not None
            or not all(column.slot >= 0 for column in columns)
        ):
            return ()
        return (*(column.name for column in columns), self.target.column)

    def read_numbers(self, values: NDArray[np.float64]) -> AtOnce:
        """`read` for the first of some rows, which bring no new input: perhaps none.

        Args:
            values: (T, columns) of the `number_columns`; NaN: missing. Numbers no greater than
                `kernels.words.LARGEST`.
        """
        assert isinstance(self._lags, Lags)
        watched = Watched(self.target, self._own, self._past, self._lags, self._columns or [])
        values = self._missing.blanked(values)
        return take_at_once(values, watched, self.input_size, self.horizon)

    def truth(self, row: Row) -> Value:
        """The row's own target as a score sees it. Changes nothing; raises BadRow."""
        get = self._missing.without(self._units.without(row.get))
        return self.target.parse(get(self.target.column))

    @property
    def last_target(self) -> Value:
        """The target of the last row; with an `id`, the last one known."""
        return self.target.known_as(self._past.last)

    def seasonal(self) -> tuple[tuple[str, int, Value], ...]:
        """What the target was a season before the last row, see `Seasons.said`."""
        return () if self._lags is None else self._lags.seasons.said()

    def learn_late(self, truth: Value, ago: int) -> float:
        """The target of the row so many rows before the last one, which had none when it came.

        Returns it as a learner sees it.
        """
        self._past.learn_late(truth, ago)
        self._lags = None if isinstance(truth, str) else self._lags
        if self._lags is not None:
            self._lags.seasons.fill(ago, truth)
        return self.target.commit(truth)

    def forecast(self, outputs: list[float], reading: Reading) -> Forecast:
        """A network's outputs for a row as a forecast."""
        outputs = raised(outputs, reading.floors)
        return tuple(outputs) if self._more else self.target.forecast(outputs, reading.classes)

    @property
    def incidents(self) -> dict[str, int]:
        """What was wrong with the time stamps, where there are any, and how often."""
        return {} if self.clock is None else {"filled": self.filled, **self.clock.incidents}

    def check_columns(self, names: Iterable[str], *, target: bool) -> None:
        """Raise SchemaError where a table lacks columns that this schema reads.

        Whether it needs the target as well is for the caller to say: learning does, and so does
        a horizon; forecasting a row's own target does not.
        """
        wanted = wanted_columns(self.arguments, self._weight, self._columns)
        require_columns([*wanted, *(self.target_names if target else ())], list(names))

    def frozen(self) -> Schema:
        """A copy that no longer learns: no new inputs, classes or means. Time and targets go on."""
        schema = copy.deepcopy(self)
        schema.target.fix()
        schema._own.fixed = True
        schema._weight = None
        if schema._further is not None:
            schema._further.fix()
        if schema._lags is not None:
            schema._lags.fixed = True
        for column in schema._columns or ():
            column.fixed = True
        return schema

    def to_json(self) -> dict[str, Any]:
        """All there is to it, as plain JSON."""
        columns = self._columns
        inputs = zip(self.input_names, self.scaled_inputs, strict=True)
        return {
            "arguments": dict(self.arguments),
            "inputs": [list(pair) for pair in inputs],
            "columns": None if columns is None else [column.to_json() for column in columns],
            "own": self._own.to_json(),
            "target": self.target.to_json(),
            "clock": None if self.clock is None else self.clock.to_json(),
            "lags": None if self._lags is None else self._lags.to_json(),
            "past": self._past.to_json(),
            "plain": {name: getattr(self, name) for name in _PLAIN},
            "further": None if self._further is None else self._further.to_json(),
            "steps": None if self._steps is None else self._steps.to_json(),
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Schema:
        """The inverse of `to_json`."""
        schema = cls(**saved["arguments"])
        most = saved["arguments"]["max_categories"]
        schema._inputs = Inputs()
        for name, scaled in saved["inputs"]:
            schema._inputs.add(name, scaled)
        if saved["columns"] is not None:
            schema._columns = [Column.from_json(column, most) for column in saved["columns"]]
        schema._own = Column.from_json(saved["own"], most)
        schema.target.restore(saved["target"])
        if saved["clock"] is not None:
            schema.clock = Clock.from_json(saved["clock"])
        schema._past.restore(saved["past"])
        schema._lags = schema._lags if saved["lags"] else None
        if schema._lags is not None:
            schema._lags.restore(saved["lags"])
        vars(schema).update({name: saved["plain"][name] for name in _PLAIN})
        if schema._further is not None:
            schema._further.restore(saved["further"], most)
        if schema._steps is not None:
            schema._steps.restore(saved["steps"])
        return schema

    def _push(self, truths: list[Value], seconds: float | None) -> None:
        """A row's targets are now of the past. Where they are labels, there are no lags of them."""
        self._past.push(truths[0])
        self._lags = None if isinstance(truths[0], str) else self._lags
        if self._lags is not None:
            self._lags.push(truths, seconds)

    def _commit_past(self, last: Value, inputs: Inputs, values: list[float]) -> None:
        """The inputs that are targets of the past."""
        self._own.commit(last, inputs, values, self._past.number)
        begun = self._own.slot >= 0 and (self._further is None or min(self._last_targets) >= 0)
        if self._lags is not None and begun:
            self._lags.commit(inputs, values)
