"""Gradients that are gathered before they are applied: over a sequence, or to be clipped."""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.lanes import const, load, total, width
from rtrl_lstm.kernels.optimisers import begin_update
from rtrl_lstm.kernels.slots import (
    CLIP_NORM,
    CLIP_VALUE,
    H_CLIP_LIMIT,
    H_SUMMED,
    L_FIRST_ROW,
    L_LANES,
    L_ROWS,
    R_COUNT,
    R_SIZE,
    T_CLIP,
    T_DIRECT,
    T_FIRST_LAYER,
    T_LAST_LAYER,
    T_LAYER_STEP,
    T_LAYERS,
    T_OUTPUTS,
    T_READOUT,
)
from rtrl_lstm.kernels.sweeps import settle, square_sum


@inline
def _settle_row(head, body, table, row, lanes, scale, limit):
    for k in range(0, lanes, width(body)):
        like = load(body, 0)
        low, high = const(like, -limit), const(like, limit)
        settle(head, body, table, row, k * table[row + R_COUNT], const(like, scale), low, high)


@inline
def _row_squares(body, table, row, lanes):
    squares = 0.0
    for k in range(0, lanes, width(body)):
        squares += float(total(square_sum(body, table, row, k * table[row + R_COUNT])))
    return squares


@inline
def _norm(body, table):
    last, squares = table[T_LAST_LAYER], 0.0
    squares += _row_squares(body, table, table[T_READOUT], table[last + L_LANES])
    squares += _row_squares(body, table, table[T_DIRECT], table[T_OUTPUTS])
    for number in range(table[T_LAYERS]):
        layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
        for r in range(table[layer + L_ROWS]):
            row = table[layer + L_FIRST_ROW] + r * R_SIZE
            squares += _row_squares(body, table, row, table[layer + L_LANES])
    return math.sqrt(squares)


@inline
def settle_sums(head, body, table):
    """Clip the summed gradients as the Spec says, apply them, and start new sums."""
    scale, limit = 1.0, math.inf
    if table[T_CLIP] == CLIP_NORM:
        norm = _norm(body, table)
        if norm > head[H_CLIP_LIMIT]:
            scale = head[H_CLIP_LIMIT] / norm
    elif table[T_CLIP] == CLIP_VALUE:
        limit = head[H_CLIP_LIMIT]
    begin_update(head, table)
    lanes = table[table[T_LAST_LAYER] + L_LANES]
    _settle_row(head, body, table, table[T_READOUT], lanes, scale, limit)
    _settle_row(head, body, table, table[T_DIRECT], table[T_OUTPUTS], scale, limit)
    for number in range(table[T_LAYERS]):
        layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
        for r in range(table[layer + L_ROWS]):
            row = table[layer + L_FIRST_ROW] + r * R_SIZE
            _settle_row(head, body, table, row, table[layer + L_LANES], scale, limit)
    head[H_SUMMED] = 0.0
