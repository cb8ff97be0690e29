"""Whether numbers are finite, in one pass and without room for the answer of each."""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import entry


@entry
def are_finite(body, head):
    """Whether all of `body` is finite and nothing in `head` infinite, where a NaN may be."""
    bad = 0
    for k in range(len(body)):
        bad += not abs(body[k]) < math.inf
    for k in range(len(head)):
        bad += abs(head[k]) == math.inf
    return bad == 0
