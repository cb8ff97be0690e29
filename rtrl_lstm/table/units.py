"""Units that stand beside the numbers of a column: 12.3 kWh, EUR 1200."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rtrl_lstm.table.values import as_number

LEAST = 3
"""So many fields show a unit."""
_MONEY = (
    r"USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|KRW"
    r"|(?:US|A|C|R)\$|kr|Rs\.?"
)
_NO_UNIT = r"(?i:[ap]\.?m\.?|st|nd|rd|th|jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)"
_NUMBER = r"[+-]?\s*(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
# A unit is one word, perhaps with digits in it: m3/h. It begins with no digit, and is no part of
# a date, nor of a rank (4th). Blanks are given back by no match (*+).
_BEHIND = re.compile(
    rf"({_NUMBER})\s*+(?!{_NO_UNIT}\Z)([^\W\d_][\w/²³·*^%°]{{0,11}}|[°%‰]\w{{0,3}})"
)
_BEFORE = re.compile(rf"({_MONEY})\s*+({_NUMBER})")


class Units:
    """Takes off the units of some columns; what stands without one is left as it is.

    Args:
        given: column -> its unit.

    Attributes:
        given: this.

    Raises:
        ValueError: it is no such mapping, or a unit is none that is looked for: one word.
    """

    def __init__(self, given: Mapping[str, str] | None) -> None:
        is_fine = given is None or isinstance(given, Mapping)
        self.given = dict(given or {}) if is_fine else {}
        names_and_units = [part for pair in self.given.items() for part in pair]
        if not is_fine or not all(isinstance(part, str) and part for part in names_and_units):
            raise ValueError(f"units must be the unit of each column by its name, not {given!r}")
        for unit in self.given.values():
            if not _is_read(unit):
                raise ValueError(
                    f"units: {unit!r} is not one word, such as kWh or m3/h, nor EUR or the like"
                )

    def without(self, get: Callable[[str], Any]) -> Callable[[str], Any]:
        """What gives the value of a column, without the unit that it may have."""
        if not self.given:
            return get

        def plain(name: str) -> Any:
            raw, unit = get(name), self.given.get(name)
            return raw if unit is None or not isinstance(raw, str) else _without(raw, unit)

        return plain


def _is_read(unit: str) -> bool:
    """Whether numbers with that unit, behind or before them, are read."""
    fields = (f"1 {unit}", f"{unit} 1")
    return any(_split(raw)[1] == unit or as_number(raw) is not None for raw in fields)


def _without(raw: str, unit: str) -> str:
    number, found = _split(raw)
    return number if found == unit else raw


def _split(raw: str) -> tuple[str, str]:
    """A number and its unit, as text; the text itself and "" where it is something else."""
    text = raw.strip()
    if found := _BEHIND.fullmatch(text):
        return found[1], found[2]
    if found := _BEFORE.fullmatch(text):
        return found[2], found[1]
    return raw, ""


def unit_of(fields: Iterable[Any]) -> str:
    """The unit that each of some fields has, none of them missing; "" where there is none."""
    units, count = set[str](), 0
    for raw in fields:
        if not isinstance(raw, str) or as_number(raw) is not None:
            return ""
        units.add(_split(raw)[1])
        count += 1
        if len(units) > 1:
            return ""
    return units.pop() if count >= LEAST else ""
