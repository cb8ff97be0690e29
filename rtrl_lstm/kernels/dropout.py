"""Numbers between the layers of a stack that a row drops, so that no unit relies on another.

Each is dropped with the probability `Spec.dropout`, and what stays is as many times greater as
keeps the mean what it was (Srivastava et al. 2014; between layers only, Zaremba et al. 2014). Which
ones is drawn from seed, row, layer and place, by the steps of SplitMix64 (Steele et al. 2014), and
not by a generator whose state goes on. So it is the same however rows are chunked, and after any
stop.
"""

from __future__ import annotations

import numpy as np

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.slots import H_DROPOUT, H_SEED, L_BELOW, L_MASK

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


@inline
def _mixed(z):
    """SplitMix64's last step: each bit of z changes half of the bits that come out."""
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@inline
def drop_below(head, body, table, layer, number, row, x):
    """Drop some of the numbers body[x:] that layer `number` gets from below at a row; the factors
    are kept for the credit that goes back."""
    rate, mask = head[H_DROPOUT], table[layer + L_MASK]
    state = _mixed(_mixed(_mixed(np.uint64(head[H_SEED])) + np.uint64(row)) + np.uint64(number))
    for j in range(table[layer + L_BELOW]):
        # A chain, so that LLVM has no vectors to make of it: they took a second to compile.
        state = _mixed(state + _GOLDEN)
        kept = float(state >> np.uint64(11)) * _UNIT >= rate
        body[mask + j] = 1.0 / (1.0 - rate) if kept else 0.0
        body[x + j] *= body[mask + j]
