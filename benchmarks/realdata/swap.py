"""Sequences whose last symbol follows from their first, and whose endings change places half-way.

    python -m benchmarks.realdata.swap [--seeds N] [OPTION=VALUE ...]

The discrete task of Cui, Ahmad & Hawkins 2016, as they describe it: eight sequences of seven or
eight symbols out of ten, in pairs that share all but the first symbol and the last; between two of
them one symbol out of 50,000, which is noise; 20,000 symbols, and after 10,000 the endings of each
pair are exchanged. Told is the share of right last symbols among the last 100 sequences before the
exchange and at the end. Published: HTM 1.0 and 1.0, an LSTM that learns on line .895 and .879, one
that is trained again on the last 9,000 symbols .986 and .976.

Ours is `rtrl-lstm learn --target symbol --horizon 1` with no other option; OPTION=VALUE are those
of a Model. Expected: both above .95 with every seed.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from benchmarks.realdata.methods import number_of
from rtrl_lstm.models.model import Model

SYMBOLS, CHANGE, AVERAGED = 20_000, 10_000, 100
NOISE = 50_000
# First symbols of a pair, what they share, and last symbols.
PAIRS = [
    ((6, 1), (8, 7, 4, 2, 3), (0, 5)),
    ((6, 1), (3, 4, 2, 7, 8), (5, 0)),
    ((0, 2), (9, 7, 8, 5, 3, 4), (1, 6)),
    ((0, 2), (4, 3, 5, 8, 7, 9), (6, 1)),
]


def stream(seed: int) -> tuple[list[dict[str, str]], list[int]]:
    """The rows, and the places of the sequences' last symbols."""
    rng = np.random.default_rng(seed)
    symbols: list[str] = []
    lasts = []
    while len(symbols) < SYMBOLS:
        firsts, middle, endings = PAIRS[rng.integers(len(PAIRS))]
        which = int(rng.integers(2))
        swapped = len(symbols) >= CHANGE
        whole = (firsts[which], *middle, endings[which ^ swapped])
        symbols += [f"s{symbol}" for symbol in whole]
        lasts.append(len(symbols) - 1)
        symbols.append(f"noise {rng.integers(NOISE)}")
    return [{"symbol": symbol} for symbol in symbols], lasts


def trial(seed: int, **options: Any) -> tuple[float, float, float]:
    """Accuracy before the exchange and at the end, and microseconds a row."""
    rows, lasts = stream(seed)
    model = Model("symbol", task="multiclass", horizon=1, seed=seed, **options)
    begun = time.process_time()
    said = model.run(rows)
    spent = time.process_time() - begun
    right = [_first(said[last - 1]) == rows[last]["symbol"] for last in lasts]
    before = [hit for hit, last in zip(right, lasts, strict=True) if last < CHANGE]
    found = (np.mean(part[-AVERAGED:]) for part in (before, right))
    return float(next(found)), float(next(found)), 1e6 * spent / len(rows)


def _first(said: Any) -> str:
    """The label that is held to be the most probable."""
    return max(said, key=said.__getitem__) if said else ""


def main() -> None:
    """Print a line for each seed, and the means."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.realdata.swap")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("options", nargs="*", metavar="OPTION=VALUE")
    asked = parser.parse_args()
    pairs = (option.split("=") for option in asked.options)
    options = {name: number_of(value) for name, value in pairs}
    print("seed  before  at the end  us a row")
    found = [trial(seed, **options) for seed in range(asked.seeds)]
    for seed, figures in enumerate(found):
        print("{:4}  {:6.2f}  {:10.2f}  {:8.1f}".format(seed, *figures), flush=True)
    print("mean  {:6.3f}  {:10.3f}  {:8.1f}".format(*np.mean(found, axis=0)))


if __name__ == "__main__":
    main()
