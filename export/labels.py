"""What a learner graph may be told at a row. The graph itself asks nothing: the engine's rules."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtrl_lstm.kernels.slots import LIMIT_FLOAT32, LIMIT_FLOAT64
from rtrl_lstm.spec import Spec

Array = NDArray[np.floating]


def as_labels(y: ArrayLike | None, shape: tuple[int, ...], spec: Spec) -> Array:
    """Labels as float64 of that shape, (..., K); None is none at all.

    Raises
    ------
    ValueError
        y has another shape, or holds what is no label for the loss; it is named.
    """
    if y is None:
        return np.full(shape, np.nan)
    given = np.asarray(y, np.float64)
    if given.size != np.prod(shape) or given.ndim > len(shape):
        raise ValueError(f"y has shape {given.shape}; labels here have {shape}")
    found = given.reshape(shape)
    known = found[~np.isnan(found)]
    limit = LIMIT_FLOAT32 if spec.dtype == "float32" else LIMIT_FLOAT64
    good, rule = np.abs(known) <= limit, f"finite, and at most {limit:g} in size"
    if spec.loss == "cross_entropy":
        good = (known >= 0) & (known < spec.output_size) & (known == np.floor(known))
        rule = f"a class index from 0 to {spec.output_size - 1}"
    elif spec.loss == "log_loss":
        good, rule = (known >= 0) & (known <= 1), "between 0 and 1"
    elif spec.loss == "poisson":
        good, rule = good & (known >= 0), f"{rule}, and not negative"
    if not good.all():
        raise ValueError(f"y holds {known[~good][0]}: a label must be {rule}")
    return found


def as_weights(weight: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Weights of labels as float64, spread to that shape.

    Raises
    ------
    ValueError
        They do not fit, are negative or not finite.
    """
    given = np.asarray(weight, np.float64)
    if given.ndim == 1 and len(shape) == 2 and len(given) == shape[0]:
        given = given[:, np.newaxis]
    try:
        found = np.broadcast_to(given, shape)
    except ValueError:
        raise ValueError(f"weight has shape {given.shape}; here it must be {shape}") from None
    if not ((found >= 0) & (found < np.inf)).all():
        raise ValueError("weight must be finite and not negative")
    return found
