"""The literal nets of Tables 3 to 9 in a loop of their own.

It is the engine's rule for the case that the paper has: no forget gate, squared error at the last
row alone, SGD, an update per sequence. What surrounds a step in the engine (any cell, rule, loss,
optimiser; a block that is whole at each moment) takes several times as long as the step itself of a
net with 30 to 300 weights; and the literal tables are 10^10 steps. Tests hold this loop to the
engine, whose vectors and sigmoid it uses, and from whose nets it takes its initial weights.

Shapes: n cells in B blocks (cell c is in block c mod B), O outputs, L lanes of a vector, of which
the first n are in use: each cell has its block's gates in its own lane. Sources u of a row: 1, the
inputs (but a symbol), the cells' outputs, input gates and output gates of the row before, as far
as they are seen; then, for symbols, one for each. S in all.
    W (3, S, L)  weights of input gates, cell inputs and output gates
    E (2, S, L)  traces, ds / dW, of the first two
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from rtrl_lstm import Learner, Spec
from rtrl_lstm.kernels.activations import sigmoid
from rtrl_lstm.kernels.jit import entry
from rtrl_lstm.kernels.lanes import BITS, address, const, fma, load, spread, store

from .tasks import Array, Batch

LANES = BITS // 32


def fits(spec: Spec) -> bool:
    """Whether the loop has what a learner has."""
    gates = (spec.input_gate, spec.forget_gate, spec.output_gate, spec.shortcuts, spec.peephole)
    return (
        (spec.input_activation, spec.cell_activation) == ("4sigmoid-2", "2sigmoid-1")
        and gates == (True, False, True, False, False)
        and spec.gate_recurrence != "gates"
        and (spec.loss, spec.update, spec.optimizer.name) == ("squared_error", "sequence", "sgd")
        and spec.hidden_size <= LANES
    )


class LoopNet:
    """A net in the loop, with the weights of a learner that was not trained yet."""

    def __init__(self, learner: Learner) -> None:
        spec = learner.spec
        assert fits(spec)
        self.rate = spec.learning_rate
        self._inputs, self._cells, self._blocks = spec.input_size, spec.hidden_size, spec.blocks
        self._slope = spec.output_activation == "sigmoid"
        self._biased = np.array([spec.is_biased(part) for part in ("gates", "cells", "readout")])
        self.W = self._taken(learner)
        self.V = np.zeros((spec.hidden_size + 1, spec.output_size), np.float32)  # the last: biases
        self.V[:-1] = learner.array("readout.weight")
        if self._biased[2]:
            self.V[-1] = learner.array("readout.direct.weight")[:, 0]

    def _taken(self, learner: Learner) -> Any:
        """W with a learner's weights; the bias first, and the inputs last."""
        names = list(learner.layout.fields["layer0.i.weight"].axes[1])
        at, inputs = names.index("x0"), self._inputs
        order = [*range(at + inputs, len(names)), *range(at, at + inputs)]
        self._recurrent = (len(names) - at - inputs) // self._cells  # 0, 1, or more with gates
        W = np.zeros((3, 1 + len(order), LANES), np.float32)
        for part, gate in zip(W, "igo", strict=True):
            weights = learner.array(f"layer0.{gate}.weight")
            cells = weights[np.arange(self._cells) % len(weights)].T
            part[1:, : self._cells] = cells[order]
            part[0, : self._cells] = cells[0] if at else 0.0
        return W

    def __copy__(self) -> LoopNet:
        other = object.__new__(LoopNet)
        other.__dict__.update(self.__dict__)
        other.W, other.V = self.W.copy(), self.V.copy()
        return other

    def run(self, batch: Batch) -> Array:
        """Learn a batch; what was said at the last row of each sequence, (R, O) with NaN else."""
        return self._run(batch, self.rate)

    def answers(self, batch: Batch) -> Array:
        """As `run`, learning nothing."""
        return copy.copy(self)._run(batch, 0.0)

    def _run(self, batch: Batch, rate: float) -> Array:
        said = np.full(batch.Y.shape, np.nan)
        ends = np.append(batch.starts, len(batch.Y))
        symbolic = batch.symbols is not None
        X: Any = np.empty((0, 0), np.float32) if symbolic else batch.X
        symbols = batch.symbols if symbolic else np.empty(0, np.intp)
        sizes = (self._inputs, self._cells, self._blocks, self._recurrent, self._slope)
        net = (self.W, self.V, self._biased)
        _learn(*net, symbols, X, batch.Y, ends, np.float32(rate), sizes, said)
        return said


