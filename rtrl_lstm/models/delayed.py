"""Delayed: a model for streams whose labels come late, each as a further record of the same id.

Each row is answered when it comes, and learned from when its label has come, in the order of the
rows: the learner *trails*. A row whose label has not come with the `max_delay` rows after it is
learned without one. So there are two recurrent states, as in a `Forecaster`: the learner's, which
stands before the first row that waits; and a leading one, which takes each row as it comes with the
weights of that moment, and makes the forecast. The rows in between are kept, `max_delay` and one at
most.

What is learned from are a row's inputs as they were when it came: of the targets of the past, those
that were known by then.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Iterable
from typing import Any

from rtrl_lstm.checks import whole
from rtrl_lstm.learner import Learner
from rtrl_lstm.models.driven import Driven
from rtrl_lstm.models.leading import Leading
from rtrl_lstm.models.model import Model
from rtrl_lstm.models.recall import LEAST, Recall
from rtrl_lstm.table.asked import names_in, require_columns
from rtrl_lstm.table.readings import Settled
from rtrl_lstm.table.schema import BadRow, Forecast, Reading, Row, Schema
from rtrl_lstm.table.values import label

_COUNTS = ("late_labels", "too_late", "repeated_ids")


class Delayed(Driven):
    """Learns a stream whose labels come late, and is driven like a `Model` of horizon 0.

    The first record of an id is a row; its target may be empty. A later record of the same id is
    none: it brings the row's label, if its target is not empty and the row waits for one, and of
    its other columns nothing is read. There is no forecast for it.

    Args:
        target: see `Schema`, as for all further options, which are those of `Model`.
        id: column that names a row; no input. A record without one is a bad row.
        max_delay: how many rows may come between a row and its label.

    Attributes:
        model: what learns; its rows are those that need not be waited for any longer.
        stream: plain JSON of the driver's own, saved along.

    Raises:
        ValueError: an argument is out of range, or does not go together with late labels.
    """

    def __init__(self, target: str, *, id: str, max_delay: int = 1000, **options: Any) -> None:
        if options.get("interval") is not None:
            raise ValueError("where labels come late by an id, there is no interval")
        one = options.get("members", 1) == 1 and options.get("learning_rate") != "auto"
        if not one or options.get("start") is not None:
            raise ValueError(
                "where labels come late by an id, there is one network, and it begins afresh"
            )
        self.id = id
        self.max_delay = whole("max_delay", max_delay, 1)
        self.model = Model(target, id=id, **options)
        self.stream: dict[str, Any] = {}
        self._waiting: deque[_Waiting] = deque()
        self._recall = Recall(max(LEAST, 2 * self.max_delay))
        self._leading: Leading | None = None  # while there is a learner
        self._counts = dict.fromkeys(_COUNTS, 0)
        self._frozen = False

    @property
    def schema(self) -> Schema:
        """The columns, as the last row left them."""
        return self.model.schema

    @property
    def _kind(self) -> Model:
        return self.model

    @property
    def interventions(self) -> int:
        """How often the learner had gone astray and was stepped back; see `guard`."""
        return self.model.interventions

    @property
    def counts(self) -> dict[str, int]:
        """What became of the rows; `Model.counts`, where those that wait are pending."""
        found, waiting = self.model.counts, len(self._waiting)
        return {**found, "rows": found["rows"] + waiting, "pending": waiting}

    @property
    def incidents(self) -> dict[str, int]:
        """`Model.incidents`, and what became of the records that are no rows.

        late_labels: the label of a row that waited. too_late: that of one that had been given up.
        repeated_ids: nothing that was not known.
        """
        return {**self.model.incidents, **self._counts}

    def follow(self, rows: Iterable[Row]) -> tuple[list[Forecast | BadRow], list[Reading | None]]:
        """`run`, and what was read: for a `DelayedScore`. None for a bad row, and for the forecast
        of a record that is no row."""
        forecasts: list[Forecast | BadRow] = []
        readings: list[Reading | None] = []
        for row in rows:
            try:
                name = self._id_of(row)
                place = self._recall.place_of(name)
                if place is None:
                    forecast, reading = self._take(row, name)
                else:
                    forecast, reading = None, self._take_label(row, place)
            except BadRow as bad:
                forecasts.append(bad)
                readings.append(None)
            else:
                forecasts.append(forecast)
                readings.append(reading)
        return forecasts, readings

    def has_seen(self, row: Row) -> bool | None:
        """Whether a record would bring nothing new; None where it cannot be read."""
        try:
            place = self._recall.place_of(self._id_of(row))
            truth = self.schema.truth(row)
        except BadRow:
            return None
        return place is not None and (truth is None or not self._waits(place))

    def remembers(self, row: Row) -> bool:
        """Whether a record has the id of a row that is remembered. Raises BadRow."""
        return self._recall.place_of(self._id_of(row)) is not None

    def began_with(self, row: Row) -> bool:
        """Whether a record has the id of the very first row. Raises BadRow."""
        return self._recall.is_first(self._id_of(row))

    def ended_with(self, row: Row) -> bool:
        """Whether a record has the id of the last row. Raises BadRow."""
        return self._recall.place_of(self._id_of(row)) == self._recall.rows - 1

    def frozen(self) -> Delayed:
        """A copy that forecasts and no longer learns. No row waits for its label."""
        other = copy.copy(self)
        if self._leading is None:
            other.model = self.model.frozen()
        else:
            learner = self._leading.at_its_place()
            other.model = self.model.frozen(learner)
            other._leading = Leading(learner)
        other._recall = copy.deepcopy(self._recall)
        other.stream = copy.deepcopy(self.stream)
        other._waiting = deque()
        other._counts = dict.fromkeys(_COUNTS, 0)
        other._frozen = True
        return other

    def leading(self) -> Model:
        """A Model that stands behind the last row and no longer learns: what there is to export."""
        return self.frozen().model

    def _id_of(self, row: Row) -> str:
        if not self._recall.rows:
            require_columns([self.id], names_in(row))
        name = label(row.get(self.id), self.id)
        if name is None:
            raise BadRow(self.id, "there is no id")
        return name

    def _take(self, row: Row, name: str) -> tuple[Forecast, Reading]:
        """A record that is a row."""
        schema = self.schema
        last = schema.last_target
        reading = schema.read(row)
        self._recall.add(name)
        self._widen(reading)
        forecast = self._forecast(reading)
        told = Settled(forecast, reading.truth, last, schema.seasonal())
        self._waiting.append(_Waiting(reading, told))
        return forecast, reading._replace(settled=self._settle())

    def _take_label(self, row: Row, place: int) -> Reading:
        """A further record of a row."""
        truth = self.schema.truth(row)
        settled: tuple[Settled, ...] = ()
        if truth is None:
            self._counts["repeated_ids"] += 1
        elif self._waits(place):
            ago = self._recall.rows - 1 - place
            number = self.schema.learn_late(truth, ago)
            truth = self.schema.target.known_as(truth)
            assert truth is not None
            self._waiting[len(self._waiting) - 1 - ago].take(truth, number)
            self._grow()
            self._counts["late_labels"] += 1
            settled = self._settle()
        else:
            late = self._recall.was_given_up(place)
            self._counts["too_late" if late else "repeated_ids"] += 1
        return Reading([], math.nan, truth, False, None, (), late=True, settled=settled)

    def _waits(self, place: int) -> bool:
        """Whether the row of this number waits for its label."""
        ago = self._recall.rows - 1 - place
        if ago >= len(self._waiting):
            return False
        return not self._waiting[len(self._waiting) - 1 - ago].has_label

    def _forecast(self, reading: Reading) -> Forecast:
        """What there is to say about a row, before its own label is looked at."""
        if self._leading is None:
            return None
        self._grow(by_labels=False)
        said = self._leading.step(reading.inputs, reading.reset)
        self._grow()
        if not all(map(math.isfinite, said)):
            self._lead_anew()
            return None
        return self.schema.forecast(said, reading)

    def _grow(self, by_labels: bool = True) -> None:
        """Have the learner take the inputs there are now, and the labels, too, if `by_labels`."""
        model, schema = self.model, self.schema
        if self._leading is None or self._frozen or model.spec is None:
            return
        outputs = schema.output_size if by_labels else model.spec.output_size
        if (schema.input_size, outputs) != (model.spec.input_size, model.spec.output_size):
            model.grow(outputs)

    def _widen(self, reading: Reading) -> None:
        """Give rows that wait the inputs that this one brought: numbers as it has them, others 0.

        A 0 in the place of a number would be an outlier to scale by.
        """
        known = len(self._waiting[0].reading.inputs) if self._waiting else len(reading.inputs)
        if known == len(reading.inputs):
            return
        scaled = self.schema.scaled_inputs
        new = [
            value if scaled[known + k] else 0.0 for k, value in enumerate(reading.inputs[known:])
        ]
        for one in self._waiting:
            one.reading = one.reading._replace(inputs=one.reading.inputs + new)

    def _settle(self) -> tuple[Settled, ...]:
        """Learn the rows that need not be waited for, up to the first one that waits."""
        found, waiting = [], self._waiting
        while waiting and (waiting[0].has_label or len(waiting) > self.max_delay + 1):
            found.append(self._settle_first())
        return tuple(found)

    def _settle_first(self) -> Settled:
        """Learn the first row, with its label if it has come."""
        one = self._waiting.popleft()
        if not one.has_label:
            self._recall.give_up(self._recall.rows - 1 - len(self._waiting))
        if self._frozen:
            return one.settled
        model, times = self.model, self.model.interventions
        model.take(one.reading._replace(classes=self.schema.target.classes))
        if self._leading is None or model.interventions > times:
            self._lead_anew()
        return one.settled

    def _lead_anew(self) -> None:
        """Go from where the learner stands through the rows that wait."""
        learner = self.model.learner
        if isinstance(learner, Learner):
            self._leading = Leading(learner)
            for one in self._waiting:
                self._leading.step(one.reading.inputs, one.reading.reset)

    @property
    def models(self) -> dict[str, Model]:
        """The one model there is, as a `Panel` has one for each key."""
        return {"": self.model}

    def to_json(self) -> dict[str, Any]:
        """Everything but the learner, as plain JSON."""
        return {
            "max_delay": self.max_delay,
            "models": [["", self.model.to_json()]],
            "waiting": [one.to_json() for one in self._waiting],
            "recall": self._recall.to_json(),
            "leading": None if self._leading is None else self._leading.to_json(),
            "counts": dict(self._counts),
            "stream": self.stream,
            "frozen": self._frozen,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], models: Iterable[Model]) -> Delayed:
        """The inverse of `to_json`, given the model with its learner."""
        [model] = models
        delayed = cls.__new__(cls)
        delayed.model, delayed.id = model, model.schema.arguments["id"]
        delayed.max_delay = saved["max_delay"]
        delayed.stream = saved["stream"]
        delayed._waiting = deque(_Waiting.from_json(one) for one in saved["waiting"])
        delayed._recall = Recall(max(LEAST, 2 * delayed.max_delay))
        delayed._recall.restore(saved["recall"])
        delayed._leading = None
        if saved["leading"] is not None:
            assert isinstance(model.learner, Learner)
            delayed._leading = Leading(model.learner)
            delayed._leading.restore(saved["leading"])
        delayed._counts = {name: saved["counts"][name] for name in _COUNTS}
        delayed._frozen = saved["frozen"]
        return delayed


class _Waiting:
    """A row that waits for its label, or for the rows before it."""

    def __init__(self, reading: Reading, settled: Settled) -> None:
        self.reading = reading
        self.settled = settled

    @property
    def has_label(self) -> bool:
        return self.settled.truth is not None

    def take(self, truth: float | str, number: float) -> None:
        """Its label has come."""
        self.settled = self.settled._replace(truth=truth)
        self.reading = self.reading._replace(label=number)

    def to_json(self) -> list[Any]:
        one = self.reading
        said = [one.inputs, one.label, one.reset, list(one.classes), one.weight]
        return [*said, list(self.settled)]

    @classmethod
    def from_json(cls, saved: list[Any]) -> _Waiting:
        inputs, number, reset, classes, weight, settled = saved
        forecast, truth, last, seasons = settled
        reading = Reading(inputs, number, truth, reset, None, tuple(classes), weight)
        return cls(reading, Settled(forecast, truth, last, tuple(map(tuple, seasons))))
