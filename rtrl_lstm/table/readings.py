"""Rows of a table on their way: as they come, as a learner sees them, and many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.target import Forecast

Row = Mapping[str, Any]


class Settled(NamedTuple):
    """A row whose label has come late, or never.

    Attributes:
        forecast: what was said when the row came; None: nothing.
        truth: the target as a score sees it, None where it never came.
        last: the last target that was known when the row came.
        seasons: what the target of a season before was then: baseline, lag, value.
    """

    forecast: Forecast
    truth: Value
    last: Value
    seasons: tuple[tuple[str, int, Value], ...] = ()


class Reading(NamedTuple):
    """What a schema makes of one row.

    Attributes:
        inputs: one number per input there was after this row: pad with zeros for later ones.
        label: the row's own target as a learner sees it: a number, 0 or 1, or the index of a class;
            NaN where it is missing. Of forecasts of every step: of the first row ahead.
        truth: the row's own target as a score sees it.
        reset: whether a new sequence begins with this row.
        seconds: the row's time stamp, where there is a time column.
        classes: the labels known when the forecast is made, which at horizon 0 is before this row's
            own.
        weight: what learning from this row's label counts for, 1 being the usual.
        before: rows that were put in before this one, to fill a gap: nothing but time stamps.
        filled: whether this is such a row.
        key: of a `Panel`, the series it belongs to.
        also: the row's further targets, NaN where they are missing. Of forecasts of every step:
            the labels of the further rows ahead, the last of which is the row's own target.
        late: of a `Delayed`, whether it is no row, but came for the label of an earlier one.
        floors: what each number of the forecast is not below; () where there is no such thing.
        settled: of a `Delayed`, the rows in their order that need not be waited for any longer.
    """

    inputs: list[float]
    label: float
    truth: Value
    reset: bool
    seconds: float | None
    classes: tuple[str, ...]
    weight: float = 1.0
    before: tuple[Reading, ...] = ()
    filled: bool = False
    key: str = ""
    also: tuple[float, ...] = ()
    late: bool = False
    floors: tuple[float, ...] = ()
    settled: tuple[Settled, ...] = ()


class Numbers(NamedTuple):
    """What a Model makes of rows of numbers.

    Attributes:
        inputs: (T, I) float64, as of a `Reading`.
        labels: (T,) the rows' own targets, NaN where they are missing.
        forecasts: (T,) one for each row.
    """

    inputs: NDArray[np.float64]
    labels: NDArray[np.float64]
    forecasts: NDArray[np.float64]


def padded(reading: Reading) -> Reading:
    """A row, and before it those that were put in, with zeros for inputs that it brought."""
    size = len(reading.inputs)
    before = (
        one._replace(inputs=one.inputs + [0.0] * (size - len(one.inputs))) for one in reading.before
    )
    return reading._replace(before=tuple(before))


def label_of(reading: Reading) -> float | tuple[float, ...]:
    """What the learner learns from: a number, or one for each of several targets."""
    return (reading.label, *reading.also) if reading.also else reading.label
