"""How much memory a method takes, imports included, and how much more while a stream goes by.

    python -m benchmarks.realdata.memory [STREAM] [--methods a,b]

Each method runs in a process of its own, and then in another, which counts: the first may have to
compile. Told are its resident megabytes after forty rows, when all is imported, and the most that
it has more later on.
"""

from __future__ import annotations

import argparse
import multiprocessing
from multiprocessing.connection import Connection

from benchmarks.realdata.methods import METHODS, applies, method_of
from benchmarks.realdata.streams import STREAMS

EVERY = 100  # rows
MB = 1 << 10  # of the kilobytes that the system tells


def resident() -> float:
    """This process's megabytes in memory."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) / MB


def follow(stream_name: str, method: str, told: Connection) -> None:
    """Take the stream, and tell (megabytes at first, at most later)."""
    stream = STREAMS[stream_name]
    rows = stream.read()
    list(method_of(method)(stream, rows[:40], 0))
    begin = most = resident()
    for t, _ in enumerate(method_of(method)(stream, rows, 0)):
        if t % EVERY == 0:
            most = max(most, resident())
    told.send((begin, max(most, resident())))


def measure(stream_name: str, method: str) -> tuple[float, float]:
    """(megabytes at first, at most later) of a method in a process of its own."""
    found = (0.0, 0.0)
    for _ in range(2):  # the first may have to compile
        here, there = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=follow, args=(stream_name, method, there))
        process.start()
        there.close()
        found = here.recv()
        process.join()
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.realdata.memory")
    parser.add_argument("stream", nargs="?", default="nyc_taxi:+48", choices=STREAMS)
    parser.add_argument("--methods", default=",".join(METHODS))
    asked = parser.parse_args()
    print(f"{asked.stream}\n\n| method | MB at first | more |\n|---|--:|--:|")
    for method in asked.methods.split(","):
        if applies(method, STREAMS[asked.stream]):
            begin, most = measure(asked.stream, method)
            print(f"| {method} | {begin:,.0f} | {most - begin:,.1f} |", flush=True)


if __name__ == "__main__":
    main()
