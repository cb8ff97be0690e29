"""Rows that are numbers alone, many at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.table.columns import Column
from rtrl_lstm.table.lags import Lags
from rtrl_lstm.table.past import Past
from rtrl_lstm.table.target import Target

Array = NDArray[np.float64]


class AtOnce(NamedTuple):
    """What a schema makes of the first of some rows of numbers.

    Attributes:
        inputs: (t, I), as of a `Reading`.
        labels: (t,) the rows' own targets, NaN where they are missing.
        floors: (t,) what each forecast is not below; None: there is no such thing.
    """

    inputs: Array
    labels: Array
    floors: Array | None


class Watched(NamedTuple):
    """What such rows change in a schema: the target, what is known of it, and the features."""

    target: Target
    own: Column
    past: Past
    lags: Lags
    columns: list[Column]


def take_at_once(values: Array, watched: Watched, input_size: int, horizon: int) -> AtOnce:
    """Take the first rows, those that bring no new input: perhaps none.

    Args:
        values: (T, k) the features, then the target; NaN: missing.
    """
    target, own, past, lags, columns = watched
    truths = values[:, -1]
    last = truths if horizon else past.before(truths)
    count = lags.takes(own.takes(last))
    count = min([count, *(c.takes(values[:, k]) for k, c in enumerate(columns))])
    truths, last = truths[:count].copy(), last[:count]
    inputs = np.zeros((count, input_size))
    if not count:
        return AtOnce(inputs, truths, None)
    own.commit_many(last, inputs, past.known(last))
    lags.commit_many(truths, inputs)
    for k, column in enumerate(columns):
        column.commit_many(values[:count, k], inputs)
    lags.seasons.push_many(truths)
    past.push_many(truths)
    return AtOnce(inputs, truths, target.floor.take_many(truths, ahead=horizon > 0))
