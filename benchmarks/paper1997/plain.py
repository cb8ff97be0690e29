"""The paper's competitors: recurrent nets of logistic units, by RTRL or by BPTT, compiled.

All units see the symbol of the row and what the recurrent units said in the row before. Table 1's
nets recur wholly, outputs included (Smith & Zipser 1989); Table 2's have one recurrent unit, which
is no output, and see the symbol directly. No unit has a bias. Either rule gives the same gradient,
and weights change after each sequence.

Shapes: I symbols, n units of which the first O are outputs and the last R recurrent, S = I + R
sources, T rows.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from .tasks import Array, Batch

RULES = ("rtrl", "bptt")


@dataclass(frozen=True)
class Plain:
    """What a competitor is.

    Attributes:
        inputs, units, recurrent, outputs: I, n, R and O.
        rule: one of RULES.
        learning_rate: the step size.
    """

    inputs: int
    units: int
    recurrent: int
    outputs: int
    rule: str
    learning_rate: float

    @property
    def weights(self) -> int:
        return self.units * (self.inputs + self.recurrent)


class PlainNet:
    """A competitor in a trial; its weights start uniform in +-.2."""

    def __init__(self, plain: Plain, seed: int) -> None:
        assert plain.rule in RULES
        self.plain, sources = plain, plain.inputs + plain.recurrent
        rng = np.random.default_rng(seed)
        self.weights: Array = rng.uniform(-0.2, 0.2, (plain.units, sources))

    def __copy__(self) -> PlainNet:
        other = object.__new__(PlainNet)
        other.plain, other.weights = self.plain, self.weights.copy()
        return other

    def run(self, batch: Batch) -> Array:
        """Learn a batch; returns what the outputs said at each row, (R, O)."""
        return self._run(batch, self.plain.learning_rate)

    def answers(self, batch: Batch) -> Array:
        """What the outputs say to a batch, learning nothing."""
        return copy.copy(self)._run(batch, 0.0)

    def _run(self, batch: Batch, rate: float) -> Array:
        assert not batch.late
        said = np.empty((len(batch.Y), self.plain.outputs))
        loop: Any = _run_rtrl if self.plain.rule == "rtrl" else _run_bptt
        ends = np.append(batch.starts, len(batch.Y))
        loop(self.weights, self.plain.inputs, batch.symbols, batch.Y, ends, rate, said)
        return said


@njit(error_model="numpy", cache=True)
def _forward(W, inputs, symbol, y_tm1, y_t):
    """y_t (n,) of all units."""
    units, sources = W.shape
    first = units - (sources - inputs)
    for j in range(units):
        z = W[j, symbol]
        for m in range(first, units):
            z += W[j, inputs + m - first] * y_tm1[m]
        y_t[j] = 1.0 / (1.0 + np.exp(-z))


@njit(error_model="numpy", cache=True)
def _deltas(y_t, target, delta):
    """delta (n,), the error of 1/2 sum (y - target)^2 before the outputs."""
    delta[:] = 0.0
    for o in range(len(target)):
        delta[o] = (y_t[o] - target[o]) * y_t[o] * (1.0 - y_t[o])


@njit(error_model="numpy", cache=True)
def _mix(w, E, row):
    """row = w E. Four rows of E at a time: half the time of one by one."""
    row[:] = 0.0
    R, m = len(w), 0
    while m + 4 <= R:
        w0, w1, w2, w3 = w[m], w[m + 1], w[m + 2], w[m + 3]
        e0, e1, e2, e3 = E[m], E[m + 1], E[m + 2], E[m + 3]
        for q in range(len(row)):
            row[q] += w0 * e0[q] + w1 * e1[q] + w2 * e2[q] + w3 * e3[q]
        m += 4
    for rest in range(m, R):
        w0, e0 = w[rest], E[rest]
        for q in range(len(row)):
            row[q] += w0 * e0[q]


@njit(error_model="numpy", cache=True)
def _advance(W, inputs, symbol, y_tm1, y_t, E, E_tm1):
    """E (R, R S), d y_k / d w_ij for recurrent k and i, from the row before to this one."""
    units, S = W.shape
    R = S - inputs
    E_tm1[:] = E
    for k in range(R):
        unit = units - R + k
        _mix(W[unit, inputs:], E_tm1, E[k])
        E[k, k * S + symbol] += 1.0
        for m in range(R):
            E[k, k * S + inputs + m] += y_tm1[units - R + m]
        E[k] *= y_t[unit] * (1.0 - y_t[unit])


@njit(error_model="numpy", cache=True)
def _gather(W, inputs, symbol, y_tm1, delta, E, G):
    """Add a row's gradient to G (n, S), with E of the row before."""
    units, S = W.shape
    R = S - inputs
    for o in range(units):
        if delta[o] != 0.0:
            G[o, symbol] += delta[o]
            for m in range(R):
                G[o, inputs + m] += delta[o] * y_tm1[units - R + m]
    into = G[units - R :].reshape(R * S)
    for m in range(R):
        back = 0.0
        for o in range(units):
            back += delta[o] * W[o, inputs + m]
        before = E[m]
        for q in range(R * S):
            into[q] += back * before[q]


