"""What a network says of labels, held against how often they come.

Where there is nothing to learn a network is too sure all the same, and where it has learned a rule
it often is not sure enough. So what it says of a class, p, is held against f, how often the class
came of about the last 500 labels. Four members say

    f (p / f)^b / (the sum of that over all classes),    b = 0, 1/2, 1, 3/2

which are the frequencies alone, and the network damped, as it is, and sharpened. They are mixed by
Bayes' rule: with each label a member's weight is multiplied by what it said of that label. Then a
small share of all weights is dealt out anew, to all alike, so that who was wrong for long comes
back soon (fixed share: Herbster & Warmuth 1998). So the sum of the mixture's log losses is at most
1.4 nats above the best member's, the logarithm of four, and half a nat more for each thousand
labels: as long as that member gives none of them less than a thousandth.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.losses import write_probabilities
from rtrl_lstm.kernels.slots import (
    DAMPED,
    DEALT_OUT,
    LEAST_FREQUENCY,
    LEAST_SAID,
    LOG_LOSS,
    MEMBERS,
    OFTEN,
    PLAIN,
    REMEMBERS_LABELS,
    SHARPENED,
    T_FREQUENCIES,
    T_LOSS,
    T_OUTPUTS,
    T_SAID,
    T_WEIGHTS,
)


@inline
def _classes(table):
    return table[T_OUTPUTS] + int(table[T_LOSS] == LOG_LOSS)


@inline
def _counted(head, table):
    """Labels of late, with a little for each class."""
    counted = _classes(table) * LEAST_FREQUENCY
    for c in range(_classes(table)):
        counted += head[table[T_FREQUENCIES] + c]
    return counted


@inline
def _often(head, table, c, counted):
    """f of class c, and the root of p / f."""
    often = (head[table[T_FREQUENCIES] + c] + LEAST_FREQUENCY) / counted
    return often, math.sqrt(head[table[T_SAID] + c] / often)


@inline
def _sums(head, table, counted):
    """Over all classes, of what the network says damped, and sharpened."""
    damped, sharpened = 0.0, 0.0
    for c in range(_classes(table)):
        often, root = _often(head, table, c, counted)
        damped += often * root
        sharpened += head[table[T_SAID] + c] * root
    return damped, sharpened


@inline
def calibrate(head, table, y_hat, to):
    """What the network says, y_hat[to:], becomes what the members say together."""
    said, weights = table[T_SAID], table[T_WEIGHTS]
    first = int(table[T_LOSS] == LOG_LOSS)  # the class whose probability output 0 is
    for o in range(table[T_OUTPUTS]):
        head[said + first + o] = y_hat[to + o]
    if first == 1:
        head[said] = 1.0 - head[said + 1]
    counted = _counted(head, table)
    damped, sharpened = _sums(head, table, counted)
    damped, sharpened = head[weights + DAMPED] / damped, head[weights + SHARPENED] / sharpened
    for o in range(table[T_OUTPUTS]):
        often, root = _often(head, table, first + o, counted)
        p = often * (head[weights + OFTEN] + damped * root)
        y_hat[to + o] = p + head[said + first + o] * (head[weights + PLAIN] + sharpened * root)


@inline
def _judge(head, at, said):
    """A member said so much of the label that came: what that made of what all said of it."""
    share = head[at] * said
    head[at] *= max(said, LEAST_SAID)
    return share


@inline
def _deal_out(head, weights):
    """Weights that sum to 1 again, of which none vanishes."""
    total = 0.0
    for m in range(MEMBERS):
        total += head[weights + m]
    for m in range(MEMBERS):
        head[weights + m] *= (1.0 - DEALT_OUT) / total
        head[weights + m] += DEALT_OUT / MEMBERS


@inline
def learn_calibration(head, body, table, label):
    """A label came, whose forecast the readout holds: what all said of it, before that counts."""
    write_probabilities(head, body, table, table[T_SAID])
    counted, weights = _counted(head, table), table[T_WEIGHTS]
    damped, sharpened = _sums(head, table, counted)
    often, root = _often(head, table, label, counted)
    said = head[table[T_SAID] + label]
    p = _judge(head, weights + OFTEN, often)
    p += _judge(head, weights + DAMPED, often * root / damped)
    p += _judge(head, weights + PLAIN, said)
    p += _judge(head, weights + SHARPENED, said * root / sharpened)
    _deal_out(head, weights)
    for c in range(_classes(table)):
        head[table[T_FREQUENCIES] + c] *= REMEMBERS_LABELS
    head[table[T_FREQUENCIES] + label] += 1.0
    return p
