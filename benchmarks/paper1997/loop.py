"""The literal nets of Tables 3 to 9, up to sixteen trials of a setting side by side.

It is the engine's rule for the case that the paper has: no forget gate, squared error at the last
row alone, an update per sequence by SGD; and with Adam and without f', as two farther tasks are. A
net of 30 to 300 weights fills no vector, and each of its steps waits for the one before. So a
vector holds one number of each of sixteen nets: a step of all of them costs little more than one of
a single net. Each net keeps to a lane of its own, with sequences and weights of its own; what it
learns does not depend on what the others do. Tests hold the loop to the engine, whose vectors and
sigmoid it uses, and from whose nets it takes its initial weights.

Sequences of the lanes end together: what begins later is dead until then, with gates of 0.

Shapes: n cells in B blocks (cell c is in block c mod B), O outputs, L lanes. Sources u of a row: 1;
the I inputs, a symbol as one of 1 among zeros; of the row before the cells' outputs, input gates
and output gates, as far as they are seen. S in all, made even by one that is always 0. Rows of
weights: B of input gates, n of cells, B of output gates, R in all.
    W (R, S, L)  weights
    E (2 n, S, L)  traces, ds_c / dW: of its block's input gate, then of its own row
    V (n + 1, O, L)  weights of the outputs; the last are their biases
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rtrl_lstm import Adam, Learner, Spec
from rtrl_lstm.spec import IMPLIED_ACTIVATION

from . import side
from .side import LANES
from .tasks import Array, Batch


def fits(spec: Spec) -> bool:
    """Whether the loop has what a learner has."""
    gates = (spec.input_gate, spec.forget_gate, spec.output_gate, spec.shortcuts, spec.peephole)
    return (
        (spec.input_activation, spec.cell_activation) == ("4sigmoid-2", "2sigmoid-1")
        and gates == (True, False, True, False, False)
        and spec.gate_recurrence != "gates"
        and spec.loss in ("squared_error", "log_loss")
        and spec.update == "sequence"
        and spec.optimizer.name in ("sgd", "adam")
    )


STATE = "W", "V", "moments"


class LoopNet:
    """A net for the loop, with the weights of a learner that was not trained yet."""

    def __init__(self, learner: Learner) -> None:
        spec = learner.spec
        assert fits(spec)
        self.rate = spec.learning_rate
        self.biased = np.array([spec.is_biased(part) for part in ("gates", "cells", "readout")])
        W = taken(learner)
        seen = W.shape[1] - 1 - spec.input_size
        self.W = np.pad(W, ((0, 0), (0, W.shape[1] % 2)))
        logistic = "sigmoid" in (spec.output_activation, IMPLIED_ACTIVATION.get(spec.loss))
        outputs = logistic, logistic and spec.loss == "squared_error"
        self.sizes = spec.hidden_size, spec.blocks, spec.input_size, seen, *outputs
        self.V = np.zeros((spec.hidden_size + 1, spec.output_size), np.float32)
        self.V[:-1] = learner.array("readout.weight")
        if self.biased[2]:
            self.V[-1] = learner.array("readout.direct.weight")[:, 0]
        self.hyper = hyper_of(spec)
        # The first and second of W, then of V; with SGD there are none.
        count = 2 * (self.W.size + self.V.size) if self.hyper[2] else 0
        self.moments = np.zeros((count, 1), np.float32)
        self.updates = 0

    def __copy__(self) -> LoopNet:
        other = object.__new__(LoopNet)
        other.__dict__.update(self.__dict__)
        for name in STATE:
            setattr(other, name, getattr(self, name).copy())
        return other

    def run(self, batch: Batch) -> Array:
        """Learn a batch; what was said at the last row of each sequence, (S, O)."""
        return learn([self], [batch])[0]

    def answers(self, batch: Batch) -> Array:
        """As `run`, learning nothing: each lane holds this net, and has its share of sequences."""
        count, outputs = len(batch.starts), self.V.shape[1]
        rounds = -(-count // LANES)
        spans = np.zeros((rounds * LANES, 2), np.intp)
        spans[:count] = np.stack([batch.starts, batch.ends + 1], axis=1)
        nothing = side.vectors(rounds, outputs)
        said = _run([self] * LANES, [batch], spans.reshape(rounds, LANES, 2), nothing, 0.0)
        return said.transpose(0, 2, 1).reshape(-1, outputs)[:count]


def learn(nets: Sequence[LoopNet], batches: Sequence[Batch]) -> list[Array]:
    """Nets of one setting, LANES at most, learn a batch each; what each said, as `LoopNet.run`."""
    counts, outputs = [len(batch.starts) for batch in batches], nets[0].V.shape[1]
    spans = np.zeros((max(counts), LANES, 2), np.intp)
    Y, rows = side.vectors(max(counts), outputs), 0
    for lane, (batch, count) in enumerate(zip(batches, counts, strict=True)):
        spans[:count, lane] = rows + np.stack([batch.starts, batch.ends + 1], axis=1)
        Y[:count, :, lane] = batch.Y
        rows += batch.rows
    said = _run(nets, batches, spans, Y, nets[0].rate)
    return [said[:count, :, lane] for lane, count in enumerate(counts)]


def _run(
    nets: Sequence[LoopNet], batches: Sequence[Batch], spans: Any, Y: Any, rate: float
) -> Array:
    """What nets said, (Q, O, L), in a lane each; with a rate they learn.

    spans (Q, L, 2): the first row of each lane's q-th sequence, and the one after its last.
    """
    one, (symbols, X) = nets[0], _joined(batches)
    state = tuple(_stacked([getattr(net, name) for net in nets]) for name in STATE)
    updates = np.array([net.updates for net in nets] + [0] * (LANES - len(nets)))
    said, memory = side.vectors(*Y.shape[:-1]), side.memory(*one.W.shape, Y.shape[1], one.sizes)
    rest = spans, Y, np.float32(rate), one.hyper, one.sizes, memory, said
    side.learn(state, updates, one.biased, symbols, X, *rest)
    if rate > 0.0:
        for lane, net in enumerate(nets):
            net.updates = int(updates[lane])
            for name, stacked in zip(STATE, state, strict=True):
                setattr(net, name, stacked[:, :, lane].copy())
    return said.astype(np.float64)


def _joined(batches: Sequence[Batch]) -> tuple[Any, Any]:
    """Symbols and inputs of all batches; of either there are none."""
    if batches[0].symbols is not None:
        return np.concatenate([batch.symbols for batch in batches]), np.empty((0, 0), np.float32)
    return np.empty(0, np.intp), np.concatenate([batch.X for batch in batches])


def _stacked(weights: list[Any]) -> Any:
    """(a, b, L) of one (a, b) for each net; 0 in the lanes without."""
    stacked = side.vectors(*weights[0].shape)
    stacked[:, :, : len(weights)] = np.stack(weights, axis=-1)
    return stacked


def hyper_of(spec: Spec) -> tuple[float, float, float]:
    """Adam's beta1, beta2 and eps; zeros for SGD."""
    adam = spec.optimizer
    return (adam.beta1, adam.beta2, adam.eps) if isinstance(adam, Adam) else (0.0, 0.0, 0.0)


def taken(learner: Learner) -> Any:
    """W (R, S) with a learner's weights; the bias comes first, and is 0 where there is none."""
    rows = []
    for name in ("layer0.i.weight", "layer0.g.weight", "layer0.o.weight"):
        weights = learner.array(name)
        unbiased = "bias" not in learner.layout.fields[name].axes[1]
        rows.append(np.pad(weights, ((0, 0), (int(unbiased), 0))))
    return np.concatenate(rows).astype(np.float32)
