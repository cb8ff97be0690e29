"""SIGKILL at random moments: what is resumed ends with the bytes of what was never interrupted.

A file of rows, some of them bad, is learned once without a stop. Then the same command, with
--resume, is started again and again and killed at random moments, until it ends by itself. Model,
predictions and bad rows must be equal, byte for byte.

A kill only counts where it hits a process that is still alive. The time between start and kill is
drawn evenly between 0 and what lets a start get on, on the average, by the right share of the file:
so it hits while Python starts, finds its place, learns, or saves. Where the end of the file
comes before there were enough kills, it begins again from an empty folder, with less time.

With --ids the rows have them, and a third of the labels come late, as records of their own. With
--pipe as well all of it comes through a pipe, from the first row on each time: what was taken
before is passed over.

Expect 10 to 20 minutes for 200 kills over a million rows on one core.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import math
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .rows import COMMAND, environment, write_csv

OUTPUTS = ("model.rtrl", "predictions.csv", "bad.jsonl")


def main() -> int:
    """Measure, print, and return 0 if all was equal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability kills")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--every", default="5000", help="--checkpoint-every")
    parser.add_argument("--gzip", action="store_true", help="compress the source")
    parser.add_argument("--ids", action="store_true", help="rows with ids, labels that come late")
    parser.add_argument("--pipe", action="store_true", help="read them from a pipe")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.pipe and not asked.ids:
        parser.error("--pipe needs --ids: a pipe has no places")
    with tempfile.TemporaryDirectory() as folder:
        kind = Kind(asked.every, asked.gzip, asked.ids, asked.pipe)
        found = measure(Path(folder), asked.kills, asked.rows, kind, asked.seed)
    print(
        f"{asked.rows:,} rows, {found['starts']} starts, {found['kills']} kills of a live process, "
        f"{found['mid_way']} of them between the first checkpoint and the end; "
        f"{found['seconds']:.0f} s"
    )
    for name in OUTPUTS:
        print(f"{name:16} {'equal' if found[name] else 'DIFFERENT'}")
    return 0 if all(found[name] for name in OUTPUTS) else 1


class Kind(NamedTuple):
    """What is run.

    Attributes:
        every: --checkpoint-every.
        gzipped: whether the source is compressed.
        ids: whether rows have ids, and labels come late.
        pipe: whether they come through a pipe.
    """

    every: str
    gzipped: bool = False
    ids: bool = False
    pipe: bool = False

    def write(self, path: Path, rows: int, seed: int) -> Path:
        """The source, of at least so many rows; some are bad."""
        write_csv(path, rows, seed, bad_every=997)
        if self.ids:
            _give_ids(path)
        if self.gzipped:
            subprocess.run(["gzip", "-1", path], check=True)
            path = path.with_suffix(".csv.gz")
        return path

    def start(self, source: Path, folder: Path) -> subprocess.Popen[bytes]:
        """The command, begun in a folder."""
        options = ["--horizon", "0", "--id", "id"] if self.ids else ["--horizon", "2"]
        options += ["--target", "y", "--hidden", "8", "--checkpoint-every", self.every]
        outputs = ["--model", OUTPUTS[0], "--predictions", OUTPUTS[1], "--bad-rows", OUTPUTS[2]]
        command = [*COMMAND, "learn", "-" if self.pipe else str(source), *options, *outputs]
        command += ["--resume", "--quiet"]
        rows = _piped(source) if self.pipe else subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=folder, env=environment(), stdin=rows)
        if self.pipe:
            os.close(rows)
        return process


def _piped(source: Path) -> int:
    """A pipe's end to read the file from."""

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(end, "wb") as pipe:
            pipe.write(source.read_bytes())

    begin, end = os.pipe()
    threading.Thread(target=feed, daemon=True).start()
    return begin


def measure(folder: Path, kills: int, rows: int, kind: Kind, seed: int = 0) -> dict[str, float]:
    """Learn without a stop and with kills; say what came of it."""
    source = kind.write(folder / "rows.csv", rows, seed)
    whole, torn = folder / "whole", folder / "torn"
    few = kind.write(folder / "few.csv", 10, seed)
    _seconds(few, kind, folder / "warm")
    start_up = _seconds(few, kind, folder / "short")
    began = time.monotonic()
    # A little less than its share, or it would be at the end before there were enough kills.
    all_rows = max(_seconds(source, kind, whole) - start_up, 0.1)
    share = 0.7 * all_rows / kills
    longest = start_up + share + math.sqrt(2 * start_up * share + share * share)
    if kind.pipe:  # what was taken before has to go by first
        longest += 0.5 * all_rows
    found: dict[str, float] = {"starts": 0, "kills": 0, "mid_way": 0} | dict.fromkeys(OUTPUTS, True)
    rng = random.Random(seed)
    while found["kills"] < kills:  # one round is enough, unless the machine was slow at first
        torn.mkdir()
        start = functools.partial(kind.start, source, torn)
        counts = _kill_and_resume(torn, start, int(kills - found["kills"]), longest, rng)
        found |= {name: found[name] + count for name, count in counts.items()}
        found |= {name: found[name] and _equal(whole, torn, name) for name in OUTPUTS}
        left = {path.name for path in torn.iterdir()} - set(OUTPUTS)
        if left:
            raise SystemExit(f"left behind: {', '.join(sorted(left))}")
        shutil.rmtree(torn)
        longest *= 0.7
    return {**found, "seconds": time.monotonic() - began}


def _equal(whole: Path, torn: Path, name: str) -> bool:
    return (whole / name).read_bytes() == (torn / name).read_bytes()


def _give_ids(path: Path) -> None:
    """Rows get ids; each third one its label up to fifty rows later, in a record of its own."""
    header, *rows = path.read_text().splitlines()
    lines, late = [f"id,{header}"], deque[str]()
    for k, row in enumerate(rows):
        *inputs, label = row.split(",")
        if k % 3 == 0 and len(inputs) == 4:
            lines.append(f"{k},{','.join(inputs)},")
            late.append(f"{k},,,,,{label}")
        else:
            lines.append(f"{k},{row}")
        if len(late) > k * 7919 % 17:
            lines.append(late.popleft())
    path.write_text("\n".join([*lines, *late, ""]))


def _seconds(source: Path, kind: Kind, folder: Path) -> float:
    """How long one run without a stop takes."""
    folder.mkdir()
    began = time.monotonic()
    if kind.start(source, folder).wait():
        raise SystemExit("it could not be run without a stop")
    return time.monotonic() - began


def _kill_and_resume(
    folder: Path,
    start: Callable[[], subprocess.Popen[bytes]],
    kills: int,
    longest: float,
    rng: random.Random,
) -> dict[str, float]:
    """Start and kill; once there were enough kills, let it end."""
    hits = starts = mid_way = 0
    while True:
        starts += 1
        with start() as process:
            if hits >= kills:
                if process.wait() != 0:
                    raise SystemExit(f"it ended with exit code {process.returncode}")
                return {"starts": starts, "kills": hits, "mid_way": mid_way}
            try:
                process.wait(rng.uniform(0.0, longest))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            if process.returncode == -signal.SIGKILL:
                hits += 1
                mid_way += (folder / OUTPUTS[0]).exists()
            elif process.returncode != 0:
                raise SystemExit(f"it ended with exit code {process.returncode}")
            else:
                return {"starts": starts, "kills": hits, "mid_way": mid_way}


if __name__ == "__main__":
    raise SystemExit(main())
