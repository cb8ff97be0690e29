"""A forecaster of a series for River: one row ahead at a time, as far as one asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from river.time_series.base import Forecaster

from rtrl_lstm.checks import whole
from rtrl_lstm.models.wanted import DEFAULTS
from rtrl_lstm.optimizers import Optimizer
from rtrl_lstm.river.estimator import RTRLEstimator
from rtrl_lstm.river.features import as_number
from rtrl_lstm.table.season import Seasons
from rtrl_lstm.wording import counted


class RTRLForecaster(RTRLEstimator, Forecaster):
    """A recurrent network that forecasts a series, and learns it value by value.

    It forecasts one row ahead, from the last value, those of a season ago, and the features of
    the row that is forecast. A longer forecast takes its own forecasts for the values to come.
    (`rtrl_lstm.Forecaster` and `rtrl_lstm.Model` learn to look further ahead directly, which is
    better for one horizon that is known beforehand.)

    What is forecast is a running least-squares combination of what the network says with the
    values of the past (see `rtrl_lstm.Spec.combine_with`).

    Parameters
    ----------
    hidden_size
        Units.
    cell
        "lstm", "gru", "rnn" or "elstm".
    optimizer
        A name such as "adam" or "sgd", or an optimizer such as `rtrl_lstm.Adam(beta1=0.8)`.
    learning_rate
        Size of the steps. None: it falls from .01 to .001 in the first 4,000 labels, from
        less where the first row has more than 32 features.
    season
        Rows in a season, such as 12 for months. 0: it is looked for in the autocorrelation of the
        first 32, 64 ... 8,192 values. 1: there is none.
    max_features
        Bound on the inputs, and so on memory. What comes beyond it is passed over.
    seed
        Of the initial weights.
    options
        Other fields of `rtrl_lstm.Spec`, such as num_layers, clip, dtype.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> from rtrl_lstm.river import RTRLForecaster
    >>> score = evaluate.evaluate(
    ...     datasets.AirlinePassengers(), RTRLForecaster(season=12), metrics.MAE(), horizon=12)

    """

    def __init__(
        self,
        hidden_size: int = DEFAULTS["hidden_size"],
        cell: str = "lstm",
        optimizer: Optimizer | str = DEFAULTS["optimizer"],
        learning_rate: float | None = None,
        season: int = 0,
        max_features: int = 1024,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(hidden_size, cell, optimizer, learning_rate, max_features, seed, options)
        whole("season", season, 0)
        self.season = season
        self._past = Seasons(horizon=0)
        if season:
            self._past.fix(season)
        self._places: dict[int, int] = {}  # lag in rows -> its place among the inputs
        self._known: dict[int, float] = {}  # lag -> its value, when it was last known

    def _wanted(self) -> dict[str, Any]:
        places = tuple(self._places.values())
        # As in a Model: a network that sees a calendar learns better without the lags.
        unseen = places[1:] if self._features.has_dates else ()
        inner = tuple(p for lag, p in self._places.items() if lag in self._past.doubled)
        return {
            "scale_target": True,
            "combine_with": places,
            "combine_only": unseen,
            "combine_inner": inner,
        }

    def _write_past(self) -> None:
        for lag, place in self._places.items():
            self._cells[place] = self._known[lag]

    def learn_one(self, y: float | None, x: Mapping[Any, Any] | None = None) -> None:
        """Learn the next value of the series.

        Parameters
        ----------
        y
            The value; None or NaN: it is missing.
        x
            Features of its row by name.

        """
        known = as_number(y)
        self._learn(x or {}, known, 1.0)
        self._past.push(known, None)
        fresh = False
        for lag in (1, *self._past.lags):
            value = self._past.ago(lag - 1)
            if isinstance(value, float):
                self._known[lag] = value
                if lag not in self._places:
                    self._places[lag], fresh = self._features.keep(True), True
        if fresh:
            self._grow()
        else:
            self._write_past()

    def forecast(self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None) -> list[float]:
        """Forecasts of the next values; changes nothing.

        Parameters
        ----------
        horizon
            How many.
        xs
            Features of their rows.

        Returns
        -------
        As many forecasts, 0 before anything was learned.

        """
        horizon = whole("horizon", horizon, 0)
        if xs is not None and len(xs) != horizon:
            raise ValueError(
                f"xs has {counted(len(xs), 'row')} of features for a horizon of {horizon}"
            )
        if self._learner is None:
            return [0.0] * horizon
        ahead = self._learner.frozen()
        found: list[float] = []
        for h in range(horizon):
            self._write(ahead, {} if xs is None else xs[h])
            for lag, place in self._places.items():
                value = found[h - lag] if h >= lag else self._past.ago(lag - 1 - h)
                self._cells[place] = value if isinstance(value, float) else self._known[lag]
            found.append(float(ahead.step(self._row)[0]))
        self._write_past()
        return found
