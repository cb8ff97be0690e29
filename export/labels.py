"""What a learner graph may be told at a row. The graph itself asks nothing: the engine's rules."""

import math

import numpy as np
from numpy.typing import ArrayLike

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels.slots import LIMIT_FLOAT32, LIMIT_FLOAT64
from rtrl_lstm.prepared import as_numbers
from rtrl_lstm.spec import Spec


class Labels:
    """The labels that a spec's loss takes: numbers in a range, or whole ones in it; NaN is none."""

    def __init__(self, spec: Spec) -> None:
        limit = LIMIT_FLOAT32 if spec.dtype == "float32" else LIMIT_FLOAT64
        self._low, self._high, self._whole = -limit, limit, False
        self._rule = f"finite, and at most {limit:g} in size"
        if spec.loss == "cross_entropy":
            self._low, self._high, self._whole = 0.0, spec.output_size - 1.0, True
            self._rule = f"a class index from 0 to {spec.output_size - 1}"
        elif spec.loss == "log_loss":
            self._low, self._high, self._rule = 0.0, 1.0, "between 0 and 1"
        elif spec.loss == "poisson":
            self._low, self._rule = 0.0, f"{self._rule}, and not negative"

    def as_array(self, y: ArrayLike | None, shape: tuple[int, ...]) -> Array | float:
        """Labels in float64 of that shape, (..., K), or one number for it; None is none at all.

        Raises:
            ValueError: y has another shape, or holds what is no label; it is named.
        """
        if y is None:
            return math.nan
        if type(y) is np.ndarray and y.size == 1:
            y = y.item()
        if isinstance(y, float | int) and math.prod(shape) == 1:  # a tenth of the time
            if not (math.isnan(y) or self._is_label(y)):
                raise self._refusal(y)
            return float(y)
        given = as_numbers(y, "y")
        if _long(given.shape) != _long(shape):
            raise ValueError(f"y has shape {given.shape}; labels here have {shape}")
        known = given[~np.isnan(given)]
        good = (known >= self._low) & (known <= self._high)
        if self._whole:
            good &= known == np.floor(known)
        if not good.all():
            raise self._refusal(known[~good][0])
        return given.astype(np.float64).reshape(shape)

    def _is_label(self, y: float) -> bool:
        return self._low <= y <= self._high and not (self._whole and y != math.floor(y))

    def _refusal(self, y: float) -> ValueError:
        return ValueError(f"y holds {y}: a label must be {self._rule}")


def _long(shape: tuple[int, ...]) -> list[int]:
    """A shape without the axes that have but one place: these may be left out."""
    return [size for size in shape if size != 1]


def as_weights(weight: ArrayLike, shape: tuple[int, ...]) -> Array | float:
    """Weights of labels of that shape, (..., B), or one for all.

    Raises:
        ValueError: they do not fit, are negative or not finite.
    """
    if isinstance(weight, float | int) and 0 <= weight < math.inf:
        return float(weight)
    given = as_numbers(weight, "weight")
    if not ((given >= 0) & (given < np.inf)).all():
        raise ValueError("weight must be finite and not negative")
    if given.ndim == len(shape) - 1:  # a weight for a row of all streams
        given = given[:, np.newaxis] if given.ndim else given
    try:
        return np.broadcast_to(given, shape)
    except ValueError:
        raise ValueError(f"weight has shape {given.shape}; here it must be {shape}") from None