@entry
def _learn(W, V, biased, symbols, X, Y, ends, rate, sizes, said):
    """Learn sequences that begin at ends[q] and end before ends[q + 1]; fills `said` there."""
    inputs, cells, blocks, recurrent, _ = sizes
    symbolic, S = len(X) == 0, W.shape[1]
    D = S - inputs  # sources but the inputs
    dense = D if symbolic else S
    E, u = np.zeros((2, S, LANES), np.float32), np.zeros(dense + 2 * LANES, np.float32)
    h_t, o_t = np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    seen, visited = np.empty(S, np.intp), np.zeros(S, np.bool_)
    w, e, p_u, second, third = address(W), address(E), address(u), S * LANES, 2 * S * LANES
    u[0] = 1.0
    for k in range(dense):
        seen[k] = k
    for q in range(len(ends) - 1):
        last, count = ends[q + 1] - 1, dense
        u[1:] = 0.0
        E[:, :dense] = 0.0
        one = const(load(p_u, 0), 1.0)
        two, four, s = one + one, const(one, 4.0), const(one, 0.0)
        for t in range(ends[q], last + 1):
            z_i, z_g, z_o = load(w, 0), load(w, second), load(w, third)
            if symbolic:
                k = D + symbols[t]
                if not visited[k]:
                    visited[k] = True
                    seen[count] = k
                    count += 1
                    E[:, k] = 0.0
                z_i = z_i + load(w, k * LANES)
                z_g = z_g + load(w, second + k * LANES)
                z_o = z_o + load(w, third + k * LANES)
            else:
                for k in range(inputs):
                    u[D + k] = X[t, k]
            for k in range(1, dense):
                u_k = spread(p_u, k)
                z_i = fma(load(w, k * LANES), u_k, z_i)
                z_g = fma(load(w, second + k * LANES), u_k, z_g)
                z_o = fma(load(w, third + k * LANES), u_k, z_o)
            i, a = sigmoid(z_i), sigmoid(z_g)
            g = fma(four, a, const(one, -2.0))
            s = fma(i, g, s)
            if rate > 0.0:
                inject_i, inject_g = g * i * (one - i), i * four * a * (one - a)
                for k in range(dense):
                    u_k = spread(p_u, k)
                    store(e, k * LANES, fma(inject_i, u_k, load(e, k * LANES)))
                    at = second + k * LANES
                    store(e, at, fma(inject_g, u_k, load(e, at)))
                if symbolic:
                    at = (D + symbols[t]) * LANES
                    store(e, at, load(e, at) + inject_i)
                    store(e, second + at, load(e, second + at) + inject_g)
            if t == last:
                store(address(o_t), 0, sigmoid(z_o))
                store(address(h_t), 0, two * sigmoid(s) - one)
            elif recurrent > 0:
                o = sigmoid(z_o)
                store(p_u, 1, o * (two * sigmoid(s) - one))
                if recurrent > 1:
                    store(p_u, 1 + cells, i)
                    store(p_u, 1 + cells + blocks, o)
        x = symbols[last] + D if symbolic else -1
        _end(W, V, biased, E, u, x, h_t, o_t, seen[:count], rate, sizes, Y[last], said[last])
        for k in range(dense, count):
            visited[seen[k]] = False


@entry
def _end(W, V, biased, E, u, x, h_t, o_t, seen, rate, sizes, y, said):
    """The last row of a sequence: what is said, and the update. h_t (L,) is 2 sigmoid(s) - 1."""
    _, cells, blocks, _, slope = sizes
    credit, gate = np.zeros(cells, np.float32), np.zeros(blocks, np.float32)
    for k in range(len(y)):
        z = V[cells, k]
        for c in range(cells):
            z += V[c, k] * h_t[c] * o_t[c]
        said[k] = 1.0 / (1.0 + np.exp(-z)) if slope else z
        if rate == 0.0:
            continue
        delta = np.float32(said[k] - y[k])
        if slope:
            delta *= np.float32(said[k] * (1.0 - said[k]))
        for c in range(cells):
            credit[c] += delta * V[c, k]
            V[c, k] -= rate * delta * h_t[c] * o_t[c]
        if biased[2]:
            V[cells, k] -= rate * delta
    if rate == 0.0:
        return
    for c in range(cells):
        o = o_t[c]
        gate[c % blocks] += rate * credit[c] * h_t[c] * o * (np.float32(1.0) - o)
        # (1 - h) (1 + h) / 2 is the slope of h = 2 sigmoid(s) - 1
        credit[c] *= rate * o * np.float32(0.5) * (np.float32(1.0) - h_t[c] * h_t[c])
    for k in seen:
        if k > 0 or biased[0]:
            seen_now = np.float32(k == x) if k >= len(u) - 2 * LANES else u[k]
            for b in range(blocks):
                change = np.float32(0.0)
                for c in range(b, cells, blocks):
                    change += credit[c] * E[0, k, c]
                for c in range(b, cells, blocks):
                    W[0, k, c] -= change
                    W[2, k, c] -= gate[b] * seen_now
        if k > 0 or biased[1]:
            for c in range(cells):
                W[1, k, c] -= credit[c] * E[1, k, c]