@njit(error_model="numpy", cache=True)
def _run_rtrl(W, inputs, symbols, Y, ends, rate, said):
    """Sequences that begin at ends[k] and end before ends[k + 1]; W changes, `said` is filled."""
    units, S = W.shape
    R = S - inputs
    y_tm1, y_t, delta = np.zeros(units), np.empty(units), np.empty(units)
    E, E_tm1, G = np.zeros((R, R * S)), np.zeros((R, R * S)), np.zeros((units, S))
    for k in range(len(ends) - 1):
        y_tm1[:] = 0.0
        E[:] = 0.0
        for t in range(ends[k], ends[k + 1]):
            _forward(W, inputs, symbols[t], y_tm1, y_t)
            said[t] = y_t[: said.shape[1]]
            if rate > 0.0:
                _deltas(y_t, Y[t], delta)
                _gather(W, inputs, symbols[t], y_tm1, delta, E, G)
                _advance(W, inputs, symbols[t], y_tm1, y_t, E, E_tm1)
            y_tm1[:] = y_t
        if rate > 0.0:
            W -= rate * G
            G[:] = 0.0


@njit(error_model="numpy", cache=True)
def _back(W, inputs, symbols, Y, history, G):
    """Backpropagation through the rows of a sequence, added to G."""
    units, S = W.shape
    R = S - inputs
    delta, later = np.empty(units), np.zeros(units)  # later: dL/dy_t from the rows after t
    for t in range(len(history) - 1, -1, -1):
        _deltas(history[t], Y[t], delta)
        for j in range(units):
            delta[j] += later[j] * history[t, j] * (1.0 - history[t, j])
        later[:] = 0.0
        for j in range(units):
            if delta[j] == 0.0:
                continue
            G[j, symbols[t]] += delta[j]
            for m in range(R):
                if t > 0:
                    G[j, inputs + m] += delta[j] * history[t - 1, units - R + m]
                later[units - R + m] += delta[j] * W[j, inputs + m]


@njit(error_model="numpy", cache=True)
def _run_bptt(W, inputs, symbols, Y, ends, rate, said):
    """As `_run_rtrl`."""
    units = len(W)
    history, G = np.empty((len(Y), units)), np.zeros(W.shape)
    for k in range(len(ends) - 1):
        first, last = ends[k], ends[k + 1]
        y_tm1 = np.zeros(units)
        for t in range(first, last):
            _forward(W, inputs, symbols[t], y_tm1, history[t])
            y_tm1[:] = history[t]
            said[t] = history[t, : said.shape[1]]
        if rate > 0.0:
            _back(W, inputs, symbols[first:last], Y[first:last], history[first:last], G)
            W -= rate * G
            G[:] = 0.0
