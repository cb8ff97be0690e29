"""float64 -> the shortest decimal that is read back as the same number, as Python's `repr` is.

Schubfach: R. Giulietti, "The Schubfach way to render doubles", 2020. Of a number c * 2^q it looks
at the multiples of 10^k, the greatest power of ten not above the width of the interval of all
decimals that are read back as that number: there is one in it at least, and at most one multiple
of 10^(k+1), which is shorter. Products with a power of ten of 126 bits tell them apart.

Numbers that `repr` writes with an exponent, or that are none, are left to it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.kernels.decimals import product
from rtrl_lstm.kernels.jit import entry, inline

LONGEST = 25  # bytes of a line: sign, 17 digits, point, four zeros, newline, and one to spare
_LEAST, _BEYOND = 1e-4, 1e16  # `repr` has no exponent from the one up to the other
_FIRST, _LAST = -24, 3  # k of numbers between these

_U = np.uint64
_FRACTION = np.uint64((1 << 52) - 1)
_HIDDEN = np.uint64(1 << 52)
_MASK = np.uint64((1 << 63) - 1)
_U0, _U1, _U2, _U10, _U63 = (np.uint64(k) for k in (0, 1, 2, 10, 63))
_ZERO, _POINT, _MINUS, _NEWLINE = np.uint8(48), np.uint8(46), np.uint8(45), np.uint8(10)


def _powers() -> NDArray[np.uint64]:
    """(k, 2): of each 10^-k the first 126 bits, cut off, plus one: upper and lower 63."""
    table = []
    for k in range(_FIRST, _LAST + 1):
        shift = 125 - _log2_of_power(-k)
        up, down = 10 ** max(-k, 0) << max(shift, 0), 10 ** max(k, 0) << max(-shift, 0)
        bits = up // down + 1
        table.append((bits >> 63, bits & int(_MASK)))
    return np.array(table, np.uint64)


def _log2_of_power(k: int) -> int:
    """floor(log2(10^k))."""
    return (k * 913124641741) >> 38


_POWERS = _powers()
_log2 = inline(_log2_of_power)


@inline
def _scaled(upper, lower, c):
    """The upper bits of c times a power; the last bit says as well whether there was a rest."""
    rest = product(lower, c)[0]
    high, low = product(upper, c)
    middle = (low >> _U1) + rest
    return (high + (middle >> _U63)) | (((middle & _MASK) + _MASK) >> _U63)


@inline
def _digits_of(bits):
    """Digits d and exponent k: the shortest decimal is d * 10^k, but for zeros at the end of d."""
    q = np.int64((bits >> _U(52)) & _U(0x7FF)) - 1075
    c = (bits & _FRACTION) | _HIDDEN
    odd = c & _U1
    narrow = c == _HIDDEN  # the interval below a power of two is half as wide
    k = (q * 661971961083 - (274743187321 if narrow else 0)) >> 41
    h = _U(q + _log2(-k) + 2)
    upper, lower = _POWERS[k - _FIRST, 0], _POWERS[k - _FIRST, 1]
    four = c << _U2
    value = _scaled(upper, lower, four << h)
    least = _scaled(upper, lower, (four - (_U1 if narrow else _U2)) << h)
    most = _scaled(upper, lower, (four + _U2) << h)
    below = value >> _U2
    short = _U10 * (below // _U10)
    down = least + odd <= short << _U2
    up = ((short + _U10) << _U2) + odd <= most
    if down != up:
        return (short if down else short + _U10), k
    down = least + odd <= below << _U2
    up = ((below + _U1) << _U2) + odd <= most
    if down != up:
        return (below if down else below + _U1), k
    middle = (below + below + _U1) << _U1
    nearer = value < middle or (value == middle and below & _U1 == _U0)
    return (below if nearer else below + _U1), k


@inline
def _write(digits, k, text, at):
    """Write digits * 10^k. Returns the place behind it."""
    while digits % _U10 == _U0:
        digits //= _U10
        k += 1
    count, rest = 0, digits
    while rest > _U0:
        rest //= _U10
        count += 1
    before = count + k  # digits before the point
    point = at + max(before, 1)
    end = point + 1 + max(-k, 1)
    for place in range(at, end):
        text[place] = _ZERO
    text[point] = _POINT
    place = point + -k if k < 0 else at + count - 1  # of the last digit
    for _ in range(count):
        if place == point:
            place -= 1
        text[place] = np.uint8(digits % _U10) + _ZERO
        digits //= _U10
        place -= 1
    return end


@entry
def write_lines(numbers, begin, text):
    """Write numbers[begin:] as text, one to a line.

    Args:
        numbers: (n,) float64.
        begin: the first of them.
        text: room for `LONGEST` bytes a number.

    Returns:
        The first number that was not written, and where the text ends.
    """
    bits, at = numbers.view(np.uint64), 0
    for t in range(begin, numbers.size):
        size = abs(numbers[t])
        if not (_LEAST <= size < _BEYOND or size == 0.0):
            return t, at
        if bits[t] >> _U63:
            text[at] = _MINUS
            at += 1
        if size == 0.0:
            text[at], text[at + 1], text[at + 2] = _ZERO, _POINT, _ZERO
            at += 3
        else:
            digits, k = _digits_of(bits[t])
            at = _write(digits, k, text, at)
        text[at] = _NEWLINE
        at += 1
    return numbers.size, at
