"""Lines of delimited numbers -> float64, compiled: what `float()` makes of each field, to the bit.

A row is taken if it is plain: as many fields as there are columns, no quote, no byte beyond ASCII,
and in each column that is wanted a decimal number or a word for a missing value. At the first row
that is not, it stops: whoever reads rows one by one says what that row is.

A decimal is w * 10^q, w of up to 19 digits. Where both are small it is one exact operation (Clinger
1990); else the product with a power of ten of 128 bits decides almost always (Lemire 2021, "Number
parsing at a gigabyte per second"), and where it does not, the row is not plain.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.kernels.jit import entry, inline
from rtrl_lstm.kernels.lanes import address
from rtrl_lstm.kernels.words import LARGEST, NO_NUMBER

_SMALLEST, _GREATEST = -64, 40  # powers of ten with a factor in the table
_EXACT = 22  # 10^22 is the greatest power of ten that a float64 holds exactly
_TEN = np.array([10.0**k for k in range(_EXACT + 1)])
_FIVES = 27  # 5^27 is the greatest power of five below 2^64
_FIVE = np.array([5**k for k in range(_FIVES + 1)], np.uint64)


def _factors() -> NDArray[np.uint64]:
    """(powers, 2): the first 128 bits of each power of ten, upper half first, cut off."""
    table = []
    for q in range(_SMALLEST, _GREATEST + 1):
        if q >= 0:
            power, shift = 10**q, (10**q).bit_length() - 128
            bits = power >> shift if shift > 0 else power << -shift
        else:
            size = (10**-q).bit_length() + 127
            bits = (1 << size) // 10**-q
            bits >>= bits.bit_length() - 128
        table.append((bits >> 64, bits & (1 << 64) - 1))
    return np.array(table, np.uint64)


FACTORS = _factors()
_COUNT = len(NO_NUMBER)


def _words() -> NDArray[np.uint8]:
    """A word that means "missing" in each row of eight bytes, its length last."""
    table = np.zeros((_COUNT, 8), np.uint8)
    for row, word in zip(table, sorted(NO_NUMBER), strict=True):
        row[: len(word)] = list(word.encode())
        row[7] = len(word)
    return table


WORDS = _words()

_U = np.uint64
_LOW = np.uint64(0xFFFFFFFF)
_NINE = np.uint64(0x1FF)
_U0, _U1, _U3, _U9, _U32, _U52, _U63 = (np.uint64(k) for k in (0, 1, 3, 9, 32, 52, 63))
_U10 = np.uint64(10)
_INTEGERS = np.uint64(1 << 53)
_FRACTION = np.uint64((1 << 52) - 1)
_QUOTE, _NEWLINE, _RETURN, _BLANK = ord('"'), ord("\n"), ord("\r"), ord(" ")
_ZERO, _NINE_DIGIT, _POINT, _MINUS, _PLUS = ord("0"), ord("9"), ord("."), ord("-"), ord("+")
_E_LOWER, _E_UPPER = ord("e"), ord("E")


@inline
def product(a, b):
    """The 128 bits of a * b: upper and lower half."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _U32, b & _LOW, b >> _U32
    low, middle, other, high = a_low * b_low, a_high * b_low, a_low * b_high, a_high * b_high
    carry = ((low >> _U32) + (middle & _LOW) + (other & _LOW)) >> _U32
    return high + (middle >> _U32) + (other >> _U32) + carry, a * b


@inline
def _leading_zeros(w):
    count, step = 0, 32
    while step > 0:
        if w >> _U(64 - step) == _U0:
            count += step
            w <<= _U(step)
        step >>= 1
    return count


@inline
def _scaled(w, q, tables):
    """w * 10^q, correctly rounded; NaN where that needs more digits."""
    _, factors, _, bits, number, _ = tables
    if not _SMALLEST <= q <= _GREATEST:
        return math.nan
    zeros = _leading_zeros(w)
    w <<= _U(zeros)
    exponent = ((217706 * q) >> 16) + 1087 - zeros
    factor, rest = factors[2 * (q - _SMALLEST)], factors[2 * (q - _SMALLEST) + 1]
    high, low = product(w, factor)
    if high & _NINE == _NINE and low + w < w:  # what the factor was cut off by may carry
        more, least = product(w, rest)
        total = low + more
        if total < low:
            high += _U1
        if high & _NINE == _NINE and total + _U1 == _U0 and least + w < w:
            return math.nan
        low = total
    top = high >> _U63
    fraction = high >> (top + _U9)
    exponent -= 1 - np.int64(top)
    if low == _U0 and high & _NINE == _U0 and fraction & _U3 == _U1:
        return math.nan  # half way between two numbers, or nearly
    fraction = (fraction + (fraction & _U1)) >> _U1
    if fraction >= _INTEGERS:
        fraction >>= _U1
        exponent += 1
    if not 1 <= exponent < 2047:
        return math.nan
    bits[0] = (_U(exponent) << _U52) | (fraction & _FRACTION)
    return number[0]


@inline
def _is_missing(data, begin, end, words):
    for k in range(_COUNT):
        size = np.int64(words[8 * k + 7])
        if size == end - begin:
            same = True
            for j in range(size):
                same = same and data[begin + j] == words[8 * k + j]
            if same:
                return True
    return False


