"""What a field of a table means: missing, a number, a label. And how a table can be wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rtrl_lstm.kernels.words import LARGEST, MISSING, NO_NUMBER

OTHER = "(other)"
"""The label that everything beyond `max_categories` shares."""

MOST_LISTED = 32
"""Names of columns in a message."""


# Sign, unit, number: a unit before it or behind it. Blanks are given back by no match (*+): a
# text that begins with ten thousand of them takes no time.
_WITH_UNIT = re.compile(r"\s*+([+-]?)\s*+[$€£¥₹]?\s*+(\d+(?:\.\d*)?|\.\d+)\s*+[$€£¥₹%]?\s*")
_IN_BRACKETS = re.compile(
    r"\s*+\(\s*+([$€£¥₹\d.][^()+-]*)\)\s*"
)  # a negative number to accountants


class SchemaError(ValueError):
    """The table as a whole does not fit what was asked of it. The message is one clear line."""


class BadRow(ValueError):
    """One row cannot be read. Nothing has changed; the next row may be fine.

    Attributes:
        column: the column at fault.
        reason: what is wrong with its value, in a few words.
    """

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(column, reason)
        self.column = column
        self.reason = reason

    def __str__(self) -> str:
        return f"column {self.column!r}: {self.reason}"


def number(raw: Any, column: str) -> float:
    """The number in a field, NaN where it is missing.

    A number is whatever Python's `float()` reads, also with a unit of money or a percent sign:
    "$ 3.50" is 3.5, "12 %" is 12, and "(12)" is -12; "2023_07" is text. Raises BadRow for text, and
    for numbers that are infinite or beyond `LARGEST`.
    """
    try:
        value = as_float(raw)
    except (TypeError, ValueError, OverflowError):
        value = _further_number(raw, column)
    if -LARGEST <= value <= LARGEST or value != value:
        return value
    raise BadRow(column, f"{shown(raw)} is too large a number")


def label(raw: Any, column: str) -> str | None:
    """The text of a field as a category or class, None where it is missing.

    Blanks around it are dropped; true and false are lower case; 3.0 and 3 are the same label.
    Raises BadRow for lists and other values that are not one thing.
    """
    if isinstance(raw, str):
        text = raw.strip()
        return None if text in MISSING else text
    if raw is None or str(raw) in MISSING:
        return None
    if isinstance(raw, (list, dict, tuple, set)):
        raise BadRow(column, f"{shown(raw)} is not a single value")
    text = str(raw)
    if text in ("True", "False"):
        return text.lower()
    return text.removesuffix(".0")


def is_missing(raw: Any) -> bool:
    """Whether a field holds no value, in a column that is not known to be one of labels."""
    return raw is None or str(raw).strip() in NO_NUMBER


def is_number(raw: Any) -> bool:
    """Whether a field that is not missing holds a number. A JSON true is a label, as in a CSV."""
    return str(raw) not in ("True", "False") and as_number(raw) is not None


def as_number(raw: Any) -> float | None:
    """What `number` reads, however large; None where that is no number."""
    try:
        return as_float(raw)
    except (TypeError, ValueError, OverflowError):
        return _without_unit(raw)


def as_float(raw: Any) -> float:
    """`float()`, but for the underscores that it passes over as Python's own numbers have them."""
    if isinstance(raw, str) and "_" in raw:
        raise ValueError("not a number")
    return float(raw)


def _further_number(raw: Any, column: str) -> float:
    """What `float()` does not read."""
    if is_missing(raw):
        return float("nan")
    value = _without_unit(raw)
    if value is None:
        raise BadRow(column, f"{shown(raw)} is not a number")
    return value


def _without_unit(raw: Any) -> float | None:
    if not isinstance(raw, str):
        return None
    if negative := _IN_BRACKETS.fullmatch(raw):
        raw = f"-{negative[1]}"
    with_unit = _WITH_UNIT.fullmatch(raw)
    return None if with_unit is None else float(with_unit[1] + with_unit[2])


def shown(raw: Any) -> str:
    """A field's value for an error message, on one line and not too long."""
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "..."


def listed(names: Iterable[str]) -> str:
    """Column names for an error message; of very many the first ones."""
    names = list(map(str, names))
    more = f", ... ({len(names)} in all)" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more or "none"


def row_weight(raw: Any, column: str) -> float:
    """What a row counts for. Raises BadRow where that is no number from 0 on."""
    value = number(raw, column)
    if value >= 0.0:
        return value
    raise BadRow(column, "there is no weight" if value != value else f"{shown(raw)} is negative")
