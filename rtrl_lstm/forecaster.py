"""Forecaster: a forecast H rows ahead, learning from each label when it arrives."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from rtrl_lstm.checks import whole
from rtrl_lstm.core import Core
from rtrl_lstm.fields import Array
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import Spec
from rtrl_lstm.unknown import refuse_unknown


class Forecaster(Core):
    """Forecasts the target H rows ahead without a look into the future, in constant time.

    Two recurrent states share the weights. The trailing one is H rows behind: when y of the
    present row arrives, it takes the inputs of H rows ago and learns. The leading one takes each
    row at once, with the weights just learned, and makes the forecast.

    Args:
        horizon: rows ahead, H >= 1.
        input_size: numbers in a row of input, I. The present value of the target is an input
            like any other, if it is to be one.
        threads: at most so many work at a row, see `Forecaster.threads`.
        **options: the other fields of `Spec`, by name.
    """

    def __init__(self, horizon: int, input_size: int, *, threads: int = 1, **options: Any) -> None:
        refuse_unknown(options)
        super().__init__(Spec(input_size, horizon=whole("horizon", horizon, 1), **options))
        self.threads = threads

    def step(self, x: ArrayLike, y_now: Any = None, weight: float = 1.0) -> Array:
        """Learn what this row's label teaches, then forecast.

        Args:
            x: (input_size,) inputs of row t.
            y_now: the target at row t: the label of the forecast made at t - H. None or NaN: none.
                With `every_step` the targets of the rows t - H + 1 to t, (H,).
            weight: weight of this label's loss.

        Returns:
            (output_size,) forecast of the target at row t + H; with `every_step` of those at the
            rows t + 1 to t + H.

        Raises:
            ValueError: a shape does not fit or a number cannot be taken; nothing has changed.
        """
        return Core.step(self, x, y_now, weight)

    def predict(self, x: ArrayLike, y_now: Any = None) -> Array:
        """What `step(x, y_now)` would say, (output_size,); changes nothing."""
        return self._peeking().step(x, y_now)


def kind_of(spec: Spec) -> type[Learner] | type[Forecaster]:
    """What a Spec describes: a Forecaster where it has a horizon, else a Learner."""
    return Forecaster if spec.horizon else Learner
