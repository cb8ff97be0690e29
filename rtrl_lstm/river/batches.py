"""Mini-batches: the rows of a frame, one after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from river.utils import dataframe

from rtrl_lstm.checks import is_real


class Batches:
    """What River asks of an estimator for mini-batches, by what that does with a row.

    Frames are those of pandas, Polars or Arrow; what comes back is of the same kind, and has the
    index of a pandas frame.
    """

    @abstractmethod
    def learn_one(self, x: Mapping[Any, Any], y: Any, w: float = 1.0) -> None:
        """Learn a row."""

    @abstractmethod
    def predict_one(self, x: Mapping[Any, Any]) -> Any:
        """The forecast for a row."""

    def learn_many(self, X: Any, y: Any, w: Any = 1.0) -> None:
        """Learn the rows of a frame in their order, bit for bit as `learn_one` does.

        Parameters
        ----------
        X
            A frame, a column for each feature.
        y
            A series of as many targets.
        w
            Weight of all rows, or a series of weights.

        """
        frame = dataframe.into_frame(X)
        targets = dataframe.into_series(y).to_list()
        weights = [w] * len(frame) if is_real(w) else dataframe.into_series(w).to_list()
        if len({len(frame), len(targets), len(weights)}) > 1:
            sizes = f"{len(frame)}, {len(targets)} and {len(weights)}"
            raise ValueError(f"X, y and w are of different lengths: {sizes}")
        for x, target, weight in zip(rows_of(frame), targets, weights, strict=True):
            self.learn_one(x, target, weight)

    def predict_many(self, X: Any) -> Any:
        """What `predict_one` says of each row of a frame; changes nothing.

        All rows are looked at from behind the last one that was learned, as if each came next.

        Parameters
        ----------
        X
            A frame, a column for each feature.

        Returns
        -------
        A series.

        """
        frame = dataframe.into_frame(X)
        said = [self.predict_one(x) for x in rows_of(frame)]
        return dataframe.to_native_series(said, name=None, like=frame)


def rows_of(frame: Any) -> Iterator[dict[Any, Any]]:
    """Its rows, by column."""
    rows: Iterator[dict[Any, Any]] = frame.iter_rows(named=True)
    return rows
