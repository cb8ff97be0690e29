"""A regressor and a classifier for River."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from river import base
from river.utils import dataframe

from rtrl_lstm.checks import is_real, whole
from rtrl_lstm.models.wanted import DEFAULTS
from rtrl_lstm.optimizers import Optimizer
from rtrl_lstm.river.batches import Batches, rows_of
from rtrl_lstm.river.estimator import RTRLEstimator
from rtrl_lstm.river.features import as_number, is_missing


class RTRLRegressor(RTRLEstimator, Batches, base.MiniBatchRegressor):
    """A recurrent network that learns a number, row by row.

    Features are numbers, text (categories) or dates, and may come and go: a new one gets weights
    of its own, and all others keep theirs, with their traces and the optimiser's moments. A
    missing number counts as its running mean, with a flag that says so. Inputs and target are
    standardised by running statistics: no scaler is needed before it.

    The last target learned is an input, too, and the forecast a running least-squares
    combination of it with the network's (see `rtrl_lstm.Spec.combine_with`).

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
    use_last
        Whether the last target is an input. Do without it where labels arrive so late that it
        says little.
    max_features
        Bound on the inputs, and so on memory. What comes beyond it is passed over.
    seed
        Of the initial weights.
    options
        Other fields of `rtrl_lstm.Spec`, such as num_layers, clip, dtype.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> from rtrl_lstm.river import RTRLRegressor
    >>> score = evaluate.progressive_val_score(
    ...     datasets.TrumpApproval(), RTRLRegressor(), metrics.MAE())

    """

    def __init__(
        self,
        hidden_size: int = DEFAULTS["hidden_size"],
        cell: str = "lstm",
        optimizer: Optimizer | str = DEFAULTS["optimizer"],
        learning_rate: float | None = None,
        use_last: bool = True,
        max_features: int = 1024,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(hidden_size, cell, optimizer, learning_rate, max_features, seed, options)
        self.use_last = use_last
        self._last = 0.0
        self._place = -1  # of the last target among the inputs; -1: there is none yet

    def _wanted(self) -> dict[str, Any]:
        return {
            "scale_target": True,
            "combine_with": () if self._place < 0 else (self._place,),
        }

    def _write_past(self) -> None:
        if self._place >= 0:
            self._cells[self._place] = self._last

    def learn_one(self, x: Mapping[Any, Any], y: float | None, w: float = 1.0) -> None:
        """Learn a row's target, and move on to the next row.

        Parameters
        ----------
        x
            Features by name.
        y
            The target; None or NaN: there is none, and only the state moves on.
        w
            Weight of the row.

        """
        known = as_number(y)
        self._learn(x, known, w)
        if known is None or not self.use_last:
            return
        self._last = known
        if self._place < 0:
            self._place = self._features.keep(True)
            self._grow()
        else:
            self._cells[self._place] = known

    def predict_one(self, x: Mapping[Any, Any]) -> float:
        """The forecast for a row; changes nothing.

        Parameters
        ----------
        x
            Features by name.

        Returns
        -------
        The forecast, 0 before anything was learned.

        """
        learner = self._learner
        return 0.0 if learner is None else float(self._peek(learner, x).item())


class RTRLClassifier(RTRLEstimator, Batches, base.MiniBatchClassifier):
    """A recurrent network that learns labels, row by row: two of them or more, as they come up.

    A new label gets an output of its own, and all weights that are there already stay as they are,
    with their traces and the optimiser's moments. So does a new feature get inputs of its own; see
    `RTRLRegressor` for what features may be.

    The last label learned is an input, too.

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
    use_last
        Whether the last label is an input. Do without it where labels arrive so late that it says
        little, or where rows do not follow each other.
    max_features
        Bound on the inputs, and so on memory. What comes beyond it is passed over.
    max_classes
        Bound on the labels. From further ones nothing is learned.
    seed
        Of the initial weights.
    options
        Other fields of `rtrl_lstm.Spec`, such as num_layers, clip, dtype.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> from rtrl_lstm.river import RTRLClassifier
    >>> score = evaluate.progressive_val_score(
    ...     datasets.Phishing(), RTRLClassifier(), metrics.LogLoss())

    """

    _loss = "cross_entropy"

    def __init__(
        self,
        hidden_size: int = DEFAULTS["hidden_size"],
        cell: str = "lstm",
        optimizer: Optimizer | str = DEFAULTS["optimizer"],
        learning_rate: float | None = None,
        use_last: bool = True,
        max_features: int = 1024,
        max_classes: int = 256,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(hidden_size, cell, optimizer, learning_rate, max_features, seed, options)
        whole("max_classes", max_classes, 2)
        self.use_last = use_last
        self.max_classes = max_classes
        self._classes: dict[Any, int] = {}  # label -> its output
        self._places: list[int] = []  # of each label among the inputs
        self._last = -1  # the output of the last label

    @property
    def _multiclass(self) -> bool:
        return True

    def _wanted(self) -> dict[str, Any]:
        return {"output_size": max(len(self._classes), 1)}

    def _write_past(self) -> None:
        if self._places and self._last >= 0:
            self._cells[self._places[self._last]] = 1.0

    def learn_one(self, x: Mapping[Any, Any], y: Any, w: float = 1.0) -> None:
        """Learn a row's label, and move on to the next row.

        Parameters
        ----------
        x
            Features by name.
        y
            The label; None or NaN: there is none, and only the state moves on.
        w
            Weight of the row.

        """
        output = self._classes.get(y, -1)
        if output < 0 and not is_missing(y) and len(self._classes) < self.max_classes:
            self._features.write(x, None, None)  # where a feature cannot be read, nothing changes
            if not (is_real(w) and 0.0 <= w < math.inf):
                raise ValueError(f"weight is {w!r}: it must be finite and not negative")
            output = self._meet(y)
        self._learn(x, None if output < 0 else float(output), w)
        if output >= 0 and output != self._last:
            if self._places and self._last >= 0:
                self._cells[self._places[self._last]] = 0.0
            self._last = output
            self._write_past()

    def _meet(self, label: Any) -> int:
        """A new label: its output, and its input."""
        output = self._classes[label] = len(self._classes)
        if self.use_last:
            self._places.append(self._features.keep(False))
        self._grow()
        return output

    def predict_proba_one(self, x: Mapping[Any, Any], **kwargs: Any) -> dict[Any, float]:
        """The probability of each label seen so far; changes nothing.

        Parameters
        ----------
        x
            Features by name.

        Returns
        -------
        Label -> probability; empty before anything was learned.

        """
        shares = self._shares(x)
        total = math.fsum(shares)  # of float32: 1 but for rounding
        return {label: share / total for label, share in zip(self._classes, shares, strict=True)}

    def predict_one(self, x: Mapping[Any, Any], **kwargs: Any) -> Any:
        """The likeliest label; changes nothing.

        Parameters
        ----------
        x
            Features by name.

        Returns
        -------
        The label, None before anything was learned.

        """
        shares = self._shares(x)
        return list(self._classes)[shares.index(max(shares))] if shares else None

    def predict_proba_many(self, X: Any) -> Any:
        """What `predict_proba_one` says of each row of a frame; changes nothing.

        Parameters
        ----------
        X
            A frame, a column for each feature.

        Returns
        -------
        A frame with a column for each label seen so far.

        """
        frame = dataframe.into_frame(X)
        said = [self.predict_proba_one(x) for x in rows_of(frame)]
        shares = {label: [one[label] for one in said] for label in self._classes}
        return dataframe.to_native_frame(shares, like=frame)

    def _shares(self, x: Mapping[Any, Any]) -> list[float]:
        """The probabilities of the labels, in the order in which these came up."""
        learner = self._learner
        if learner is None or not self._classes:
            return []
        found: list[float] = self._peek(learner, x).tolist()
        return found
