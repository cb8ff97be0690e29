"""What is asked of arguments: each check raises a ValueError that names the one at fault."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeGuard


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def is_real(value: object) -> TypeGuard[float]:
    """Whether it is a number, of Python's or NumPy's; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def positive(name: str, value: Any) -> float:
    """A finite number above 0."""
    fine = is_real(value) and 0 < float(value) < math.inf
    require(fine, f"{name} must be a finite number above 0, not {value!r}")
    return float(value)


def whole(name: str, value: Any, least: int) -> int:
    """An integer, of Python's or NumPy's, that is `least` or more."""
    message = f"{name} must be an integer of at least {least}, not {value!r}"
    require(hasattr(value, "__index__") and not isinstance(value, bool), message)
    try:
        found = operator.index(value)
    except TypeError:  # an array has an `__index__`, and may be none
        raise ValueError(message) from None
    require(found >= least, message)
    return found


# Of the fields of a frozen dataclass: they are brought to Python's own numbers as well.


def require_positive(owner: object, *names: str) -> None:
    for name in names:
        object.__setattr__(owner, name, positive(name, getattr(owner, name)))


def require_fraction(owner: object, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        fine = is_real(value) and 0 <= float(value) < 1
        require(fine, f"{name} must be at least 0 and below 1, not {value!r}")
        object.__setattr__(owner, name, float(value))


def require_count(owner: object, name: str, least: int) -> None:
    object.__setattr__(owner, name, whole(name, getattr(owner, name), least))


def require_tuple(owner: object, name: str, kind: Callable[[Any], Any], wanted: str) -> None:
    """Make a tuple of what `kind` makes of each; `wanted` says what is asked for."""
    value = getattr(owner, name)
    try:
        found = None if isinstance(value, str) else tuple(map(kind, value))
    except (TypeError, ValueError):
        found = None
    require(found is not None, f"{name} must be {wanted}, not {value!r}")
    object.__setattr__(owner, name, found)
