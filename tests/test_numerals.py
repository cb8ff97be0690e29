"""Numbers as text: whatever `repr` says, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtrl_lstm.cli.numerals import MANY, numerals

_RNG = np.random.default_rng(0)
_TWOS = 2.0 ** np.arange(-20, 60)
_TENS = 10.0 ** np.arange(-6, 19)
SETS = {
    "normal": _RNG.normal(size=50_000),
    "from float32": _RNG.normal(size=50_000).astype(np.float32).astype(np.float64),
    "of any size": _RNG.normal(size=50_000) * 10.0 ** _RNG.integers(-6, 18, 50_000),
    "rounded": np.round(_RNG.normal(size=50_000) * 10.0 ** _RNG.integers(-4, 9, 50_000), 3),
    "whole": np.arange(-1000.0, 50_000.0),
    "any bits": _RNG.integers(0, 2**63, 50_000, dtype=np.uint64).view(np.float64),
    "powers of two": np.concatenate((_TWOS, -np.nextafter(_TWOS, 0), np.nextafter(_TWOS, 1e99))),
    "powers of ten": np.concatenate((_TENS, np.nextafter(_TENS, 0), np.nextafter(_TENS, 1e99))),
    "odd ones": np.array([0.0, -0.0, np.inf, -np.inf, 5e-324, 1e16, 1e-4, 9007199254740993.0]),
}


def _lines(numbers: np.ndarray) -> list[str]:
    many = np.concatenate((numbers, np.full(MANY, 0.1)))  # enough of them to be compiled
    return "\n".join(numerals(many)).split("\n")[: len(numbers)]


@pytest.mark.parametrize("kind", SETS)
def test_numerals_are_what_repr_says(kind: str) -> None:
    assert _lines(SETS[kind]) == list(map(repr, SETS[kind].tolist()))


@given(st.lists(st.floats(allow_nan=False)))
def test_numerals_of_any_numbers(numbers: list[float]) -> None:
    assert _lines(np.array(numbers, np.float64)) == list(map(repr, numbers))


def test_few_numbers_are_the_same() -> None:
    assert numerals(np.array([1.5, -2.0, 1e-9])) == ["1.5", "-2.0", "1e-09"]
