"""Ours at its defaults beside simple forecasts, River and PyTorch, on every stream of `streams`.

    python -m benchmarks.realdata [STREAM ...] [--methods a,b] [--seeds N] [--json FILE]
                                 [--picture FILE.svg]
    python -m benchmarks.realdata --data CSV --target COL [--time COL] [--horizon H]

Needs river, statsmodels and vega_datasets (their files; nothing is downloaded), and for the methods
called so torch and deep_river. A STREAM is the beginning of a name, a method may be ours with
options, "ours members=3". What was measured is kept in the file, and only what is missing is
measured. Expect an hour for everything, most of it the forest's and deep-river's; ours alone, with
three seeds, takes a minute.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.realdata.figures import draw
from benchmarks.realdata.methods import METHODS, SEEDED, applies, method_of
from benchmarks.realdata.run import Results
from benchmarks.realdata.streams import STREAMS, Stream, stream_of_file
from benchmarks.realdata.table import Found, against, table, times, verdict

HALVES = {
    "Report": lambda stream: stream.half == "report",
    "Choose": lambda stream: stream.half == "choose" and not stream.name.startswith("gen_"),
    "Choose, generated": lambda stream: stream.name.startswith("gen_"),
}


def main() -> None:
    """Measure what is missing, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.realdata")
    parser.add_argument("streams", nargs="*", metavar="STREAM")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seeds", type=int, default=3, help="of the methods that have one")
    parser.add_argument("--json", type=Path, default=Path("realdata.jsonl"))
    parser.add_argument("--again", action="store_true", help="measure what is there, too")
    parser.add_argument("--picture", type=Path, help="draw it there, as SVG")
    parser.add_argument("--data", metavar="CSV", help="a stream of your own instead")
    parser.add_argument("--target")
    parser.add_argument("--time")
    parser.add_argument("--horizon", type=int, default=0)
    asked = parser.parse_args()
    if asked.data:
        if not asked.target:
            parser.error("--data needs --target COLUMN")
        chosen = [stream_of_file(asked.data, asked.target, asked.horizon, asked.time)]
    else:
        wanted = tuple(asked.streams) or ("",)
        chosen = [stream for name, stream in STREAMS.items() if name.startswith(wanted)]
    methods = asked.methods.split(",")
    try:
        list(map(method_of, methods))
    except KeyError as error:
        parser.error(error.args[0])
    results = measured(chosen, methods, asked.seeds, Results(asked.json), asked.again)
    for title, belongs in HALVES.items():
        part = {stream: found for stream, found in results.items() if belongs(stream)}
        if part:
            print(f"\n## {title}\n\n{table(part, methods)}\n")
            for name in methods:
                if name.startswith("ours"):
                    print(verdict(part, name))
                    print(*(against(part, name, other) for other in methods if "LSTM" in other))
    print(f"\n## Time\n\n{times(results, methods)}")
    if asked.picture:
        draw(results, asked.picture)


def measured(
    chosen: list[Stream], methods: list[str], seeds: int, results: Results, again: bool
) -> dict[Stream, Found]:
    """The figures of every stream, method and seed."""
    found: dict[Stream, Found] = {}
    for method in methods:
        for stream in chosen:
            if not applies(method, stream):
                continue
            count = seeds if method.startswith(SEEDED) else 1
            figures = [results.of(stream, method, seed, again) for seed in range(count)]
            found.setdefault(stream, {})[method] = figures
            print(stream.name, method, figures[0], file=sys.stderr)
    return {stream: found[stream] for stream in chosen if stream in found}


if __name__ == "__main__":
    main()
