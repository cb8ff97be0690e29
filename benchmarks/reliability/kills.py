"""SIGKILL at random moments: what is resumed ends with the bytes of what was never interrupted.

A file of rows, some of them bad, is learned once without a stop. Then the same command, with
--resume, is started again and again and killed at random moments, until it ends by itself. Model,
predictions and bad rows must be equal, byte for byte.

A kill only counts where it hits a process that is still alive. The time between start and kill is
drawn evenly between 0 and what lets a start get on, on the average, by the right share of the file:
so it hits while Python starts, finds its place, learns, or saves. Where the end of the file
comes before there were enough kills, it begins again from an empty folder, with less time.

Expect 10 to 20 minutes for 200 kills over a million rows on one core.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .rows import COMMAND, environment, write_csv

OUTPUTS = ("model.rtrl", "predictions.csv", "bad.jsonl")


def main() -> int:
    """Measure, print, and return 0 if all was equal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability kills")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--every", default="5000", help="--checkpoint-every")
    parser.add_argument("--gzip", action="store_true", help="compress the source")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked.kills, asked.rows, asked.every, asked.gzip, asked.seed)
    print(
        f"{asked.rows:,} rows, {found['starts']} starts, {found['kills']} kills of a live process, "
        f"{found['mid_way']} of them between the first checkpoint and the end; "
        f"{found['seconds']:.0f} s"
    )
    for name in OUTPUTS:
        print(f"{name:16} {'equal' if found[name] else 'DIFFERENT'}")
    return 0 if all(found[name] for name in OUTPUTS) else 1


def measure(
    folder: Path, kills: int, rows: int, every: str, gzipped: bool = False, seed: int = 0
) -> dict[str, float]:
    """Learn without a stop and with kills; say what came of it."""
    source = folder / "rows.csv"
    write_csv(source, rows, seed, bad_every=997)
    if gzipped:
        subprocess.run(["gzip", "-1", source], check=True)
        source = folder / "rows.csv.gz"
    whole, torn = folder / "whole", folder / "torn"
    few = folder / "few.csv"
    write_csv(few, 10)
    _seconds(few, every, folder / "warm")
    start_up = _seconds(few, every, folder / "short")
    began = time.monotonic()
    # A little less than its share, or it would be at the end before there were enough kills.
    share = 0.7 * max(_seconds(source, every, whole) - start_up, 0.1) / kills
    longest = start_up + share + math.sqrt(2 * start_up * share + share * share)
    found: dict[str, float] = {"starts": 0, "kills": 0, "mid_way": 0} | dict.fromkeys(OUTPUTS, True)
    rng = random.Random(seed)
    while found["kills"] < kills:  # one round is enough, unless the machine was slow at first
        torn.mkdir()
        counts = _kill_and_resume(
            torn, _command(source, every), int(kills - found["kills"]), longest, rng
        )
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


def _seconds(source: Path, every: str, folder: Path) -> float:
    """How long one run without a stop takes."""
    folder.mkdir()
    began = time.monotonic()
    subprocess.run(_command(source, every), cwd=folder, env=environment(), check=True)
    return time.monotonic() - began


def _command(source: Path, every: str) -> list[str]:
    options = ["--target", "y", "--hidden", "8", "--horizon", "2", "--checkpoint-every", every]
    outputs = ["--model", OUTPUTS[0], "--predictions", OUTPUTS[1], "--bad-rows", OUTPUTS[2]]
    return [*COMMAND, "learn", str(source), *options, *outputs, "--resume", "--quiet"]


def _kill_and_resume(
    folder: Path, command: list[str], kills: int, longest: float, rng: random.Random
) -> dict[str, float]:
    """Start and kill; once there were enough kills, let it end."""
    hits = starts = mid_way = 0
    while True:
        starts += 1
        with subprocess.Popen(command, cwd=folder, env=environment()) as process:
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
