"""Options that there are not: what is said to those who ask for them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable

from rtrl_lstm.spec import Spec

# What other libraries have and this one does not, and why.
NOT_OFFERED = {
    "bidirectional": "a stream has no end from which to come back: rows are taken in the order of "
    "time alone",
    "batch_first": "rows have no batch axis; Fleet takes a row for each of many learners",
}


def refuse_unknown(options: Iterable[str]) -> None:
    """Refuse names that are no fields of `Spec`, saying what may have been meant.

    Raises:
        TypeError: there is such a name.
    """
    known = [field.name for field in dataclasses.fields(Spec)]
    for name in options:
        if name in NOT_OFFERED:
            raise TypeError(f"there is no option {name}: {NOT_OFFERED[name]}")
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise TypeError(f"there is no option {name}{meant}")
