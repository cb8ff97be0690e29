"""The rows of the paper's tables, and a few farther ones."""

from ..rows import Row
from . import common, farther, numbers, symbols, variants

ROWS: tuple[Row, ...] = (
    *(variants.added(common.added(row)) for row in (*symbols.ROWS, *numbers.ROWS)),
    *farther.ROWS,
)

__all__ = ["ROWS"]
