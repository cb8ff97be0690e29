"""The network's forecast combined with others, by recursive least squares.

Some inputs are forecasts of the target by themselves: its last value, its value a season ago. The
combination is the linear one, over [1, the network's forecast, those inputs], that would have been
best for the labels so far, where a label's importance decays by `FORGETTING` with each one that
follows (Bates & Granger 1969 on combining; Haykin, Adaptive Filter Theory, on the recursion). So a
learner that has learned nothing yet is as good as the best simple forecast, and it stays so on a
stream where there is nothing to learn. All numbers but the 1 enter standardised by the target's
running mean and spread. Everything here is float64 and lies in the head. Where there are several
outputs, each has a combination of its own, with inputs of its own.

Least squares takes hundreds of labels to change its mind, and squares make much of outliers. So
what is said is a mean of the combination, of each of those inputs alone, and of the target's
running mean, which nothing beats where there is nothing to know. Their shares are the fourth powers
of 1 / (a b), where a and b are the mean absolute errors over about the last 20 labels and the last
1,000: who was best of late counts most, and who is best as a rule, too. That of the first input,
the last value, is doubled. `Spec.combine_inner` names inputs that have no share of their own: many
that say nearly the same would outvote the others. Least squares itself may leave the range of what
it combines by half of it at most: terms that stood still have taught it nothing, and it would go
anywhere when they move. Beside that mixture stand two simple forecasts once more, the first input
and the target's mean, until it has proved better: see `advantage.py`.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.advantage import learn_advantage, odds
from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.scaling import target_mean, target_spread
from rtrl_lstm.kernels.slots import (
    BEYOND,
    CLIP_CREDIT,
    FADING,
    FIRST_COUNTS,
    FORGETTING,
    GREATEST_COVARIANCE,
    H_CLIP_LIMIT,
    H_RESET_STEP,
    SAME,
    T_CLIP,
    T_COMBINATION,
    T_COMBINED,
    T_COMBINED_INPUTS,
    T_COMBINED_RING,
    T_COVARIANCE,
    T_EVERY_STEP,
    T_HORIZON,
    T_LOSSES,
    T_OUTPUTS,
    T_REACH,
    T_TARGET_COUNT,
)


@inline
def _slot(table, row, output):
    """Where the numbers are kept that were combined at a row for an output."""
    slot = row % max(table[T_HORIZON], 1) * table[T_OUTPUTS] + output
    return table[T_COMBINED_RING] + slot * (table[T_COMBINED] + 2)


@inline
def _losses(table, output):
    """Where the losses of an output begin."""
    return table[T_LOSSES] + 3 * output * table[T_COMBINED]


@inline
def _standardised(head, table, output, value):
    return (value - target_mean(head, table, output)) / target_spread(head, table, output)


@inline
def combine(head, table, row, x, first, y_hat, to):
    """Combine what the network says of a row, y_hat[to:]; what goes in is kept for the label."""
    for output in range(table[T_OUTPUTS]):
        y_net = float(y_hat[to + output])
        y_hat[to + output] = _combined(head, table, row, x, first, y_net, output)


@inline
def _combined(head, table, row, x, first, y_net, output):
    """The combined forecast of an output.

    In the place of the 1 is kept what least squares said; behind the terms, the target's mean and
    that of all. Before the first label there is no scale on which the network could say anything:
    NaN is kept there.
    """
    size, term = table[T_COMBINED], _slot(table, row, output)
    inputs = table[T_COMBINED_INPUTS] + output * (size - 2)
    weights = table[T_COMBINATION] + output * size
    head[term + 1] = y_net
    for k in range(2, size):
        head[term + k] = x[first + table[inputs + k - 2]]
    combined, low, high = head[weights], 0.0, 0.0
    for k in range(1, size):
        alone = _standardised(head, table, output, head[term + k])
        combined += head[weights + k] * alone
        low, high = min(low, alone), max(high, alone)
    beyond = BEYOND * (high - low)
    combined = min(max(combined, low - beyond), high + beyond)
    mean, spread = target_mean(head, table, output), target_spread(head, table, output)
    begun = head[table[T_TARGET_COUNT] + output] > 0.0
    head[term] = mean + spread * combined if begun else math.nan
    head[term + size] = mean
    mixed = mean + spread * _mixed(head, table, output, term, combined)
    head[term + size + 1] = mixed
    if head[_losses(table, output) + 5] <= 0.0:  # the first input's count of losses
        return mixed
    first, centre = odds(head, table, output, 0), odds(head, table, output, 1)
    said = mixed + first * head[term + 2] + centre * mean
    return said / (1.0 + first + centre)


@inline
def _mixed(head, table, output, term, combined):
    """The mean of the combination, the inputs at `term` and the target's mean, by recent losses.

    Standardised, so that the target's mean is 0.
    """
    losses, total, said, best = _losses(table, output), 0.0, 0.0, math.inf
    for k in range(table[T_COMBINED]):
        if head[losses + 3 * k + 2] > 0.0:
            best = min(best, head[losses + 3 * k] * head[losses + 3 * k + 1])
    for k in range(table[T_COMBINED]):
        if head[losses + 3 * k + 2] > 0.0:
            loss = head[losses + 3 * k] * head[losses + 3 * k + 1]
            square = best / loss * (best / loss) if loss > 0.0 else 1.0
            share = square * square
            if k == 1:
                share *= FIRST_COUNTS
            alone = combined if k == 0 else 0.0
            if 0 < k < table[T_COMBINED] - 1:
                alone = _standardised(head, table, output, head[term + 1 + k])
            total += share
            said += share * alone
    return said / total if total > 0.0 else combined


@inline
def _note_loss(head, place, error):
    """A loss joins those of late, over few labels and over many: at first their plain mean.

    It is in the target's own unit: in one that changes, old losses would count too much or nothing.
    """
    head[place + 2] += 1.0
    for k in range(2):
        rate = max(1.0 - FADING[k], 1.0 / head[place + 2])
        head[place + k] += rate * (abs(error) - head[place + k])


@inline
def _compare(head, table, output, kept, label):
    """What the mixture said against what the first input and the target's mean did."""
    labels, mixed = head[_losses(table, output) + 5], head[kept + table[T_COMBINED] + 1]
    for k in range(2):
        simple, difference = head[kept + (table[T_COMBINED] if k == 1 else 2)], 0.0
        if abs(mixed - simple) > SAME * (abs(mixed) + abs(simple)):
            difference = abs(label - simple) - abs(label - mixed)
        learn_advantage(head, table, output, k, difference, labels)


