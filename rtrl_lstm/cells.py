"""What each cell is made of: its rows of weights and what they see.

A row belongs to a gate. It sees some of the sources, in the order in which they lie: the bias, x
(or h of the layer below), for a GRU a second bias, h of the step before, and the gates of the step
before. A row with an `own` source is a diagonal weight on a number of the unit itself: its state
before or after the step. The elementwise part is in `kernels/cells.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtrl_lstm.spec import Spec

PREVIOUS_STATE, PRESENT_STATE = "s_tm1", "s_t"


@dataclass(frozen=True)
class Row:
    """A row of weights.

    Attributes:
        gate: whose it is.
        traced: whether it moves the state, and so carries a trace.
        sees: groups of sources, next to each other: "bias", "x", "bias_hh", "h", "gates".
        own: for a diagonal weight instead of sources: which state of the unit it sees.
        shared: whether it has a unit for each block of cells instead of one for each cell.
    """

    gate: str
    traced: bool
    sees: tuple[str, ...] = ("bias", "x", "bias_hh", "h")
    own: str = ""
    shared: bool = False

    @property
    def name(self) -> str:
        return f"{self.gate}.own" if self.own else self.gate


def rows_of(spec: Spec) -> tuple[Row, ...]:
    """The rows of a layer; those with sources first, in PyTorch's order of gates."""
    return {"lstm": _lstm, "gru": _gru, "rnn": _rnn, "elstm": _elstm}[spec.cell](spec)


def has_second_bias(spec: Spec) -> bool:
    """Whether recurrent weights have a bias of their own, as in PyTorch's GRU."""
    return spec.cell == "gru"


def is_recurrent(spec: Spec) -> bool:
    """Whether any row sees h of the step before."""
    return any("h" in row.sees and not row.own for row in rows_of(spec))


def gates_of(spec: Spec) -> tuple[str, ...]:
    """The gates of an lstm that have rows of their own, in the order in which others see them."""
    return tuple(row.gate for row in rows_of(spec) if row.gate != "g" and not row.own)


def _lstm(spec: Spec) -> tuple[Row, ...]:
    shared = spec.block_size > 1
    gate_sees = _lstm_sees(spec, "gates", spec.gate_recurrence != "none")
    cell_sees = _lstm_sees(spec, "cells", spec.gate_recurrence == "all")
    gates = []
    if spec.input_gate or spec.coupled_gates:
        gates.append(Row("i", traced=True, sees=gate_sees, shared=shared))
    if spec.forget_gate and not spec.coupled_gates:
        gates.append(Row("f", traced=True, sees=gate_sees, shared=shared))
    own = [Row(row.gate, traced=True, own=PREVIOUS_STATE) for row in gates]
    gates.append(Row("g", traced=True, sees=cell_sees))
    if spec.output_gate:
        gates.append(Row("o", traced=False, sees=gate_sees, shared=shared))
        own.append(Row("o", traced=False, own=PRESENT_STATE))
    return (*gates, *(own if spec.peephole else ()))


def _lstm_sees(spec: Spec, part: str, gates: bool) -> tuple[str, ...]:
    seen = (("bias", spec.is_biased(part)), ("x", True), ("h", spec.recurrent), ("gates", gates))
    return tuple(group for group, there in seen if there)


def _gru(spec: Spec) -> tuple[Row, ...]:
    return (
        Row("r", traced=True),
        Row("z", traced=True),
        Row("n_x", traced=True, sees=("bias", "x")),
        Row("n_h", traced=True, sees=("bias_hh", "h")),
    )


def _rnn(spec: Spec) -> tuple[Row, ...]:
    return (Row("h", traced=False),)


def _elstm(spec: Spec) -> tuple[Row, ...]:
    seen = ("bias", "x")
    gates = [Row("f", traced=True, sees=seen), Row("z", traced=True, sees=seen)]
    own = [Row(row.gate, traced=True, own=PREVIOUS_STATE) for row in gates]
    if spec.output_gate:
        gates.append(Row("o", traced=False, sees=seen))
    return (*gates, *own)
