"""What each of our defaults is worth: how much greater the error is without it.

    python -m benchmarks.realdata.ablation [STREAM ...] [--seeds N] [--json FILE]

One default at a time is taken away, or exchanged, and every stream is gone through again. Told is
the geometric mean, over the streams of a group, of the error over that of the defaults. What is no
option of a Model is taken away by a patch of this process. A second table holds the learning rates
against the constant one that was best on each stream. Expect a quarter of an hour.
"""

from __future__ import annotations

import argparse
import math
import statistics
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.realdata.methods import Forecasts, Method, ours
from benchmarks.realdata.run import Results
from benchmarks.realdata.streams import STREAMS, Rows, Stream
from benchmarks.realdata.table import mean, measure_of
from rtrl_lstm import blocks
from rtrl_lstm.table import lags
from rtrl_lstm.table.schema import Schema
from rtrl_lstm.table.timestamps import CALENDAR, Clock


def _property(name: str, value: Any) -> AbstractContextManager[Any]:
    return patch.object(Schema, name, property(value))


def _no_season() -> AbstractContextManager[Any]:
    return patch.object(lags.Lags, "_add", lambda self, inputs, values: None)


def _no_change() -> AbstractContextManager[Any]:
    return patch.object(lags, "_change", lambda last, then, before: None)


def _no_calendar() -> AbstractContextManager[Any]:
    return patch.object(Clock, "ahead", lambda self, horizon: [0.0] * len(CALENDAR))


def _no_share() -> AbstractContextManager[Any]:
    return _property("inner_inputs", lambda schema: schema.combined_inputs)


def _no_doubt() -> AbstractContextManager[Any]:
    """The mixture has proved better than both, before any label has come."""
    begin = blocks._write_constants

    def write(layout: Any, block: Any) -> None:
        begin(layout, block)
        if layout.spec.combine_with:
            layout.write(block, "combination.advantage", np.array([1e100, 1.0, 0.0, 0.0]))

    return patch.object(blocks, "_write_constants", write)


def _alone() -> AbstractContextManager[Any]:
    names = ("combined_inputs", "unseen_inputs", "inner_inputs")
    return patch.multiple(Schema, **dict.fromkeys(names, property(lambda schema: ())))


def _unscaled() -> AbstractContextManager[Any]:
    return _property("scaled_inputs", lambda schema: (False,) * schema.input_size)


CONSTANT = {".001 throughout": 0.001, ".003 throughout": 0.003, ".01 throughout": 0.01}
RATES = {**CONSTANT, "`auto`, a network at each": "auto"}
# What is told of it -> the options of a Model, and a patch that holds while it works.
WITHOUT: dict[str, tuple[dict[str, Any], Any]] = {
    "combination: the network alone, which sees all lags": ({}, _alone),
    "mixing by recent errors: least squares and the mean": ({}, _no_share),
    "last value and mean beside the mixture, until this proves better": ({}, _no_doubt),
    "seasons: no day, week or season ago": ({}, _no_season),
    "the seasons' changes": ({}, _no_change),
    "the calendar": ({}, _no_calendar),
    "scaling of inputs": ({}, _unscaled),
    **{
        f"the falling rate: {rate}": ({"learning_rate": value}, nullcontext)
        for rate, value in RATES.items()
    },
    "Adam: RMSprop at .001": ({"optimizer": "rmsprop"}, nullcontext),
    "shortcuts from inputs to outputs": ({"shortcuts": False}, nullcontext),
    "a bound on the credit": ({"clip": None}, nullcontext),
    "forget gates that begin open": ({"forget_bias": 0.0}, nullcontext),
    "contexts of labels and rows": ({"contexts": False}, nullcontext),
    "16 units: 8": ({"hidden_size": 8}, nullcontext),
    "16 units: 32": ({"hidden_size": 32}, nullcontext),
    "one network: three, three times as slow": ({"members": 3}, nullcontext),
}
GROUPS = {
    "chosen on": lambda stream: stream.half == "choose" and not stream.name.startswith("gen_"),
    "generated": lambda stream: stream.name.startswith("gen_"),
    "only reported": lambda stream: stream.half == "report",
}


def without(what: str) -> Method:
    """Ours, all at its defaults but for one."""
    options, taken_away = WITHOUT[what]

    def follow(stream: Stream, rows: Rows, seed: int) -> Forecasts:
        own = dict(options)
        if stream.task == "regression":  # which has none
            own.pop("contexts", None)
        with taken_away():
            yield from ours(**own)(stream, rows, seed)

    return follow


class Errors:
    """The error of a method on a stream, the mean over seeds; measured where it is missing."""

    def __init__(self, results: Results, seeds: int) -> None:
        self._results, self._seeds = results, seeds

    def of(self, stream: Stream, what: str = "") -> float:
        """Of ours, or of ours without something."""
        method = f"ours without {what}" if what else "ours"
        figures = [self._results.of(stream, method, seed) for seed in range(self._seeds)]
        return mean(figures, measure_of(stream))


def geometric_mean(ratios: list[float]) -> float:
    """Less 1."""
    return math.expm1(statistics.fmean(map(math.log, ratios)))


def worth(streams: list[Stream], what: str, errors: Errors) -> float:
    """The geometric mean of the error without over the error with, less 1."""
    return geometric_mean([errors.of(stream, what) / errors.of(stream) for stream in streams])


def behind_best(streams: list[Stream], rate: str, errors: Errors) -> list[float]:
    """On each stream, the error with a rate over that with the best constant one; "": falling."""
    return [
        errors.of(stream, rate and f"the falling rate: {rate}")
        / min(errors.of(stream, f"the falling rate: {constant}") for constant in CONSTANT)
        for stream in streams
    ]


def main() -> None:
    """Measure what is missing, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.realdata.ablation")
    parser.add_argument("streams", nargs="*", metavar="STREAM")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("ablation.jsonl"))
    asked = parser.parse_args()
    wanted = tuple(asked.streams) or ("",)
    chosen = [stream for name, stream in STREAMS.items() if name.startswith(wanted)]
    groups = {title: list(filter(belongs, chosen)) for title, belongs in GROUPS.items()}
    groups = {title: streams for title, streams in groups.items() if streams}
    errors = Errors(Results(asked.json), asked.seeds)
    print(f"| without | {' | '.join(groups)} |\n|---{'|--:' * len(groups)}|")
    for what in WITHOUT:
        found = (worth(streams, what, errors) for streams in groups.values())
        print(f"| {what} | {' | '.join(f'{each:+.1%}' for each in found)} |", flush=True)
    print(f"\n| rate | {' | '.join(groups)} | at worst |\n|---{'|--:' * (len(groups) + 1)}|")
    for rate in (*RATES, ""):
        each = [behind_best(streams, rate, errors) for streams in groups.values()]
        said = " | ".join(f"{geometric_mean(ratios):+.1%}" for ratios in each)
        print(f"| {rate or 'the default: falls'} | {said} | {max(max(r) for r in each) - 1:+.1%} |")


if __name__ == "__main__":
    main()
