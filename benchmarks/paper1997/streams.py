"""python -m benchmarks.paper1997.streams [TASK ...]: streams without end, which the paper has not.

- reber: continual embedded Reber strings (Gers, Schmidhuber & Cummins 2000), their net of 424
  weights and their constants. A training stream ends at the first error or after 100,000 symbols;
  a net that got through one is tested on ten more, and perfect if there is no error. Published:
  with forget gates 18 % perfect (18,889 streams), with a rate that decays by .99 a symbol and
  starts anew with each stream 62 % (14,087).
- add: Marschall, Cho & Savin 2020. x is 1 or 0, y is 1 with probability .5 + .5 x(t - 6) -
  .25 x(t - 10). Cross-entropy .662 where no lag was learned, .519 with one, .4545 with both, which
  is the floor.
- pattern: trace patterning (Javed et al. 2023). Three of six cues are on for a row; after 10 of the
  20 patterns a reward comes 24 to 36 rows later; 80 to 120 rows on the next trial begins; five
  distractors are on with probability .1. The label of a row is the discounted return. Mean squared
  error: of saying 0, and of an oracle that knows the ten patterns but not when the reward comes.
"""

from __future__ import annotations

import argparse
import copy
from itertools import combinations

import numpy as np

from rtrl_lstm import ClipCredit, Cosine, Exponential, Learner

from . import nets
from .tasks import Array, Rng
from .tasks.reber import ReberStream

LONGEST, STREAMS, TESTS = 100_000, 30_000, 10
RIGHT = 0.49  # every output within it


# --- continual Reber ---------------------------------------------------------------------------


def reber(number: int, decay: bool, streams: int = STREAMS) -> int | None:
    """After how many training streams the net was perfect; None: not within `streams`."""
    schedule = Exponential(gamma=0.99, restart=True) if decay else None
    rate = {"optimizer": "sgd", "learning_rate": 0.5, "schedule": schedule}
    options = {**nets.GERS, **nets.SIGMOID_SLOPE, **nets.STEP, **rate, "seed": number}
    net, source = Learner(7, output_size=7, **options), ReberStream(np.random.default_rng(number))
    for stream in range(1, streams + 1):
        if _symbols(net, source) == LONGEST:
            frozen = net.frozen()
            if all(_symbols(frozen, source) == LONGEST for _ in range(TESTS)):
                return stream
    return None


def _symbols(net: Learner, source: ReberStream) -> int:
    """Symbols that a net got right, until its first error; it learned that, too."""
    done, size = 0, 32
    net.reset()
    source.begin()
    while done < LONGEST:
        X, Y = source.take(min(size, LONGEST - done))
        before = copy.copy(net)
        wrong = np.flatnonzero(~(np.abs(net.run(X, Y) - Y).max(axis=1) < RIGHT))
        if len(wrong):  # once more, no further than to the error
            net.block[:] = before.block
            net.run(X[: wrong[0] + 1], Y[: wrong[0] + 1])
            return done + int(wrong[0])
        done, size = done + len(X), min(2 * size, 10_000)
    return done


# --- the Add task --------------------------------------------------------------------------------


def added(rng: Rng, rows: int, early: int = 6, late: int = 10) -> tuple[Array, Array]:
    """x and y of the Add task, (rows, 1) each."""
    x = rng.integers(2, size=rows + late).astype(float)
    chance = 0.5 + 0.5 * x[late - early : rows + late - early] - 0.25 * x[:rows]
    return x[late:, np.newaxis], (rng.random(rows) < chance).astype(float)[:, np.newaxis]


# A plain recurrent net whose first weights are large keeps what it saw for ten rows by itself.
ADD: dict[str, nets.Options] = {
    "lstm, rule truncated": {"rule": "truncated", "learning_rate": 3e-3},
    "rnn, rule full": {"cell": "rnn", "rule": "full", "init_range": 0.45, "learning_rate": 1e-3},
}


