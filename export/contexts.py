"""What labels followed which, beside a graph that holds the network alone: in plain Python.

It is `kernels/contexts.py`, and `calibration.py`, of a learner that no longer learns. As the
schema, which turns a row into numbers before the graph, it lies in the file's metadata, and is for
the `ModelSession`: what a graph's state would have to grow by is as large as the network.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.kernels.slots import (
    BUCKETS,
    CHAIN_SIZE,
    GREATEST_SYMBOL,
    LEAST_FREQUENCY,
    MEMBERS,
    MISSING,
    MODULUS,
    MULTIPLIER,
    OF_PLACE,
    OF_SYMBOL,
    ORDERS,
    RUNS,
    WAYS,
)

if TYPE_CHECKING:
    from rtrl_lstm.forecaster import Forecaster
    from rtrl_lstm.learner import Learner

MOST = 2**24 + 1
"""All checks of contexts and all classes are below: they are counted in float32."""


def contexts_of(net: "Learner | Forecaster") -> dict[str, Any] | None:
    """The contexts of a learner as plain JSON; None where it has none."""
    spec = net.spec
    if not spec.contexts:
        return None
    ring = net.array("contexts.labels").astype(int)
    last = net.steps - int(spec.horizon > 0)
    successors = net.array("contexts.successors").astype(int)
    found = np.argwhere(successors[:, :, 0])
    rows: dict[str, Any] = {}
    if spec.context_inputs:
        codes = net.array("contexts.rows").astype(int)
        rows = {
            "inputs": list(spec.context_inputs),
            "rows": [int(codes[(last - k) % len(codes)]) for k in range(ORDERS)],
        }
    return {
        "labels": [int(ring[(last - k) % len(ring)]) for k in range(ORDERS)],
        **rows,
        "shares": net.array("contexts.shares")[..., 0].ravel().tolist(),
        "frequencies": net.array("contexts.frequencies").tolist(),
        "weights": net.array("contexts.weights").tolist(),
        "chain": net.array("contexts.chain").tolist(),
        "successors": [[*place, *successors[tuple(place)].tolist()] for place in found.tolist()],
    }


class Contexts:
    """Mixes what a network says with what followed the last labels; it learns nothing.

    Args:
        saved: what `contexts_of` gave.
        classes: how many there are.
        inputs: numbers in a row.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """

    def __init__(self, saved: Mapping[str, Any], classes: int, inputs: int) -> None:
        self._labels = _whole(saved["labels"], ORDERS, 2 + classes)
        self._symbols, self._rows = list[int](), list[int]()
        if "inputs" in saved:
            self._symbols = _whole(saved["inputs"], len(saved["inputs"]), inputs)
            self._rows = _whole(saved["rows"], ORDERS, MODULUS + 2)
        self._orders = len(self._labels) + len(self._rows)
        self._shares = _numbers(saved["shares"], self._orders * RUNS * 2, 1.0)
        counts = np.array(_numbers(saved["frequencies"], classes, math.inf)) + LEAST_FREQUENCY
        self._weights = _numbers(saved["weights"], MEMBERS, 1.0)
        always, log_odds = _numbers(saved["chain"], CHAIN_SIZE, math.inf)
        if min(counts) <= 0.0 or min(*self._shares, *self._weights, always, 1.0 - always) < 0.0:
            raise ValueError("shares of labels are out of range")
        self._frequencies = counts / counts.sum()
        of_late = 1.0 / (1.0 + math.exp(-max(log_odds, -700.0)))
        self._heard = of_late + always * (1.0 - of_late)
        self._slots: dict[tuple[int, int, int], tuple[int, int]] = {}
        for one in saved["successors"]:
            order, slot, check, label, run = _whole(one, 5, MOST)
            if order >= self._orders or slot >= BUCKETS * WAYS or label >= classes or run >= RUNS:
                raise ValueError(f"there is no slot {one}")
            self._slots[order, slot // WAYS, check] = label, run

    def know(self, label: float) -> None:
        """The label of a row, NaN where there is none."""
        missing = int(MISSING)
        kept = missing if math.isnan(label) else missing + 1 + int(label)
        self._labels = [kept, *self._labels[:-1]]

    def forget(self) -> None:
        """A new sequence begins."""
        self._labels = [0] * ORDERS
        self._rows = [0] * len(self._rows)

    def mix(self, outputs: Sequence[float], inputs: Sequence[float]) -> list[float]:
        """What the network says of a row, mixed: probabilities of classes, or the second of two's.

        It is the newest row then.
        """
        if self._rows:
            self._rows = [_code(self._symbols, inputs), *self._rows[:-1]]
        said = np.array(outputs if len(outputs) > 1 else [1.0 - outputs[0], outputs[0]], np.float64)
        first = self._calibrated(said)
        chain = first.copy()
        for label, share in self._found():
            chain *= 1.0 - share
            chain[label] += share
        mixed: list[float] = ((1.0 - self._heard) * first + self._heard * chain).tolist()
        return mixed if len(outputs) > 1 else mixed[1:]

    def _calibrated(self, said: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network says, held against the frequencies: see `kernels/calibration.py`."""
        often, root = self._frequencies, np.sqrt(said / self._frequencies)
        damped, sharpened = often * root, said * root
        members = (often, damped / damped.sum(), said, sharpened / sharpened.sum())
        mixed = np.zeros_like(said)
        for weight, member in zip(self._weights, members, strict=True):
            mixed += weight * member
        return mixed

    def _found(self) -> Iterator[tuple[int, float]]:
        """What orders that know the context say, the shortest first, and their shares."""
        code, below = 1, -1
        known = [] if self._rows[:1] == [1] else self._rows
        for order, last in enumerate([*self._labels, *known]):
            code = 1 if order == ORDERS else code
            code = (code * MULTIPLIER + last + 1) % MODULUS
            slot = self._slots.get((order, code % BUCKETS, code // BUCKETS + 1))
            if slot is None:
                below = -1
                continue
            label, run = slot
            yield label, self._shares[(order * RUNS + run) * 2 + (label == below)]
            below = label


def _code(symbols: Sequence[int], inputs: Sequence[float]) -> int:
    """The symbols of a row as one number: see `keep_symbols` in `kernels/contexts.py`."""
    values = {k: float(inputs[k]) for k in symbols}
    whole = {k: v for k, v in values.items() if abs(v) <= GREATEST_SYMBOL and v == math.floor(v)}
    if not whole:
        return 1
    ones = (((k + 1) * OF_PLACE + int(v)) % MODULUS for k, v in whole.items() if v != 0.0)
    return sum(one * OF_SYMBOL for one in ones) % MODULUS + 2


def _whole(given: Any, count: int, end: int) -> list[int]:
    """So many whole numbers from 0 on, below `end`."""
    found = list(given)
    if len(found) != count or not all(type(k) is int and 0 <= k < end for k in found):
        raise ValueError(f"{count} whole numbers below {end} were wanted")
    return found


def _numbers(given: Any, count: int, most: float) -> list[float]:
    """So many numbers, none greater than `most`."""
    found = [float(value) for value in given]
    if len(found) != count or not all(math.isfinite(k) and k <= most for k in found):
        raise ValueError(f"{count} finite numbers were wanted")
    return found
