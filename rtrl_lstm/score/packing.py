"""Columns of many rows in JSON: as bytes where they are numbers, which is ten times as fast."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np


def pack_column(values: Sequence[Any]) -> Any:
    """Values as plain JSON: as base64 where they are floats, some of which may be None; else as
    they are."""
    kinds = {float if issubclass(kind, float) else kind for kind in set(map(type, values))}
    if float not in kinds or not kinds <= {float, type(None)}:
        return list(values)
    return base64.b64encode(np.array(values, "<f8").tobytes()).decode()


def unpack_column(packed: Any) -> list[Any]:
    """The inverse of `pack_column`, where no number is NaN."""
    if isinstance(packed, list):
        return packed
    values = np.frombuffer(base64.b64decode(packed), "<f8").tolist()
    return [None if value != value else value for value in values]
