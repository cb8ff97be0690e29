"""What labels followed which, remembered in tables of a fixed size, beside the network.

A network learns slowly what can be read off at once: that after these labels came that one. So the
labels of the past are looked up as well, in the manner of variable-order Markov models (Cleary &
Witten 1984). The last k labels, k from 1 to `ORDERS`, are a *context* of order k. Each order has
`BUCKETS` of `WAYS` slots, and a context's code says in which its slot is. A slot holds what came
after the context last, and in how long a run (0 to `RUNS` - 1) that came. A label that does not
come halves the run; one that does not come at a run of 0 gives its place to the one that did. A
context that has no slot takes one from the shortest run in its bucket, and at 0 the slot: what is
seen again and again is not driven out by what is seen once.

What is said comes of a chain. It begins with the probabilities p of the network, held against how
often each label came of late (`calibration.py`); then each order in turn that knows the context,
the shortest first, moves a share of it all to its label:

    p <- (1 - share) p + share [label is the slot's]

The shares are learned, by expectation and maximisation, online: there is one for each order, run,
and whether the order below says the same label. When the label has come, what the slot did for its
probability is

    own = share [label is the slot's] / p

and the share moves towards that, weighed by what orders above left unexplained. So a share comes to
be what an order adds to those below it, and nothing where it adds nothing.

At last the chain's end and its beginning are mixed, in proportion to what each said of the labels
of late, of which the last fifty or so count, and which begins in favour of the beginning. But a
label that nobody expected tilts such a mean for a while, and what follows it may be well known:
hence the chain's end is also heard by itself, for as much as it is better than that mean in the
long run, by Bayes' rule. Where past labels say nothing, what is said is the beginning. The network
learns as if there were no chain.

Where rows hold symbols, flags, categories and other whole numbers, there are contexts of rows, too:
those that the last k rows make, the present one included. Their orders stand above those of labels
in the chain. A row of which no input is a whole number is no context.

A label that is missing is one of its own in a context, and so is what comes before a sequence
begins. At horizon H >= 1 a context ends with the label of the row from which is forecast, and its
successor is the label H rows later. With one output behind a sigmoid there are two labels.
"""

from __future__ import annotations

import math

from rtrl_lstm.kernels.calibration import calibrate, learn_calibration
from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.losses import sigmoid
from rtrl_lstm.kernels.slots import (
    ALWAYS,
    BUCKETS,
    C_CHECK,
    C_LABEL,
    C_RUN,
    C_SIZE,
    DEALT_OUT,
    FIRST_ALWAYS,
    FIRST_LOG_ODDS,
    FOUND_BELOW,
    FOUND_SHARE,
    FOUND_SIZE,
    FOUND_SLOT,
    GREATEST_SHARE,
    GREATEST_SYMBOL,
    LEAST_SAID,
    LOG_LOSS,
    LOG_ODDS,
    MISSING,
    MODULUS,
    MULTIPLIER,
    OF_PLACE,
    OF_SYMBOL,
    ORDERS,
    REMEMBERS_GAINS,
    RUNS,
    SHARE_RATE,
    T_CHAIN,
    T_CONTEXTS,
    T_FOUND,
    T_HORIZON,
    T_LOSS,
    T_OUTPUTS,
    T_PAST_LABELS,
    T_PAST_ROWS,
    T_SHARES,
    T_SUCCESSORS,
    T_SYMBOLS,
    T_SYMBOLS_COUNT,
    WAYS,
)

BUCKET = WAYS * C_SIZE


@inline
def _past(table, row):
    """Where the label of a row is kept, which counts from 0 and may lie before the first."""
    return table[T_PAST_LABELS] + row % (table[T_HORIZON] + ORDERS + 1)


@inline
def _past_row(table, row):
    """Where the code of a row's symbols is kept."""
    return table[T_PAST_ROWS] + row % (table[T_HORIZON] + ORDERS + 1)


@inline
def _class_of(table, y):
    """The class that a label is, -1 where it is none."""
    if math.isnan(y) or (table[T_LOSS] == LOG_LOSS and y != 0.0 and y != 1.0):
        return -1
    return int(y)


