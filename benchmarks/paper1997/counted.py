"""Literal nets that look at nothing but the symbol of each row: Table 3 with the wiring "none".

Gates and cell inputs are then the same each time that a symbol comes, as the weights only change
after a sequence; and without a forget gate neither the state nor a trace ever decays. So a state is
a sum over symbols of how often each came, and so is the trace of each weight: a sequence of a
thousand rows takes one look at each of 54 symbols, not at each row. It is the engine's rule, in
another order of sums, and a test holds it to the engine.

Shapes: n cells with gates of their own, O outputs, P symbols, rounded up to whole vectors.
    W (3, n, P)  weights of input gates, cell inputs and output gates;  b (3, n)  their biases
    V (n + 1, O)  weights of the outputs; the last are their biases
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from rtrl_lstm import Learner, Spec
from rtrl_lstm.kernels.activations import sigmoid
from rtrl_lstm.kernels.jit import entry, inline
from rtrl_lstm.kernels.lanes import address, const, fma, load, store, total

from .loop import fits, hyper_of, taken
from .side import LANES
from .tasks import Array, Batch


def countable(spec: Spec) -> bool:
    """Whether a learner, fed with symbols, is a net of this kind."""
    alone = not spec.recurrent and spec.blocks == spec.hidden_size
    return fits(spec) and alone and spec.sparse_inputs and spec.loss == "squared_error"


class CountedNet:
    """A net with the weights of a learner that was not trained yet."""

    def __init__(self, learner: Learner) -> None:
        spec = learner.spec
        assert countable(spec)
        self.rate, n = spec.learning_rate, spec.hidden_size
        self._slope = spec.output_activation == "sigmoid"
        self._biased = np.array([spec.is_biased(part) for part in ("gates", "cells", "readout")])
        weights = taken(learner)
        whole = -(-spec.input_size // LANES) * LANES
        self.W = np.zeros((3, n, whole), np.float32)
        self.W[:, :, : spec.input_size] = weights[:, 1:].reshape(3, n, -1)
        self.b = weights[:, 0].reshape(3, n).copy()
        self.V = np.zeros((n + 1, spec.output_size), np.float32)
        self.V[:-1] = learner.array("readout.weight")
        if self._biased[2]:
            self.V[-1] = learner.array("readout.direct.weight")[:, 0]
        self._hyper = hyper_of(spec)
        # Gradient and moments; updates so far.
        self._adam = tuple(np.zeros((3, *w.shape), np.float32) for w in (self.W, self.b, self.V))
        self._updates = 0

    def __copy__(self) -> CountedNet:
        other = object.__new__(CountedNet)
        other.__dict__.update(self.__dict__)
        other.W, other.b, other.V = self.W.copy(), self.b.copy(), self.V.copy()
        other._adam = tuple(kept.copy() for kept in self._adam)
        return other

    def run(self, batch: Batch) -> Array:
        """Learn a batch; what was said at the last row of each sequence, (S, O)."""
        return self._run(batch, self.rate)

    def answers(self, batch: Batch) -> Array:
        """As `run`, learning nothing."""
        return copy.copy(self)._run(batch, 0.0)

    def _run(self, batch: Batch, rate: float) -> Array:
        said, symbols = np.empty(batch.Y.shape), np.asarray(batch.symbols)
        ends = np.append(batch.starts, batch.rows)
        net: tuple[Any, ...] = (self.W, self.b, self.V, self._biased, self._slope)
        adam = self._adam, self._updates, self._hyper
        # Whose address is taken has to be held by the caller; a kernel lets go after the last use.
        E, m = np.zeros((2, *self.W.shape[1:]), np.float32), np.zeros_like(self.W[0, 0])
        _learn(*net, *adam, symbols, batch.Y, ends, np.float32(rate), E, m, said)
        self._updates += len(batch.starts) if rate > 0.0 else 0
        return said


@entry
def _learn(W, b, V, biased, slope, of_adam, updates, hyper, symbols, Y, ends, rate, E, m, said):
    """Learn sequences that begin at ends[q] and end before ends[q + 1]; fills `said` (Q, O)."""
    adam, (W_A, b_A, V_A) = hyper[2] > 0.0, of_adam
    # What learning changes: with Adam it is the gradient, which is 0 before.
    W_to, b_to, V_to = (W_A[0], b_A[0], V_A[0]) if adam else (W, b, V)
    pace = np.float32(-1.0) if adam else rate
    _, n, P = W.shape
    E_b = np.zeros((2, n), np.float32)
    h, o, credit = np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.float32)
    for q in range(len(ends) - 1):
        m[:] = 0.0
        for t in range(ends[q], ends[q + 1]):
            m[symbols[t]] += 1.0
        x = symbols[ends[q + 1] - 1]
        for c in range(n):
            s = _sum_up(address(W), address(E), address(m), b, E_b, c, n, P)
            h[c] = 2.0 / (1.0 + np.exp(-s)) - 1.0
            o[c] = 1.0 / (1.0 + np.exp(-(W[2, c, x] + b[2, c])))
        _say(V, h * o, slope, said[q])
        if rate > 0.0:
            _learn_outputs(V, V_to, h * o, said[q], Y[q], pace, slope, biased[2], credit)
            for c in range(n):
                gate = pace * credit[c] * h[c] * o[c] * (np.float32(1.0) - o[c])
                # (1 - h) (1 + h) / 2 is the slope of h = 2 sigmoid(s) - 1
                back = pace * credit[c] * o[c] * (np.float32(1.0) - h[c] * h[c]) / np.float32(2.0)
                _change(address(W_to), address(E), b_to, E_b, biased, back, c, n, P)
                W_to[2, c, x] -= gate
                if biased[0]:
                    b_to[2, c] -= gate
        if rate > 0.0 and adam:
            updates += 1
            _step(W.reshape(-1), W_A.reshape(3, -1), rate, updates, hyper)
            _step(b.reshape(-1), b_A.reshape(3, -1), rate, updates, hyper)
            _step(V.reshape(-1), V_A.reshape(3, -1), rate, updates, hyper)


@inline
def _sum_up(w, e, m, b, E_b, c, n, P):
    """The state of cell c at the end, and its traces: each symbol as often as it came."""
    one, to_g = const(load(m, 0), 1.0), n * P
    bias_i, bias_g = const(one, b[0, c]), const(one, b[1, c])
    s = sum_i = sum_g = one - one
    for k in range(0, P, LANES):
        at, count = c * P + k, load(m, k)
        i, a = sigmoid(load(w, at) + bias_i), sigmoid(load(w, to_g + at) + bias_g)
        g = fma(const(one, 4.0), a, const(one, -2.0))
        s = fma(count, i * g, s)
        inject_i = count * (g * i * (one - i))
        inject_g = count * (i * const(one, 4.0) * a * (one - a))
        store(e, at, inject_i)
        store(e, to_g + at, inject_g)
        sum_i, sum_g = sum_i + inject_i, sum_g + inject_g
    E_b[0, c], E_b[1, c] = total(sum_i), total(sum_g)
    return total(s)


@inline
def _change(w, e, b, E_b, biased, back, c, n, P):
    """Change weights of cell c and of its input gate, or others."""
    for j in range(2):
        for k in range(0, P, LANES):
            at = (j * n + c) * P + k
            trace, weight = load(e, at), load(w, at)
            store(w, at, fma(const(trace, -back), trace, weight))
        if biased[j]:
            b[j, c] -= back * E_b[j, c]


@inline
def _say(V, m, slope, said):
    n = len(m)
    for k in range(len(said)):
        z = V[n, k]
        for c in range(n):
            z += V[c, k] * m[c]
        said[k] = 1.0 / (1.0 + np.exp(-z)) if slope else z


@inline
def _learn_outputs(V, V_to, m, said, y, rate, slope, biased, credit):
    """Change the outputs' weights; credit (n,) is dL/dm of the cells, by the weights before."""
    n = len(m)
    credit[:] = 0.0
    for k in range(len(y)):
        delta = np.float32(said[k] - y[k])
        if slope:
            delta *= np.float32(said[k] * (1.0 - said[k]))
        for c in range(n):
            credit[c] += delta * V[c, k]
            V_to[c, k] -= rate * delta * m[c]
        if biased:
            V_to[n, k] -= rate * delta


@inline
def _step(w, kept, rate, count, hyper):
    """An update by Adam; kept (3, size) is the gradient, 0 afterwards, and its two moments."""
    g, m, v = kept[0], kept[1], kept[2]
    share, share_2 = np.float32(1.0 - hyper[0]), np.float32(1.0 - hyper[1])
    step = np.float32(rate / (1.0 - hyper[0] ** count))
    correction, eps = np.float32(1.0 / np.sqrt(1.0 - hyper[1] ** count)), np.float32(hyper[2])
    for k in range(len(w)):
        m[k] += share * (g[k] - m[k])
        v[k] += share_2 * (g[k] * g[k] - v[k])
        w[k] -= step * (m[k] / (np.sqrt(v[k]) * correction + eps))
        g[k] = 0.0
