"""What labels followed which, in lists and dicts: the slow twin of the engine's tables."""

import math
from collections import defaultdict

import numpy as np

ORDERS, BUCKETS, WAYS, LONGEST_RUN = 8, 128, 4, 7
PRIME, FACTOR = 2147483647, 1103515245
BEFORE, MISSING = -2, -1


def dealt_out(weights, first):
    """They sum to 1, and a little of them is as at first."""
    return 0.9995 * weights / weights.sum() + 0.0005 * first


class Shares:
    """Shares that labels move, each with the weight of labels so far."""

    def __init__(self, first):
        self.found = defaultdict(lambda: [first, 2.0])

    def __getitem__(self, key):
        return self.found[key][0]

    def move(self, key, own, weight):
        share, count = self.found[key]
        count += weight
        share += max(0.01, 1 / count) * weight * (own - share)
        self.found[key] = [min(share, 0.9999), count]


class Contexts:
    """The naive twin of `kernels/contexts.py`, given what the network says.

    Labels are noted with `know`, one a row, None where there is none, and a context is that of
    the last `ORDERS` labels up to `end`, a count of labels. Rows are noted with `see`, and those
    of which some of `symbols` are whole numbers have contexts, too, in orders above.
    """

    def __init__(self, classes, symbols=(), horizon=0):
        self.classes, self.symbols, self.horizon = classes, symbols, horizon
        self.labels, self.rows = [], []

        def empty():
            return [[None, None, 0] for _ in range(WAYS)]  # context, label, run

        self.buckets = [defaultdict(empty) for _ in range(2 * ORDERS)]
        self.shares = Shares(0.04)
        self.counts = np.zeros(classes)
        self.weights = np.full(4, 0.25)  # of the members
        self.always, self.log_odds = 0.5, -3.0  # of the chain

    def see(self, x):
        """A row's inputs: what of them are whole numbers is its symbols, (place, number)."""
        found = [(k, int(x[k])) for k in self.symbols if abs(x[k]) <= 1e6 and x[k] % 1 == 0]
        self.rows.append(tuple(found) if found else MISSING)

    def know(self, label):
        self.labels.append(MISSING if label is None else label)

    def reset(self):
        self.labels = [BEFORE] * len(self.labels)
        self.rows = [BEFORE] * len(self.rows)

    def contexts(self, end):
        """The last labels, the newest first, one, two ...; and the last rows."""
        labels = [self.labels[end - 1 - k] if k < end else BEFORE for k in range(ORDERS)]
        last = end - (self.horizon > 0)  # that row is known
        rows = [self.rows[last - k] if k <= last else BEFORE for k in range(ORDERS)]
        if self.symbols and rows[0] != MISSING:
            return [tuple(each[: k + 1]) for each in (labels, rows) for k in range(ORDERS)]
        return [tuple(labels[: k + 1]) for k in range(ORDERS)]

    def number(self, event):
        """A label, or the symbols of a row: those that are 0 count nothing."""
        if not isinstance(event, tuple):
            return event
        return sum(((k + 1) * 742938285 + v) * 950706376 for k, v in event if v) % PRIME

    def slot(self, order, context):
        """Its own slot, or the one with the shortest run in its bucket."""
        code = 1
        for event in context:
            code = (code * FACTOR + self.number(event) + 3) % PRIME
        bucket = self.buckets[order][code % BUCKETS]
        own = [slot for slot in bucket if slot[0] == context]
        return own[0] if own else min(bucket, key=lambda slot: slot[2])

    def known(self, end):
        """(order, slot, key of its share) of each order that knows the context, shortest first."""
        below = None
        for k, context in enumerate(self.contexts(end)):
            slot = self.slot(k, context)
            if slot[0] != context:
                below = None
                continue
            yield k, slot, (k, slot[2], slot[1] == below)
            below = slot[1]

    def frequencies(self):
        return (self.counts + 0.1) / (self.counts.sum() + 0.1 * self.classes)

    def members(self, p_net):
        """What those say that know no context (4, K): the twin of `kernels/calibration.py`."""
        f = self.frequencies()
        said = np.array([f * (p_net / f) ** power for power in (0.0, 0.5, 1.0, 1.5)])
        return said / said.sum(1, keepdims=True)

    def chain(self, end, p_net):
        """What it says (K,), level by level: the members' mean first, then the orders."""
        p = self.weights @ self.members(p_net)
        levels = [p]
        for _, slot, key in self.known(end):
            p = (1 - self.shares[key]) * p + self.shares[key] * np.eye(self.classes)[slot[1]]
            levels.append(p)
        return levels

    def of_late(self, levels):
        heard = 1 / (1 + math.exp(-self.log_odds))
        return (1 - heard) * levels[0] + heard * levels[-1]

    def forecast(self, end, p_net):
        levels = self.chain(end, p_net)
        return (1 - self.always) * self.of_late(levels) + self.always * levels[-1]

    def learn(self, end, p_net, label):
        known, levels = list(self.known(end)), self.chain(end, p_net)
        said = np.array([levels[0], levels[-1], self.of_late(levels)])
        first, last, mean = np.maximum(said[:, label], 1e-3)
        both = np.array([(1 - self.always) * mean, self.always * last])
        self.always = dealt_out(both, np.full(2, 0.5))[1]
        self.log_odds = -3 + 0.98 * (self.log_odds + 3) + math.log(last / first)
        judged = self.weights * np.maximum(self.members(p_net)[:, label], 1e-3)
        self.weights = dealt_out(judged, np.full(4, 0.25))
        unexplained = 1.0
        for (_, slot, key), p in reversed(list(zip(known, levels[1:], strict=True))):
            own = self.shares[key] * (slot[1] == label) / p[label]
            self.shares.move(key, own, unexplained)
            unexplained *= 1 - own
        for k, context in enumerate(self.contexts(end)):
            self.follow(self.slot(k, context), context, label)
        self.counts *= 0.998
        self.counts[label] += 1

    def follow(self, slot, context, label):
        if slot[:2] == [context, label]:
            slot[2] = min(slot[2] + 1, LONGEST_RUN)
        elif slot[2] > 0:
            slot[2] = slot[2] // 2 if slot[0] == context else slot[2] - 1
        else:
            slot[:] = [context, label, 0]