@inline
def keep_label(head, table, row, y):
    """The label of a row is y, NaN where there is none or none yet: contexts will hold it."""
    label = _class_of(table, y)
    head[_past(table, row)] = MISSING if label < 0 else MISSING + 1.0 + label


@inline
def keep_symbols(head, table, row, x, first):
    """The symbols among the inputs x[first:] of a row as a code; 1 without any, 0: no row.

    It is a sum over symbols that are not 0, so that inputs that come up change none.
    """
    if table[T_CONTEXTS] <= ORDERS:
        return
    code, symbols = 0, 0
    for k in range(table[T_SYMBOLS], table[T_SYMBOLS] + table[T_SYMBOLS_COUNT]):
        value = float(x[first + table[k]])
        if abs(value) <= GREATEST_SYMBOL and value == math.floor(value):
            symbols += 1
            if value != 0.0:
                one = ((table[k] + 1) * OF_PLACE + int(value)) % MODULUS
                code = (code + one * OF_SYMBOL) % MODULUS
    head[_past_row(table, row)] = float(code + 2) if symbols > 0 else 1.0


@inline
def forget_labels(head, table):
    """A new sequence begins: no context reaches back beyond it."""
    if table[T_CONTEXTS] != 0:
        for k in range(table[T_HORIZON] + ORDERS + 1):
            head[table[T_PAST_LABELS] + k] = 0.0
            if table[T_CONTEXTS] > ORDERS:
                head[table[T_PAST_ROWS] + k] = 0.0


@inline
def _slot(body, bucket, check):
    """The slot of a context, or that of the shortest run in its bucket."""
    found = bucket
    for slot in range(bucket, bucket + BUCKET, C_SIZE):
        if body[slot + C_CHECK] == check:
            return slot
        if body[slot + C_RUN] < body[found + C_RUN]:
            found = slot
    return found


@inline
def _last_row(table, row):
    """The last row whose inputs are known where the last label is that of a row."""
    return row + int(table[T_HORIZON] == 0)


@inline
def _orders(head, table, row):
    """How many there are after the label of a row: those of labels, and of rows with symbols."""
    if table[T_CONTEXTS] > ORDERS and head[_past_row(table, _last_row(table, row))] == 1.0:
        return ORDERS
    return table[T_CONTEXTS]


@inline
def _find(head, body, table, row):
    """For each order: the slot of the context that ends with row `row`, its check and its share."""
    code, below = 1, -1.0
    for k in range(_orders(head, table, row)):
        if k < ORDERS:
            last = head[_past(table, row - k)]
        else:
            code = 1 if k == ORDERS else code
            last = head[_past_row(table, _last_row(table, row) - (k - ORDERS))]
        code = (code * MULTIPLIER + int(last) + 1) % MODULUS
        check = code // BUCKETS + 1
        slot = _slot(body, table[T_SUCCESSORS] + (k * BUCKETS + code % BUCKETS) * BUCKET, check)
        at = table[T_FOUND] + k * FOUND_SIZE
        head[at + FOUND_SLOT] = slot
        head[at + FOUND_SHARE] = -check  # the context is not known
        label = -1.0
        if body[slot + C_CHECK] == check:
            label = float(body[slot + C_LABEL])
            share = (k * RUNS + int(body[slot + C_RUN])) * 2 + int(label == below)
            head[at + FOUND_SHARE] = table[T_SHARES] + 2 * share
        below = label


@inline
def _heard(head, table):
    """How much the chain's end counts for beside its beginning: of late, and in all."""
    of_late = sigmoid(head[table[T_CHAIN] + LOG_ODDS])
    return of_late, of_late + head[table[T_CHAIN] + ALWAYS] * (1.0 - of_late)


