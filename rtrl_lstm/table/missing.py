"""What else means "no value" in a table: the -999 of a logger, the "unknown" of a form."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.table.values import as_number


class Missing:
    """Texts and numbers that say so, beside those that always do, see `kernels.words`.

    They do in targets, features and weights: time stamps, keys and ids are what they are.

    A number is meant by its value: -999 is also -999.0 and -9.99e2, and a -999.9 that a file holds
    as float32.

    Args:
        given: texts, and numbers or what reads as one.

    Attributes:
        said: each of them once, in order, as text.

    Raises:
        ValueError: it is not a list of such.
    """

    def __init__(self, given: Iterable[str | float] = ()) -> None:
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise ValueError(f"missing must be a list of texts or numbers, not {given!r}")
        texts, numbers = set(), set()
        for one in given:
            if one is None or isinstance(one, bool | np.bool_):
                raise ValueError(f"missing must be texts or numbers: not {one!r}")
            value = as_number(one)
            if value is not None and value == value:
                numbers.add(value)
            elif value is None and not isinstance(one, str):
                raise ValueError(f"missing must be texts or numbers: not {one!r}")
            else:
                texts.add(str(one).strip())
        self.said = sorted(texts | {repr(value).removesuffix(".0") for value in numbers})
        self._texts = frozenset(texts)
        self._numbers = frozenset(numbers | {_narrow(value) for value in numbers})

    def says(self, raw: Any) -> bool:
        """Whether a field is one of them."""
        if isinstance(raw, str):
            if raw.strip() in self._texts:
                return True
        elif isinstance(raw, bool | np.bool_):  # a label, see `label`
            return str(raw).lower() in self._texts
        return bool(self._numbers) and as_number(raw) in self._numbers

    def without(self, get: Callable[[str], Any]) -> Callable[[str], Any]:
        """What gives the value of a column, None where it is one of them."""
        if not self.said:
            return get

        def known(name: str) -> Any:
            raw = get(name)
            return None if self.says(raw) else raw

        return known

    def blanked(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same numbers, NaN where they are among them."""
        if not self._numbers:
            return values
        return np.where(np.isin(values, list(self._numbers)), np.nan, values)


def _narrow(value: float) -> float:
    """A number as float32 holds it, where it can."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return value
