"""The compiled part of `loop.py`: nets that learn side by side, each in a lane of every vector.

Shapes and names are those of `loop.py`; `sizes` is n, B, I, how many sources are of the row before,
whether the outputs are logistic, and whether the error has their slope. A pointer is called as its
array is, in small letters.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rtrl_lstm.kernels.activations import sigmoid
from rtrl_lstm.kernels.jit import entry, inline
from rtrl_lstm.kernels.lanes import BITS, address, const, fma, load, sqrt, store

LANES = BITS // 32
BLOCK = 8  # rows whose share in the traces is added at once


def memory(R: int, S: int, outputs: int, sizes: tuple[int, ...]) -> tuple[Any, ...]:
    """What `learn` works in."""
    n, B, *_ = sizes
    of_weights = R * S, (n + 1) * outputs, 1, 1
    counts = BLOCK * S, 2 * n * S, BLOCK, R, n, BLOCK * 2 * n, n, B, n, *of_weights
    return tuple(vectors(count) for count in counts)


def vectors(*shape: int) -> Any:
    """Zeros (*shape, L); no vector crosses a line of the processor's cache, which takes longer."""
    size = math.prod(shape) * LANES
    loose = np.zeros(size + LANES, np.float32)
    return loose[-(loose.ctypes.data // 4) % LANES :][:size].reshape(*shape, LANES)


@entry
def learn(net, updates, biased, symbols, X, spans, Y, rate, hyper, sizes, memory, said):
    """Learn sequences, if there is a rate; fills `said` (Q, O, L), what is said at their ends.

    A lane's q-th sequence is rows spans[q, lane] of symbols (rows,) or, if there are none, of
    X (rows, I). Sequences of the lanes end together: a lane is dead until its own begins. `net` is
    W, V, and Adam's moments, for which `updates` (L,) counts; hyper is Adam's beta1, beta2 and eps.
    """
    W, V, moments = net
    n, B, inputs, seen, logistic, slope = sizes
    R, S, outputs = W.shape[0], W.shape[1], V.shape[1]
    u, E, alive, y, s, inject, h, gate, credit, G, G_V, step, correction = memory
    w, e, p_u, p_y, p_s = address(W), address(E), address(u), address(y), address(s)
    p_alive, p_inject = address(alive), address(inject)
    rows = address(symbols), address(X), len(symbols) > 0, inputs
    adam = len(moments) > 0
    p_g, p_g_v = (address(G), address(G_V)) if adam else (w, address(V))
    pace = np.float32(-1.0) if adam else rate  # Adam is handed the gradient
    for q in range(len(spans)):
        u[:], E[:], s[:] = 0.0, 0.0, 0.0
        longest = np.max(spans[q, :, 1] - spans[q, :, 0])
        for t in range(longest):
            k, last = t % BLOCK, t == longest - 1
            if k == 0:
                _see(*rows, spans[q], longest - t, p_u, p_alive, S)
            lives, u_t, inject_t = load(p_alive, k * LANES), k * S * LANES, k * 2 * n * LANES
            # Without a recurrence nobody looks at the output gates before the end.
            _activate(w, p_u, u_t, p_y, R if seen > 0 or last else R - B, S)
            _advance(p_y, p_s, p_inject, inject_t, lives, n, B)
            if rate > 0.0 and (k == BLOCK - 1 or last):
                _trace(e, p_u, p_inject, k + 1, n, S)
            if not last and seen > 0:
                _show(p_u, p_y, p_s, lives, n, B, (t + 1) % BLOCK * S + 1 + inputs, seen > n)
        _answer(address(V), p_y, p_s, address(h), address(said[q]), n, B, outputs, logistic)
        if rate > 0.0:
            _learn_outputs(
                *(address(V), p_g_v, address(said[q]), address(Y[q]), lives, p_y),
                *(address(h), address(credit), pace, n, B, outputs, slope, biased[2]),
            )
            _learn_gates(p_y, address(h), address(credit), address(gate), pace, n, B)
            _change(p_g, e, p_u, u_t, address(credit), address(gate), biased[0], biased[1], n, B, S)
            if adam:
                _corrections(updates, alive[k], rate, hyper, step, correction)
                to_v, numbers = 2 * R * S * LANES, (address(step), address(correction), hyper)
                _adam(w, p_g, address(moments), 0, R * S, lives, *numbers)
                _adam(address(V), p_g_v, address(moments), to_v, len(G_V), lives, *numbers)


@inline
def _see(symbols, X, symbolic, inputs, spans, left, u, alive, S):
    """Fill alive (BLOCK, L), and the first of u (BLOCK, S, L), from `left` rows before the end on.

    A block ahead, as a vector that was just written number by number cannot be read for a while.
    """
    count = min(BLOCK, left)
    for t in range(count if symbolic else 0):
        for at in range((t * S + 1) * LANES, (t * S + 1 + inputs) * LANES):
            u[at] = 0.0
    for lane in range(LANES):
        begin, row = spans[lane, 0], spans[lane, 1] - left
        for t in range(count):
            lives, at = row + t >= begin, (t * S + 1) * LANES + lane
            alive[t * LANES + lane] = lives
            u[at - LANES] = 1.0
            if not symbolic:
                for k in range(inputs):
                    u[at + k * LANES] = X[(row + t) * inputs + k] if lives else 0.0
            elif lives:
                u[at + symbols[row + t] * LANES] = 1.0


@inline
def _activate(w, u, u_t, y, rows, S):
    """y (R, L): gates and cell inputs are all logistic. Two rows at a time, as both take u."""
    for r in range(0, rows, 2):
        one, two = r * S * LANES, min(r + 1, rows - 1) * S * LANES
        z_one, z_two = load(w, one), load(w, two)
        for k in range(LANES, S * LANES, LANES):
            u_k = load(u, u_t + k)
            z_one, z_two = fma(load(w, one + k), u_k, z_one), fma(load(w, two + k), u_k, z_two)
        store(y, r * LANES, sigmoid(z_one))
        if r + 1 < rows:
            store(y, (r + 1) * LANES, sigmoid(z_two))


@inline
def _advance(y, s, inject, at, lives, n, B):
    """The states, and what the traces of each cell's two rows take up."""
    one, four = const(lives, 1.0), const(lives, 4.0)
    for c in range(n):
        i, a = load(y, (c % B) * LANES) * lives, load(y, (B + c) * LANES)
        g = fma(four, a, const(lives, -2.0))
        store(s, c * LANES, fma(i, g, load(s, c * LANES)))
        store(inject, at + c * LANES, g * i * (one - i))
        store(inject, at + (n + c) * LANES, i * four * a * (one - a))


@inline
def _trace(e, u, inject, rows, n, S):
    """Without a forget gate no trace decays: it is a sum, to which some rows' share is added.

    Two traces of two sources each at a time, for which these sums stay in registers.
    """
    for c in range(n):
        for k in range(0, S, 2):
            of_i, of_g = (c * S + k) * LANES, ((n + c) * S + k) * LANES
            i_0, i_1 = load(e, of_i), load(e, of_i + LANES)
            g_0, g_1 = load(e, of_g), load(e, of_g + LANES)
            for t in range(rows):
                u_0, u_1 = load(u, (t * S + k) * LANES), load(u, (t * S + k + 1) * LANES)
                inject_i = load(inject, (t * 2 * n + c) * LANES)
                inject_g = load(inject, (t * 2 * n + n + c) * LANES)
                i_0, i_1 = fma(inject_i, u_0, i_0), fma(inject_i, u_1, i_1)
                g_0, g_1 = fma(inject_g, u_0, g_0), fma(inject_g, u_1, g_1)
            store(e, of_i, i_0)
            store(e, of_i + LANES, i_1)
            store(e, of_g, g_0)
            store(e, of_g + LANES, g_1)


@inline
def _show(u, y, s, lives, n, B, at, gates):
    """Let the next row see the cells, as its sources from number `at` on, and perhaps the gates."""
    one, two = const(lives, 1.0), const(lives, 2.0)
    for c in range(n):
        o = load(y, (B + n + c % B) * LANES)
        store(u, (at + c) * LANES, lives * o * (two * sigmoid(load(s, c * LANES)) - one))
    if gates:
        for b in range(B):
            store(u, (at + n + b) * LANES, lives * load(y, b * LANES))
            store(u, (at + n + B + b) * LANES, lives * load(y, (B + n + b) * LANES))


@inline
def _answer(v, y, s, h, said, n, B, outputs, logistic):
    """What is said, and h (n, L) = 2 sigmoid(s) - 1."""
    one, two = const(load(s, 0), 1.0), const(load(s, 0), 2.0)
    for c in range(n):
        store(h, c * LANES, two * sigmoid(load(s, c * LANES)) - one)
    for k in range(outputs):
        z = load(v, (n * outputs + k) * LANES)
        for c in range(n):
            m = load(h, c * LANES) * load(y, (B + n + c % B) * LANES)
            z = fma(load(v, (c * outputs + k) * LANES), m, z)
        store(said, k * LANES, sigmoid(z) if logistic else z)


@inline
def _learn_outputs(v, to, said, target, lives, y, h, credit, rate, n, B, outputs, slope, biased):
    """Change the outputs' weights, or others; credit (n, L) is dL/dm, by the weights before."""
    one = const(lives, 1.0)
    for c in range(n):
        store(credit, c * LANES, one - one)
    for k in range(outputs):
        a = load(said, k * LANES)
        delta = (a - load(target, k * LANES)) * lives
        if slope:
            delta = delta * a * (one - a)
        change = const(lives, rate) * delta
        for c in range(n):
            at, m = (c * outputs + k) * LANES, load(h, c * LANES) * load(y, (B + n + c % B) * LANES)
            store(credit, c * LANES, fma(delta, load(v, at), load(credit, c * LANES)))
            store(to, at, load(to, at) - change * m)
        if biased:
            at = (n * outputs + k) * LANES
            store(to, at, load(to, at) - change)


@inline
def _learn_gates(y, h, credit, gate, rate, n, B):
    """The steps of output gates (B, L), and of dL/dm those of states, both times the rate."""
    one = const(load(h, 0), 1.0)
    step, half = const(one, rate), const(one, 0.5)
    for b in range(B):
        store(gate, b * LANES, one - one)
    for c in range(n):
        at, b = c * LANES, (c % B) * LANES
        o, h_c, back = load(y, (B + n) * LANES + b), load(h, at), step * load(credit, at)
        store(gate, b, fma(back * h_c, o * (one - o), load(gate, b)))
        # (1 - h) (1 + h) / 2 is the slope of h = 2 sigmoid(s) - 1
        store(credit, at, back * o * half * (one - h_c * h_c))


@inline
def _change(w, e, u, u_t, credit, gate, gates_biased, cells_biased, n, B, S):
    """Change the weights of gates and cells."""
    for b in range(B):
        for k in range(0 if gates_biased else 1, S):
            to_i, to_o = (b * S + k) * LANES, ((B + n + b) * S + k) * LANES
            value = load(w, to_i)
            for c in range(b, n, B):
                value = value - load(credit, c * LANES) * load(e, (c * S + k) * LANES)
            store(w, to_i, value)
            store(w, to_o, load(w, to_o) - load(gate, b * LANES) * load(u, u_t + k * LANES))
    for c in range(n):
        for k in range(0 if cells_biased else 1, S):
            at, trace = ((B + c) * S + k) * LANES, load(e, ((n + c) * S + k) * LANES)
            store(w, at, load(w, at) - load(credit, c * LANES) * trace)


@inline
def _corrections(updates, alive, rate, hyper, step, correction):
    """Count an update; Adam's corrected rate, and that of the root of the second moment."""
    for lane in range(LANES):
        updates[lane] += alive[lane] > 0.0
        count = max(updates[lane], 1)
        step[0, lane] = rate / (1.0 - hyper[0] ** count)
        correction[0, lane] = 1.0 / np.sqrt(1.0 - hyper[1] ** count)


@inline
def _adam(w, g, moments, at, count, lives, step, correction, hyper):
    """Change `count` vectors of weights; their moments begin at `at`. g is 0 again afterwards."""
    one = const(lives, 1.0)
    share, share_2 = lives * const(one, 1.0 - hyper[0]), lives * const(one, 1.0 - hyper[1])
    for k in range(0, count * LANES, LANES):
        g_k, first, second = load(g, k), at + k, at + count * LANES + k
        m, v = load(moments, first), load(moments, second)
        m, v = fma(share, g_k - m, m), fma(share_2, g_k * g_k - v, v)
        root = fma(sqrt(v), load(correction, 0), const(one, hyper[2]))
        store(w, k, load(w, k) - lives * load(step, 0) * (m / root))
        store(moments, first, m)
        store(moments, second, v)
        store(g, k, one - one)