@inline
def consult(head, body, table, row, y_hat, to):
    """What the network says, y_hat[to:], mixed with what followed the labels up to row `row`."""
    calibrate(head, table, y_hat, to)
    _find(head, body, table, row)
    found, heard = table[T_FOUND], _heard(head, table)[1]
    left = heard
    for k in range(_orders(head, table, row) - 1, -1, -1):
        at = found + k * FOUND_SIZE
        if head[at + FOUND_SHARE] >= 0.0:
            share = head[int(head[at + FOUND_SHARE])]
            head[at + FOUND_BELOW] = left * share
            left *= 1.0 - share
    for o in range(table[T_OUTPUTS]):
        y_hat[to + o] *= 1.0 - heard + left
    first = int(table[T_LOSS] == LOG_LOSS)  # the class whose probability output 0 is
    for k in range(_orders(head, table, row)):
        at = found + k * FOUND_SIZE
        if head[at + FOUND_SHARE] >= 0.0:
            o = int(body[int(head[at + FOUND_SLOT]) + C_LABEL]) - first
            if o >= 0:
                y_hat[to + o] += head[at + FOUND_BELOW]


@inline
def _move_share(head, at, own, weight):
    """A share at `at`, and behind it the count of its labels, after one of that weight."""
    head[at + 1] += weight
    rate = max(SHARE_RATE, 1.0 / head[at + 1]) * weight
    head[at] = min(head[at] + rate * (own - head[at]), GREATEST_SHARE)


@inline
def _follow(body, slot, place, label):
    """A slot after a label came behind its context; or behind another, whose check is -place."""
    run, known = body[slot + C_RUN], place >= 0
    if known and body[slot + C_LABEL] == label:
        body[slot + C_RUN] = min(run + 1.0, RUNS - 1.0)
    elif known and run > 0.0:
        body[slot + C_RUN] = math.floor(0.5 * run)
    elif run > 0.0:
        body[slot + C_RUN] = run - 1.0
    else:
        body[slot + C_LABEL] = label
        if not known:
            body[slot + C_CHECK] = -place


@inline
def _weigh(head, table, first, last):
    """The chain's beginning said `first` of the label that came, its end `last`."""
    chain, of_late = table[T_CHAIN], _heard(head, table)[0]
    mean = max(of_late * last + (1.0 - of_late) * first, LEAST_SAID)
    first, last = max(first, LEAST_SAID), max(last, LEAST_SAID)
    always = head[chain + ALWAYS] * last
    always /= always + (1.0 - head[chain + ALWAYS]) * mean
    head[chain + ALWAYS] = always + DEALT_OUT * (FIRST_ALWAYS - always)
    gains = REMEMBERS_GAINS * (head[chain + LOG_ODDS] - FIRST_LOG_ODDS)
    head[chain + LOG_ODDS] = FIRST_LOG_ODDS + gains + math.log(last / first)


@inline
def learn_contexts(head, body, table, row, y, weight):
    """Label y came behind the context that ends with row `row`; the readout is of that forecast.

    How great a weight is does not count, unless it is 0: then nothing is learned.
    """
    if weight == 0.0:
        return
    label = _class_of(table, y)
    if label < 0:
        return
    _find(head, body, table, row)
    found, first = table[T_FOUND], learn_calibration(head, body, table, label)
    p = first
    for k in range(_orders(head, table, row)):
        at = found + k * FOUND_SIZE
        head[at + FOUND_BELOW] = p
        if head[at + FOUND_SHARE] >= 0.0:
            share = head[int(head[at + FOUND_SHARE])]
            hit = share if body[int(head[at + FOUND_SLOT]) + C_LABEL] == label else 0.0
            p = (1.0 - share) * p + hit
    _weigh(head, table, first, p)
    unexplained = 1.0
    for k in range(_orders(head, table, row) - 1, -1, -1):
        at = found + k * FOUND_SIZE
        slot, place = int(head[at + FOUND_SLOT]), int(head[at + FOUND_SHARE])
        if place >= 0:
            hit = head[place] if body[slot + C_LABEL] == label else 0.0
            own = hit / ((1.0 - head[place]) * head[at + FOUND_BELOW] + hit)
            _move_share(head, place, own, unexplained)
            unexplained *= 1.0 - own
        _follow(body, slot, place, label)
