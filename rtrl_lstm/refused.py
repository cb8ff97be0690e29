"""Numbers that a learner cannot take: what is said of them, in one line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.fields import Array
from rtrl_lstm.kernels import entries, slots
from rtrl_lstm.spec import Spec


def row(spec: Spec, table: NDArray[np.int64], x: Array, labels: Array, weights: Array) -> str:
    """What is said of the first number that `kernels.acceptance.bad_number` refuses.

    x (T * I,), labels (T * target_size,) and weights (T,), of rows that hold such a number.
    """
    number, code = entries.find_bad_number(table, x, labels, weights)
    t = number - 1
    where = f" in row {t}" if weights.size > 1 else ""
    if code <= 0:
        return label(spec, code, labels[t * spec.target_size :], where)
    if code > spec.input_size:
        return f"weight is {weights[t]}{where}: it must be finite and not negative"
    value = x[t * spec.input_size + code - 1]
    return f"x[{code - 1}] is {value}{where}: {_rule(spec, 'inputs')}"


def label(spec: Spec, code: int, label: Array, where: str = "") -> str:
    """What is said of a label (target_size,) that `kernels.acceptance.bad_label` refuses."""
    wanted = {
        "cross_entropy": f"a class index from 0 to {spec.output_size - 1}",
        "log_loss": "between 0 and 1",
        "poisson": "not negative",
    }.get(spec.loss)
    rule = _rule(spec, "labels") + (f"; for this loss, {wanted}" if wanted else "")
    return f"y[{-code - 1}] is {label[-code - 1]}{where}: {rule}"


def limit(spec: Spec) -> float:
    """The greatest size of a number that can be taken."""
    return slots.LIMIT_FLOAT32 if spec.dtype == "float32" else slots.LIMIT_FLOAT64


def _rule(spec: Spec, what: str) -> str:
    return f"{what} must be finite, and at most {limit(spec):g} in size"
