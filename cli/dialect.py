"""How a text is written: encoding, delimiter, decimal mark, and whether there is a header.

What is not said is recognised. UTF-16 is told by its byte order mark; the delimiter by the header;
the decimal mark, where no commas are between the fields, by the first number that shows one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from rtrl_lstm.cli.errors import SourceError
from rtrl_lstm.table.values import is_number

DELIMITERS = ",\t;|"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What may stand around a number, as `values.number` and `units` have it: sign and money before,
# a unit behind, brackets around it.
# Blanks are given back by no match (*+): a field of ten thousand of them takes no time.
_BEFORE = r"\s*+(?:[+-]|\()?\s*+[$€£¥₹]?\s*+"
_BEHIND = r"\s*+(?:[$€£¥₹%]|[^\W\d_][\w/²³·*^%°]{0,11}|[°‰]\w{0,3})?\s*+\)?\s*+"
_APART = "'’ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"  # as in Switzerland, as in France
_BY_COMMA, _BY_POINT = (
    rf"[1-9]\d{{0,2}}(?P<by>[{mark}{_APART}])\d{{3}}((?P=by)\d{{3}})*" for mark in ",."
)
_COMMA = re.compile(rf"{_BEFORE}(\d+|{_BY_POINT}),\d+([eE][+-]?\d+)?{_BEHIND}")
# Before letters a point does not tell the mark of a file: it may be none, as in 12.30 Uhr.
_POINT = re.compile(rf"{_BEFORE}(\d*|{_BY_COMMA})\.\d+([eE][+-]?\d+)?\s*+[$€£¥₹%]?\s*+\)?\s*+")
_GROUPED = {  # by the decimal mark: numbers with thousands set apart, none of which begins with 0
    ".": re.compile(rf"{_BEFORE}{_BY_COMMA}(\.\d*)?{_BEHIND}"),
    ",": re.compile(rf"{_BEFORE}{_BY_POINT}(,\d*)?{_BEHIND}"),
}
_MARKS = frozenset(f",{_APART}"), frozenset(f",.{_APART}")


class Dialect(NamedTuple):
    """What was said about how texts are written; None is to be recognised.

    Attributes:
        encoding: a name that Python's codecs know.
        delimiter: one character.
        decimal: "." or ",".
        columns: names of the columns of texts that have no header.
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    columns: tuple[str, ...] | None = None

    @property
    def is_of_csv(self) -> bool:
        """Whether something was said that only delimited text has."""
        return (self.delimiter, self.decimal, self.columns) != (None, None, None)


UNSAID = Dialect()


def plain_numbers(fields: list[str], mark: str) -> list[str]:
    """The fields of a row: those that are numbers with that decimal mark as `float` reads them."""
    without = _MARKS[mark == ","].isdisjoint
    return [field if without(field) else _plain(field, mark) for field in fields]


def _plain(field: str, mark: str) -> str:
    if found := _GROUPED[mark].fullmatch(field):
        field = field.replace(found["by"], "")
    return field.replace(",", ".") if mark == "," and _COMMA.fullmatch(field) else field


def shown_mark(fields: list[str]) -> str | None:
    """The decimal mark that the numbers of a row show, if they show one."""
    if any(_COMMA.fullmatch(field) for field in fields):
        return ","
    return "." if any(_POINT.fullmatch(field) for field in fields) else None


def delimiter_of(line: str, columns: int | None) -> str:
    """The delimiter that a first line shows: a comma unless there is none in it.

    Args:
        columns: how many there are, where that is known; then the comma comes last, since it may
            be a decimal mark.
    """
    found = [delimiter for delimiter in DELIMITERS if delimiter in line]
    fitting = [delimiter for delimiter in found if line.count(delimiter) + 1 == columns]
    return next(iter([*fitting[::-1], *found]), ",")


def advice_on_encoding(why: str) -> str:
    """What to do where that is why a line cannot be read, as the end of a message."""
    encoded = why.endswith("is not UTF-8")
    return ": --encoding cp1252, or whichever it has, reads it" if encoded else ""


def advice_on(columns: Iterable[str]) -> str:
    """What to do where these columns are not those that were meant, as the end of a message."""
    columns = list(columns)
    if any("," in name for name in columns):
        return "; quotes go round a name that has a comma: '\"a, b\"'"
    if columns and all(map(is_number, columns)):
        return "; where the first line is a row, --columns A,B,... says what there is"
    if not columns:
        return ""
    if any("\r" in name for name in columns):
        return "; its lines end in CR alone: tr '\\r' '\\n' < FILE | rtrl-lstm learn"
    if len(columns) == 1 and len(columns[0].split()) > 1 and columns[0][0] not in "#<":
        return "; where blanks are between the columns, tr -s ' ' , < FILE | rtrl-lstm learn"
    has_names = any(name != f"column_{k}" for k, name in enumerate(columns[1:], 2))
    if not has_names or columns[0].startswith("#"):
        return "; line 1 is the header: where line 3 is, tail -n +3 FILE | rtrl-lstm learn"
    return ""


class Utf8:
    """Text of any encoding as UTF-8, piece by piece.

    What means nothing in that encoding stays as it is: whoever reads the line finds it.

    Args:
        name: of the text, for messages.
        read: gives some bytes, none at the end.
        encoding: of the text; None to tell UTF-16 from UTF-8.
    """

    def __init__(self, name: str, read: Callable[[int], bytes], encoding: str | None) -> None:
        self._name, self._read, self._encoding = name, read, encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begins = True

    def read(self, size: int) -> bytes:
        """Some bytes of UTF-8, none at the end.

        Raises:
            SourceError: it is not of that encoding.
        """
        while piece := self._read(size):
            if self._begins:
                self._begin(piece)
            if self._decoder is None:
                return piece
            if found := self._recoded(piece):
                return found
        return b"" if self._decoder is None else self._recoded(b"")

    def _begin(self, beginning: bytes) -> None:
        self._begins = False
        if self._encoding is None:
            self._encoding = "utf-16" if beginning.startswith(_UTF16) else "utf-8"
        if codecs.lookup(self._encoding).name != "utf-8":
            self._decoder = codecs.getincrementaldecoder(self._encoding)("surrogateescape")

    def _recoded(self, piece: bytes) -> bytes:
        assert self._decoder is not None
        try:
            text = self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            what = f"{self._name} is no {self._encoding} text"
            raise SourceError(f"{what}: {error.reason}") from error
        return text.encode("utf-8", "surrogateescape")
