"""Forecasts of several learners mixed by how well each did of late.

The weight of a learner is the power -4 of its recent loss: of a mean over its labels, in which a
label's importance fades by `FADES` with each one that follows. The loss is the absolute error of a
number, where there are several of each by itself, and the logarithmic loss of a class. Until there
is a loss, all count the same. Who says no finite number is not heard.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import entry, inline

FADES = 0.99
LEAST_LOSS = 1e-12
LEAST_PROBABILITY = 1e-6
NUMBERS, PROBABILITY, CLASS = range(3)


@inline
def _loss(kind, said, label, k):
    """Of what a learner said (O,), its number k, by the label (O,) or (1,); NaN: there is none."""
    if math.isnan(label[k]):
        return math.nan
    if kind == NUMBERS:
        return abs(said[k] - label[k])
    if kind == PROBABILITY:
        share = said[0] if label[0] > 0.5 else 1.0 - said[0]
    else:
        share = said[int(label[0])] if label[0] < len(said) else 0.0
    return -math.log(max(share, LEAST_PROBABILITY))


@inline
def _note(kind, said, label, losses):
    """Let the losses of what each learner said (M, O) join those of late (M, K)."""
    for m in range(losses.shape[0]):
        for k in range(losses.shape[1]):
            loss, before = _loss(kind, said[m], label, k), losses[m, k]
            if math.isfinite(loss):
                if not math.isnan(before):
                    loss = FADES * before + (1.0 - FADES) * loss
                losses[m, k] = loss


@inline
def _weight(losses, m, k):
    """Of learner m where number k is said, before all weights are made to sum to 1."""
    if math.isnan(losses[m, k]):
        return 1.0
    square = max(losses[m, k], LEAST_LOSS) * max(losses[m, k], LEAST_LOSS)
    return 1.0 / (square * square)


@entry
def mix(kind, horizon, frozen, said, labels, begins, losses, ring, since, mixed):
    """Rows in order: the mixed forecasts (T, O) of what M learners said (T, M, O).

    labels (T, K), NaN where there is none: of the row itself at horizon 0, else of the forecast
    made so many rows before. begins (T,): where a sequence begins. losses (M, K), ring (H, M, O),
    what was said of labels that are awaited, and since (1,), the rows of this sequence, are brought
    up to date; where frozen, the losses are not.
    """
    for t in range(len(said)):
        if begins[t]:
            since[0] = 0
        slot = since[0] % max(horizon, 1)
        if horizon > 0 and since[0] >= horizon and not frozen:
            _note(kind, ring[slot], labels[t], losses)
        for k in range(said.shape[2]):
            column, total, value = k if kind == NUMBERS else 0, 0.0, 0.0
            for m in range(said.shape[1]):
                if math.isfinite(said[t, m, k]):
                    weight = _weight(losses, m, column)
                    total += weight
                    value += weight * said[t, m, k]
            mixed[t, k] = value / total if total > 0.0 else math.nan
        ring[slot] = said[t]
        if horizon == 0 and not frozen:
            _note(kind, said[t], labels[t], losses)
        since[0] += 1


@entry
def learn_late(kind, ring, label, losses):
    """The label (K,) of the last row's forecasts, ring[0], where there is no horizon."""
    _note(kind, ring[0], label, losses)