@inline
def _value(w, power, negative, tables):
    """A number in range, or NaN where it is none that we can tell."""
    ten, fives = tables[0], tables[5]
    if w == _U0:
        value = 0.0
    elif w <= _INTEGERS and -_EXACT <= power <= _EXACT:
        value = np.float64(w) * ten[power] if power >= 0 else np.float64(w) / ten[-power]
    else:
        value = _scaled(w, power, tables)
        if math.isnan(value) and -_FIVES <= power < 0:
            # 0.1875 is 3 / 2^4: of a decimal that comes to an end in binary, too, all is exact.
            five = fives[-power]
            if w % five == _U0:
                value = np.float64(w // five) / np.float64(_U1 << _U(-power))
    return -value if negative else value


@inline
def _field(data, begin, end, tables):
    """The number in data[begin:end], NaN where it is missing, infinity where it is not plain."""
    while begin < end and data[begin] == _BLANK:
        begin += 1
    while begin < end and data[end - 1] == _BLANK:
        end -= 1
    at, negative = begin, False
    if at < end and (data[at] == _MINUS or data[at] == _PLUS):
        negative = data[at] == _MINUS
        at += 1
    w, digits, seen, power, behind = _U0, 0, False, 0, False
    while at < end:
        byte = data[at]
        if _ZERO <= byte <= _NINE_DIGIT:
            seen = True
            if digits > 0 or byte != _ZERO:
                digits += 1
            if digits > 19:
                return math.inf
            w = w * _U10 + _U(byte - _ZERO)
            if behind:
                power -= 1
        elif byte == _POINT and not behind:
            behind = True
        else:
            break
        at += 1
    if not seen:
        return math.nan if _is_missing(data, begin, end, tables[2]) else math.inf
    if at < end and (data[at] == _E_LOWER or data[at] == _E_UPPER):
        at += 1
        sign, exponent, any_digit = 1, 0, False
        if at < end and (data[at] == _MINUS or data[at] == _PLUS):
            sign = -1 if data[at] == _MINUS else 1
            at += 1
        while at < end and _ZERO <= data[at] <= _NINE_DIGIT and exponent < 1000:
            exponent = exponent * 10 + (data[at] - _ZERO)
            any_digit = True
            at += 1
        if not any_digit:
            return math.inf
        power += sign * exponent
    if at < end:
        return math.inf
    value = _value(w, power, negative, tables)
    return value if abs(value) <= LARGEST else math.inf


@inline
def _short(data, at, tables):
    """A number of at most 18 digits without an exponent: where it ends, and the number."""
    negative = data[at] == _MINUS
    if negative:
        at += 1
    w, first = _U0, at
    while _ZERO <= data[at] <= _NINE_DIGIT:
        w = w * _U10 + _U(data[at] - _ZERO)
        at += 1
    digits, point = at - first, at
    if data[at] == _POINT:
        at += 1
        while _ZERO <= data[at] <= _NINE_DIGIT:
            w = w * _U10 + _U(data[at] - _ZERO)
            at += 1
        digits += at - point - 1
        point += 1
    if not 0 < digits <= 18:
        return at, math.inf
    value = _value(w, point - at, negative, tables)
    return at, value if abs(value) <= LARGEST else math.inf


@inline
def _end_of_blank(data, at):
    """Where the line ends that begins there, if there is nothing on it, or else -1."""
    while data[at] == _BLANK:
        at += 1
    while data[at] == _RETURN:
        at += 1
    return at if data[at] == _NEWLINE else -1


@inline
def _row(data, at, delimiter, wanted, columns, values, tables):
    """Read the line that begins there. Returns where it ends; -1 if it is not plain."""
    for column in range(columns):
        place, start = wanted[column], at
        if place >= 0:
            at, value = _short(data, at, tables)
        ended = data[at] == delimiter or data[at] == _NEWLINE
        if place >= 0 and (value == math.inf or not ended):
            at = start
        while data[at] != delimiter and data[at] != _NEWLINE:
            if data[at] == _QUOTE or data[at] == 0 or data[at] >= 128:
                return -1
            at += 1
        if (data[at] == _NEWLINE) != (column == columns - 1):
            return -1
        if place >= 0:
            if value == math.inf or not ended:
                end = at
                while column == columns - 1 and end > start and data[end - 1] == _RETURN:
                    end -= 1
                value = _field(data, start, end, tables)
                if value == math.inf:
                    return -1
            values[place] = value
        at += 1
    return at - 1


@entry
def read_rows(data, begin, delimiter, wanted, values, ends, lines, tables):
    """Read plain rows of data[begin:], at most as many as there is room for.

    Args:
        data: (n,) uint8, whole lines, each with its newline.
        delimiter: the byte between fields.
        wanted: (columns,) int64: where the number of each column belongs; -1: it is not wanted.
        values: (rows, k) float64, the numbers; NaN where they are missing.
        ends: (rows,) int64: where each row's line ends, its newline included.
        lines: (rows,) int64: the lines up to each row's, its own and blank ones included.
        tables: see `tables`.

    Returns:
        How many rows there were before the first that is not plain.
    """
    count, passed, at, size, columns = 0, 0, begin, data.size, wanted.size
    rows, width = ends.size, values.shape[1]
    text, places, out = address(data), address(wanted), address(values)
    ten, factors, words, bits, number, fives = tables
    found = (
        address(ten),
        address(factors),
        address(words),
        address(bits),
        address(number),
        address(fives),
    )
    spare = np.empty(width)
    row = address(spare)
    while count < rows and at < size:
        end = _end_of_blank(text, at)
        blank = end >= 0
        if not blank:
            end = _row(text, at, delimiter, places, columns, row, found)
            if end < 0:
                break
        passed += 1
        at = end + 1
        if not blank:
            for k in range(width):
                out[count * width + k] = row[k]
            ends[count] = at
            lines[count] = passed
            count += 1
    return count


def tables() -> tuple[NDArray[np.generic], ...]:
    """What `read_rows` looks things up in; and eight bytes to work on, seen as two types."""
    bits = np.zeros(1, np.uint64)
    return _TEN, FACTORS, WORDS, bits, bits.view(np.float64), _FIVE