def add(number: int, options: nets.Options, rows: int) -> float:
    """Mean cross-entropy over the last tenth of the rows."""
    rate = {"optimizer": "adam", "schedule": Cosine(steps=rows, final=0.01)}
    net = Learner(1, 16, 1, loss="log_loss", seed=number, **rate, **options)
    X, Y = added(np.random.default_rng(number), rows)
    y_hat, y = net.run(X, Y)[-rows // 10 :, 0], Y[-rows // 10 :, 0]
    return float(-np.mean(np.log(np.where(y == 1.0, y_hat, 1.0 - y_hat))))


# --- trace patterning --------------------------------------------------------------------------

GAMMA, WAIT = 0.9, (24, 36)
PATTERN: dict[str, nets.Options] = {
    "lstm, rule truncated": {"forget_bias": 3.0, "learning_rate": 3e-3},
    "elstm, whose gradient is exact": {"cell": "elstm", "learning_rate": 1e-3},
}


def patterning(rng: Rng, rows: int) -> tuple[Array, Array, Array]:
    """X (rows, 12): cues, reward, distractors; returns y (rows, 1); what an oracle says, (rows,).

    The return of row t is the sum of GAMMA^k x reward(t + k + 1).
    """
    X = np.zeros((rows + 200, 12))
    X[:, 7:] = rng.random((len(X), 5)) < 0.1
    oracle = np.zeros(len(X))
    patterns = np.array(list(combinations(range(6), 3)))
    rewarded = rng.permutation(len(patterns)) < len(patterns) // 2
    at = 0
    while at < rows:
        which, wait = rng.integers(len(patterns)), rng.integers(WAIT[0], WAIT[1] + 1)
        X[at, patterns[which]] = 1.0
        if rewarded[which]:
            X[at + wait, 6] = 1.0
            for k in range(wait):
                left = np.arange(max(WAIT[0], k + 1), WAIT[1] + 1) - k
                oracle[at + k] = np.mean(GAMMA ** (left - 1))
        at += wait + rng.integers(80, 121)
    y = np.zeros(len(X))
    for t in range(len(X) - 2, -1, -1):
        y[t] = X[t + 1, 6] + GAMMA * y[t + 1]
    return X[:rows], y[:rows, np.newaxis], oracle[:rows]


def pattern(number: int, options: nets.Options, rows: int) -> tuple[float, float, float]:
    """Mean squared errors over the last tenth of the rows: of a net, of 0, of the oracle."""
    rate = {"optimizer": "adam", "schedule": Cosine(steps=rows, final=0.01)}
    net = Learner(12, 32, 1, clip=ClipCredit(0.5), seed=number, **rate, **options)
    X, y, oracle = patterning(np.random.default_rng(number), rows)
    said, late = net.run(X, y)[:, 0], slice(-rows // 10, None)
    errors = [np.mean((y[late, 0] - z) ** 2) for z in (said[late], 0.0, oracle[late])]
    return float(errors[0]), float(errors[1]), float(errors[2])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.paper1997.streams",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("tasks", nargs="*", choices=["reber", "add", "pattern"], metavar="TASK")
    parser.add_argument("--trials", type=int, default=10, help="of each (10)")
    parser.add_argument("--streams", type=int, default=STREAMS, help="of reber, at most")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of add, pattern")
    asked = parser.parse_args(arguments)
    numbers = range(asked.trials)
    if "reber" in (asked.tasks or ["reber"]):
        for decay, published in ((False, "18 % (18,889)"), (True, "62 % (14,087)")):
            found = [reber(number, decay, asked.streams) for number in numbers]
            perfect = [streams for streams in found if streams is not None]
            mean = f"{np.mean(perfect):,.0f} streams" if perfect else f"{asked.streams:,} at most"
            name = "a rate that decays" if decay else "a constant rate"
            told = f"{len(perfect)} of {asked.trials} perfect ({mean}), published {published}"
            print(f"continual Reber, {name}: {told}", flush=True)
    if "add" in (asked.tasks or ["add"]):
        for name, options in ADD.items():
            found_of = [add(number, options, asked.rows) for number in numbers]
            mean = f"{np.mean(found_of):.4f} ({min(found_of):.4f} to {max(found_of):.4f})"
            print(f"Add, {name}, {asked.rows:,} rows: {mean}, floor .4545", flush=True)
    if "pattern" in (asked.tasks or ["pattern"]):
        for name, options in PATTERN.items():
            triples = np.array([pattern(number, options, asked.rows) for number in numbers])
            net, nothing, oracle = triples.mean(axis=0)
            spread = f"{triples[:, 0].min():.5f} to {triples[:, 0].max():.5f}"
            told = f"{net:.5f} ({spread}), oracle {oracle:.5f}, 0 {nothing:.5f}"
            print(f"trace patterning, {name}, {asked.rows:,} rows: {told}", flush=True)


if __name__ == "__main__":
    main()
