"""What a row drops between two layers: SplitMix64 (Steele, Lea and Flood 2014), on integers."""

import numpy as np

from .cell import Array

WORD = 2**64


def _finish(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def kept(seed: int, row: int, layer: int, count: int, rate: float) -> Array:
    """(count,) what the numbers from below are multiplied with: 0, or 1 / (1 - rate)."""
    z = _finish((_finish((_finish(seed % WORD) + row) % WORD) + layer) % WORD)
    stays = np.empty(count)
    for j in range(count):
        z = _finish((z + 0x9E3779B97F4A7C15) % WORD)
        stays[j] = z // 2**11 / 2**53 >= rate
    return stays / (1.0 - rate)
