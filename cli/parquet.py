"""Rows of a Parquet file, through pyarrow."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from rtrl_lstm.cli.errors import SourceError, Stop, reason
from rtrl_lstm.cli.records import Record, flat
from rtrl_lstm.cli.text import Wanted, as_records

_BATCH = 1024
_LARGEST_FOOTER = 1 << 24
_ERRORS = (OSError, ValueError, NotImplementedError, TypeError, LookupError, MemoryError)


class Parquet:
    """The rows of one Parquet file. A row's line is its number.

    Attributes:
        columns: of the table.
        may_lack_columns: False: each row has all of them.
        empty: False: there are always columns.

    Raises:
        Stop: it cannot be read, or pyarrow is not installed.
    """

    may_lack_columns = False
    empty = False

    def __init__(self, path: str, check: int | None = 0) -> None:
        self.name = path
        self._check = 0 if check is None else check
        parquet = _pyarrow(path)
        try:
            self._file = parquet.ParquetFile(path)
            self.columns: list[str] | None = _names(self._file.schema_arrow)
            self._footer = _footer(path)
        except _ERRORS as error:
            raise Stop(f"cannot read {path}: {_line(error)}") from error
        self._rows = self._from(0)

    def has_rows(self) -> bool:
        """Whether `next` need not wait for any."""
        return True

    def next(self, wanted: Wanted = as_records) -> list[Record] | None:
        """Some rows, always as records; None at the end.

        Raises:
            SourceError: it cannot be read further.
        """
        try:
            return next(self._rows, None)
        except _ERRORS as error:
            raise SourceError(f"cannot read {self.name}: {_line(error)}") from error

    def passed(self, line: int) -> None:
        """Nothing is held."""

    def check_all(self) -> int:
        """The check of the whole file."""
        return self.check(self._file.metadata.num_rows)

    def check(self, line: int) -> int:
        """A check of the file: its footer says where everything lies."""
        return zlib.crc32(b"%d" % line, zlib.crc32(self._footer, self._check))

    def go_to_row(self, line: int, check: int) -> bool:
        """Whether this is the file with that check; what comes next is the row behind `line`."""
        if line > self._file.metadata.num_rows or check != self.check(line):
            return False
        self._rows = self._from(line)
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _from(self, passed: int) -> Iterator[list[Record]]:
        """Batches of records behind so many rows; row groups before that are not read."""
        row, first = 0, 0
        meta = self._file.metadata
        while first < meta.num_row_groups and row + meta.row_group(first).num_rows <= passed:
            row += meta.row_group(first).num_rows
            first += 1
        groups = list(range(first, meta.num_row_groups))
        if not groups:
            return
        for batch in self._file.iter_batches(_BATCH, row_groups=groups):
            values = batch.to_pylist()
            records = [_record(row + k, v) for k, v in enumerate(values, 1) if row + k > passed]
            row += len(values)
            yield records


def _names(fields: Any, before: str = "") -> list[str]:
    """The columns of an Arrow schema, as `flat` names those of a struct."""
    found = []
    for field in fields:
        name = f"{before}{field.name}"
        is_struct = str(field.type).startswith("struct<")
        found += _names(field.type, f"{name}.") if is_struct else [name]
    return found


def _record(number: int, values: dict[str, Any]) -> Record:
    raw = json.dumps(values, ensure_ascii=False, default=_in_json)
    try:
        values = flat(values)
    except ValueError as error:
        return Record(number, raw, None, str(error))
    return Record(number, raw, {name: _plain(value) for name, value in values.items()})


def _in_json(value: Any) -> Any:
    plain = _plain(value)
    return repr(value) if plain is value else plain


def _plain(value: Any) -> Any:
    """A value as it would be in JSON."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _footer(path: str) -> bytes:
    with open(path, "rb") as file:
        file.seek(-8, os.SEEK_END)
        length = min(int.from_bytes(file.read(4), "little"), _LARGEST_FOOTER)
        file.seek(-min(length + 8, file.tell() + 4), os.SEEK_END)
        return file.read()


def _line(error: BaseException) -> str:
    return " ".join(reason(error).split())


def _pyarrow(path: str) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise Stop(
            f"{path} is Parquet: pip install 'rtrl-lstm[parquet]' reads it; or convert it to CSV"
        ) from error
    return parquet
