"""Rows of plain numbers, many at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.cli.lines import decoded
from rtrl_lstm.cli.records import Csv, Record

MOST = 1 << 14
"""Rows of a block at most."""


class Block(NamedTuple):
    """Rows that follow each other in a text, each a line of its own.

    Attributes:
        values: (rows, k) float64, a number for each of the columns asked for; NaN: missing.
        ends: (rows,) where each row's line ends in the data it was read from.
        lines: (rows,) the lines from the first one up to each row's.
        line: the number of the last line before them.
        data: what they were read from.
        columns: of the whole table.
        delimiter: between its fields.
    """

    values: NDArray[np.float64]
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]
    line: int
    data: bytes
    columns: list[str]
    delimiter: str

    def __len__(self) -> int:
        return len(self.values)

    def line_of(self, place: int) -> int:
        """The number of a row's line."""
        return self.line + int(self.lines[place])

    def record(self, place: int) -> Record:
        """A row as it would come by itself."""
        end = int(self.ends[place])
        begin = self.data.rfind(b"\n", 0, end - 1) + 1
        (raw,) = decoded(self.data[begin:end])
        raw = raw.rstrip("\r")
        fields = raw.split(self.delimiter)
        return Record(self.line_of(place), raw, dict(zip(self.columns, fields, strict=True)))


class Reader:
    """Reads blocks of some columns of a table.

    Args:
        table: what knows its columns and delimiter.
        names: the columns that are asked for.
    """

    def __init__(self, table: Csv, names: tuple[str, ...]) -> None:
        from rtrl_lstm.kernels.decimals import read_rows, tables  # with it comes Numba

        assert table.columns is not None
        assert table.delimiter is not None
        self._columns, self._names = table.columns, names
        self._delimiter = table.delimiter
        places = {name: place for place, name in enumerate(names)}
        self._wanted = np.array([places.get(name, -1) for name in table.columns], np.int64)
        self._can = set(names) <= set(table.columns) and self._delimiter.isascii()
        self._values = np.empty((MOST, len(names)))
        self._ends, self._lines = np.empty((2, MOST), np.int64)
        self._read_rows, self._tables = read_rows, tables()

    def reads(self, table: Csv, names: tuple[str, ...]) -> bool:
        """Whether it is one for these columns."""
        return self._columns is table.columns and self._names == names

    def read(self, data: bytes, at: int, line: int, most: int) -> Block | None:
        """The plain rows of data[at:]; None where the first one there is not plain."""
        if not self._can or at == len(data):
            return None
        rows = slice(0, min(most, MOST))
        count = self._read_rows(
            np.frombuffer(data, np.uint8),
            at,
            ord(self._delimiter),
            self._wanted,
            self._values[rows],
            self._ends[rows],
            self._lines[rows],
            self._tables,
        )
        if not count:
            return None
        values, ends, lines = self._values[:count], self._ends[:count], self._lines[:count]
        return Block(values, ends, lines, line, data, self._columns, self._delimiter)