@inline
def learn_combination(head, table, row, y, first, weight):
    """The label y[first:] that has come at a row: of the forecasts made `horizon` rows before.

    Where the outputs are of the rows 1, 2 ... ahead, the last target of the label is that of them
    all, made so many rows before. None of it is of a forecast made before a reset.
    """
    if table[T_COMBINED] == 0 or weight == 0.0:
        return
    outputs = table[T_OUTPUTS]
    for output in range(outputs):
        ago, label = table[T_HORIZON], y[first + output]
        if table[T_EVERY_STEP] != 0:
            ago, label = output + 1, y[first + outputs - 1]
        if row - ago >= head[H_RESET_STEP] and not math.isnan(label):
            _learn_output(head, table, output, _slot(table, row - ago, output), label, weight)


@inline
def _learn_output(head, table, output, kept, label, weight):
    """The label of an output whose terms are kept at `kept`: one step of least squares.

    With u the row's terms: w += P u error / r, P = (P - P u (P u)' / r) / forgetting, where
    r = forgetting / weight + u' P u. The trace of P is bounded: terms that do not move teach
    nothing, and must not wind it up.
    """
    size, reach, u = table[T_COMBINED], table[T_REACH], table[T_REACH] + table[T_COMBINED]
    weights = table[T_COMBINATION] + output * size
    covariance = table[T_COVARIANCE] + output * size * size
    if math.isnan(head[kept]):  # too early, or combined nothing: the learner has grown since
        return
    target, losses = _standardised(head, table, output, label), _losses(table, output)
    _note_loss(head, losses, label - head[kept])
    _note_loss(head, losses + 3 * (size - 1), label - head[kept + size])
    head[u] = 1.0
    for k in range(1, size):
        # A term that has come up since is 0 here, so that nothing is learned about it.
        term = _standardised(head, table, output, head[kept + k])
        if k > 1 and not math.isnan(term) and head[losses + 3 * (k - 1) + 2] >= 0.0:
            _note_loss(head, losses + 3 * (k - 1), label - head[kept + k])
            if k == 2:
                _compare(head, table, output, kept, label)
        head[u + k] = 0.0 if math.isnan(term) else term
    error, uncertainty = target, 0.0
    for i in range(size):
        head[reach + i] = 0.0
        for j in range(size):
            head[reach + i] += head[covariance + i * size + j] * head[u + j]
        error -= head[weights + i] * head[u + i]
        uncertainty += head[u + i] * head[reach + i]
    if table[T_CLIP] == CLIP_CREDIT:
        error = min(max(error, -head[H_CLIP_LIMIT]), head[H_CLIP_LIMIT])
    scale, trace = 1.0 / (FORGETTING / weight + uncertainty), 0.0
    for i in range(size):
        head[weights + i] += error * scale * head[reach + i]
        for j in range(size):
            at = covariance + i * size + j
            # In this order i and j may change places without changing a bit: P stays symmetric.
            # What is not symmetric in it would grow by 1 / forgetting with every label.
            outer = head[reach + i] * head[reach + j]
            head[at] = (head[at] - scale * outer) / FORGETTING
        trace += head[covariance + i * size + i]
    if trace > GREATEST_COVARIANCE:
        for k in range(size * size):
            head[covariance + k] *= GREATEST_COVARIANCE / trace
