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
    H_DELTA,
    H_HYPER,
    H_STEP_SIZE,
    H_SUMMED,
    L_FIRST_ROW,
    L_LANES,
    L_PROJECTION,
    L_ROWS,
    OBGD,
    R_COUNT,
    R_LANES,
    R_SIZE,
    T_CLIP,
    T_DIRECT,
    T_FIRST_LAYER,
    T_LAYER_STEP,
    T_LAYERS,
    T_OPTIMIZER,
    T_READOUT,
)
from rtrl_lstm.kernels.sweeps import settle, size_sum, square_sum
from rtrl_lstm.kernels.team import (
    SETTLE,
    begin_sweep,
    next_chunk,
    say_numbers,
)


@inline
def _settle_row(head, body, table, row, scale, limit, begin, span):
    for k in range(begin, min(begin + span, table[row + R_LANES]), width(body)):
        like = load(body, 0)
        low, high = const(like, -limit), const(like, limit)
        settle(head, body, table, row, k * table[row + R_COUNT], const(like, scale), low, high)


@inline
def _row_size(body, table, row, squared):
    """The sum over a row's gradients of their squares, or of their sizes."""
    size = 0.0
    for k in range(0, table[row + R_LANES], width(body)):
        at = k * table[row + R_COUNT]
        if squared:
            size += float(total(square_sum(body, table, row, at)))
        else:
            size += float(total(size_sum(body, table, row, at)))
    return size


@inline
def _size(body, table, squared):
    """The sum over all gradients of their squares, or of their sizes."""
    size = _row_size(body, table, table[T_READOUT], squared)
    size += _row_size(body, table, table[T_DIRECT], squared)
    for number in range(table[T_LAYERS]):
        layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
        for r in range(table[layer + L_ROWS]):
            size += _row_size(body, table, table[layer + L_FIRST_ROW] + r * R_SIZE, squared)
        if table[layer + L_PROJECTION] >= 0:
            size += _row_size(body, table, table[layer + L_PROJECTION], squared)
    return size


@inline
def _overshoot(head, body, table):
    """By how much ObGD shortens a step: 1 / M, at most 1 (Elsayed et al. 2024)."""
    delta = head[H_DELTA]
    if delta == 0.0:
        return 1.0
    reach = head[H_STEP_SIZE] * head[H_HYPER] * max(delta, 1.0) * _size(body, table, False) / delta
    return 1.0 / max(reach, 1.0)


@inline
def settle_sums(head, body, table, team):
    """Clip the summed gradients as the Spec says, apply them, and start new sums."""
    scale, limit = 1.0, math.inf
    if table[T_CLIP] == CLIP_NORM:
        norm = math.sqrt(_size(body, table, True))
        if norm > head[H_CLIP_LIMIT]:
            scale = head[H_CLIP_LIMIT] / norm
    elif table[T_CLIP] == CLIP_VALUE:
        limit = head[H_CLIP_LIMIT]
    begin_update(head, table)
    if table[T_OPTIMIZER] == OBGD:
        scale = _overshoot(head, body, table)
    for row in (table[T_READOUT], table[T_DIRECT]):
        _settle_row(head, body, table, row, scale, limit, 0, table[row + R_LANES])
    for number in range(table[T_LAYERS]):
        layer = table[T_FIRST_LAYER] + number * table[T_LAYER_STEP]
        if team != 0:
            say_numbers(team, scale, limit)
        task = SETTLE, 0, table[layer + L_LANES], width(body)
        chunk, span = begin_sweep(team, table, layer, *task)
        while chunk >= 0:
            settle_part(head, body, table, layer, scale, limit, chunk * span, span)
            chunk = next_chunk(team, table, layer)
        row = table[layer + L_PROJECTION]
        if row >= 0:
            _settle_row(head, body, table, row, scale, limit, 0, table[row + R_LANES])
    head[H_SUMMED] = 0.0


@inline
def settle_part(head, body, table, layer, scale, limit, begin, span):
    """Apply the sums of a layer's lanes from `begin` on, `span` of them at most."""
    for r in range(table[layer + L_ROWS]):
        row = table[layer + L_FIRST_ROW] + r * R_SIZE
        _settle_row(head, body, table, row, scale, limit, begin, span)
