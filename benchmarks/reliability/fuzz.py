"""A million spoilt rows and a hundred thousand spoilt model files.

Rows (half CSV, half JSON lines, of several kinds of tasks) go through `rtrl-lstm learn`, some
thousands at a time. It must end with exit code 0, in time, without a traceback; rows must equal
learned + unlabelled + pending + bad, and the lines of the predictions and of --bad-rows must fit
that; and no number of the learner may be infinite or NaN.

Sources of all kinds (compressed, Parquet, plain) with spoilt bytes anywhere, the header included,
are read in this process: to the end, or to one clear reason.

Model files are read in this process. Each must be refused with a ModelFileError; nothing else may
be raised, and where memory is watched (one file in fifty) no more may be allocated than a small
multiple of the file. Forged ones have a checksum that fits, as a stranger's may: they are refused
or read. Now and then a spoilt byte is the one that was there: such a file must be read.

Expect about 10 minutes on one core.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow
from backports import zstd
from pyarrow import parquet

import rtrl_lstm as rl
from rtrl_lstm import modelfile
from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.cli.sources import Source

from .mutate import csv_row, forged, json_row, model_bytes
from .rows import COMMAND, environment

NAMES = ["a", "b", "c", "y"]
TASKS = (
    ["--target", "y"],
    ["--target", "y", "--horizon", "3"],
    ["--target", "y", "--task", "binary"],
    ["--target", "y", "--task", "multiclass", "--horizon", "1"],
    ["--target", "y", "--time", "c"],
    ["--target", "y", "--reset-on", "c", "--optimizer", "sgd"],
)
SECONDS = 300  # for one batch of rows


def main() -> int:
    """Fuzz, print, and return 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability fuzz")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--sources", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz_rows(Path(folder), asked.rows, asked.batch, asked.seed)
    print(
        f"{found['lines']:,} fuzzed lines were {found['rows']:,} rows: {found['learned']:,} "
        f"learned, {found['unlabelled']:,} unlabelled, {found['pending']:,} pending, "
        f"{found['bad_rows']:,} bad; {time.monotonic() - began:.0f} s"
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sources = fuzz_sources(Path(folder), asked.sources, asked.seed)
    print(
        f"{asked.sources:,} fuzzed sources: {sources:,} stopped with a reason, the others read; "
        f"{time.monotonic() - began:.0f} s"
    )
    began = time.monotonic()
    files = fuzz_files(asked.files, asked.seed)
    print(
        f"{files['files']:,} fuzzed model files: {files['refused']:,} refused, {files['forged']:,} "
        f"forged ones and {files['whole']:,} whole ones read; at most {files['peak']:.1f} times a "
        f"file's size allocated; {time.monotonic() - began:.0f} s"
    )
    return 0


def fuzz_rows(folder: Path, rows: int, batch: int, seed: int) -> dict[str, int]:
    """Spoilt rows through the command line. Raises AssertionError at what must not be."""
    total = dict.fromkeys(("lines", "rows", "learned", "unlabelled", "pending", "bad_rows"), 0)
    for number, begin in enumerate(range(0, rows, batch)):
        rng = random.Random(f"{seed} {number}")
        count = min(batch, rows - begin)
        found = _one_batch(folder, rng, count, number)
        total["lines"] += count
        for name in total.keys() - {"lines"}:
            total[name] += found[name]
    return total


def _one_batch(folder: Path, rng: random.Random, count: int, number: int) -> dict[str, int]:
    source = folder / ("rows.jsonl" if number % 2 else "rows.csv")
    with open(source, "wb") as file:
        if number % 2:
            file.write(b'{"a": 1, "b": 2, "c": 3, "y": 4}\n')
            file.writelines(json_row(rng, NAMES) for _ in range(count))
        else:
            file.write(b"a,b,c,y\n1,2,3,4\n")
            file.writelines(csv_row(rng, len(NAMES)) for _ in range(count))
    task = TASKS[number // 2 % len(TASKS)]
    outputs = ["--model", "m.rtrl", "--predictions", "p.csv", "--bad-rows", "bad.jsonl"]
    how = ["--overwrite", "--on-bad-row", "skip-all", "--hidden", "4", "--json", "--quiet"]
    done = subprocess.run(
        [*COMMAND, "learn", str(source), *task, *outputs, *how],
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    where = f"batch {number} ({' '.join(task)})"
    assert done.returncode == 0, f"{where}: {done.stderr.decode()[-2000:]}"
    assert b"Traceback" not in done.stderr, f"{where}: {done.stderr.decode()[-2000:]}"
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    parts = ("learned", "unlabelled", "pending", "bad_rows")
    assert found["rows"] == sum(found[name] for name in parts), f"{where}: {found}"
    with open(folder / "bad.jsonl", encoding="utf-8") as file:
        assert sum(1 for line in file if json.loads(line)) == found["bad_rows"], where
    with open(folder / "p.csv", "rb") as file:
        assert sum(1 for _ in file) == found["rows"] + 1, where
    learner = rl.load(folder / "m.rtrl").learner
    numbers = [learner.state_dict(), learner.state(), learner.scaling()]
    for name, array in [pair for named in numbers for pair in named.items()]:
        assert np.isfinite(array).all(), f"{where}: {name} is not finite"
    return found


def fuzz_sources(folder: Path, count: int, seed: int) -> int:
    """Spoilt files of rows. Returns how many were stopped with a reason."""
    rng = random.Random(seed)
    text = b"a,b,c,y\n" + b"".join(csv_row(rng, 4) for _ in range(200))
    lines = b"".join(json_row(rng, NAMES) for _ in range(200))
    table = pyarrow.table({"a": list(range(500)), "y": ["x", "y"] * 250})
    parquet.write_table(table, folder / "whole.parquet", row_group_size=200)
    wholes = {
        "rows.csv": text,
        "rows.jsonl": lines,
        "rows.csv.gz": gzip.compress(text),
        "rows.jsonl.zst": zstd.compress(lines),
        "rows.parquet": (folder / "whole.parquet").read_bytes(),
    }
    stopped = 0
    for _ in range(count):
        name = rng.choice(list(wholes))
        (folder / name).write_bytes(model_bytes(rng, wholes[name]))
        try:
            with Source(str(folder / name)) as source:
                while source.read(100):
                    source.place()
        except Stop as stop:
            stopped += bool(stop.format_message())
    return stopped


def fuzz_files(files: int, seed: int) -> dict[str, float]:
    """Spoilt model files. Raises AssertionError at what must not be."""
    rng = random.Random(seed)
    whole = [_model(horizon, text) for horizon in (0, 3) for text in (False, True)]
    documents = [modelfile._parse(content) for content in whole]
    found: dict[str, float] = {"files": files, "refused": 0, "forged": 0, "whole": 0}
    found["peak"] = 0.0
    for number in range(files):
        k = rng.randrange(len(whole))
        is_forged = number % 3 == 0
        content = _forged(rng, *documents[k]) if is_forged else model_bytes(rng, whole[k])
        watched = number % 50 == 0
        if watched:
            tracemalloc.start()
        began = time.monotonic()
        try:
            modelfile.from_bytes(content)
        except modelfile.ModelFileError as error:
            found["refused"] += 1
            said = str(error)
            if len(said.splitlines()) != 1:
                raise AssertionError(f"file {number}: {said}") from error
        else:
            assert is_forged or content == whole[k], f"file {number} was read though spoilt"
            found["forged" if is_forged else "whole"] += 1
        assert time.monotonic() - began < 5.0, f"file {number} took too long"
        if watched:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            found["peak"] = max(found["peak"], peak / max(len(content), 1 << 14))
    assert found["refused"] + found["forged"] + found["whole"] == files
    return found


def _model(horizon: int, text: bool) -> bytes:
    model = rl.Model(target="y", horizon=horizon, hidden_size=4)
    words = ("red", "green", "blue")
    rows = (
        {"x": t % 7, "c": words[t % 3], "y": words[t % 2] if text else t % 5} for t in range(60)
    )
    model.run(rows)
    return modelfile.to_bytes(model)


def _forged(rng: random.Random, document: dict, block: np.ndarray) -> bytes:
    document = forged(rng, document)
    if rng.randrange(4) == 0:
        block = block[: rng.randrange(block.size)]
    document.pop("checksum", None)
    text = modelfile._signed(document, block.tobytes())
    return modelfile._header(text, block.shape) + block.tobytes()


if __name__ == "__main__":
    raise SystemExit(main())
