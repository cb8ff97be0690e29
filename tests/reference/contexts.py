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
    the last `ORDERS` labels up to `end`, a count of labels.
    """

    def __init__(self, classes):
        self.classes = classes
        self.labels = []

        def empty():
            return [[None, None, 0] for _ in range(WAYS)]  # context, label, run

        self.buckets = [defaultdict(empty) for _ in range(ORDERS)]
        self.shares = Shares(0.04)
        self.counts = np.zeros(classes)
        self.weights = np.full(4, 0.25)  # of the members
        self.always, self.log_odds = 0.5, -3.0  # of the chain

    def know(self, label):
        self.labels.append(MISSING if label is None else label)

    def reset(self):
        self.labels = [BEFORE] * len(self.labels)

    def context(self, end, order):
        """The last labels, the newest first."""
        return tuple(
            self.labels[k] if k >= 0 else BEFORE for k in range(end - 1, end - 1 - order, -1)
        )

    def slot(self, context):
        """Its own slot, or the one with the shortest run in its bucket."""
        code = 1
        for label in context:
            code = (code * FACTOR + label + 3) % PRIME
        bucket = self.buckets[len(context) - 1][code % BUCKETS]
        own = [slot for slot in bucket if slot[0] == context]
        return own[0] if own else min(bucket, key=lambda slot: slot[2])

    def known(self, end):
        """(order, slot, key of its share) of each order that knows the context, shortest first."""
        below = None
        for k in range(ORDERS):
            context = self.context(end, k + 1)
            slot = self.slot(context)
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
        for k in range(ORDERS):
            self.follow(self.context(end, k + 1), label)
        self.counts *= 0.998
        self.counts[label] += 1

    def follow(self, context, label):
        slot = self.slot(context)
        if slot[:2] == [context, label]:
            slot[2] = min(slot[2] + 1, LONGEST_RUN)
        elif slot[2] > 0:
            slot[2] = slot[2] // 2 if slot[0] == context else slot[2] - 1
        else:
            slot[:] = [context, label, 0]
