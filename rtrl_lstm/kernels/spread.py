"""Mean and spread of many numbers, one after the other."""

from __future__ import annotations

from rtrl_lstm.kernels.jit import entry


@entry
def add_to_spread(values, count, mean, m2):
    """`tallies.Spread.add` of each of `values` (T,) float64 that is not NaN, in the same bits.

    Returns the new count, mean and sum of squared deviations.
    """
    for value in values:
        if value == value:
            count += 1
            away = value - mean
            mean += away / count
            m2 += away * (value - mean)
    return count, mean, m2
