"""python -m benchmarks.paper1997 [TABLE ...]: the paper's tables, measured beside published.

Trials that a file given by --json holds already are not run again, so that a run may be stopped at
any time and goes on where it was. Without tables all are run. What 10 trials of everything literal
take, docs/paper1997.md says.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import figures
from .jobs import Job, run, setting_of
from .loop import LANES
from .report import markdown, ordered, write
from .results import Entry, Results
from .rows import FARTHER, FIRST, PARTS, Row, Setting
from .tables import ROWS

QUICK = 500  # sequences, or as many as have QUICK_ROWS rows
QUICK_ROWS = 100_000


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    tables = {row.table for row in ROWS}
    if unknown := sorted(set(asked.tables) - tables):
        there = f"the paper's are 1 to 9, and {FARTHER} goes farther"
        print(f"no table {unknown[0]}: {there}", file=sys.stderr)
        return 2
    wanted = set(asked.tables) or tables
    results = Results(asked.json)
    jobs = list(_jobs(asked, wanted, results))
    done, total = 0, sum(len(numbers) for _, _, numbers, _ in jobs)
    for job, found in run(jobs, asked.jobs):
        row, setting = setting_of(job)
        for number, one in zip(job[2], found, strict=True):
            results.add(row, setting, job[3], number, one)
            done += 1
            print(f"{done}/{total} {_told(row, setting, number, one)}", file=sys.stderr)
    shown = results.of(wanted)
    report = markdown(shown, ROWS)
    print(report)
    if asked.report:
        write(asked.report, report)
    if asked.figures:
        figures.draw([entry for _, entry in ordered(shown, ROWS)], asked.figures)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper1997", description=__doc__)
    parser.add_argument("tables", nargs="*", type=int, metavar="TABLE")
    parser.add_argument("--trials", type=int, default=10, help="of each row (10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--part", choices=PARTS, help="one part only")
    parser.add_argument("--row", help="rows whose name holds this only")
    parser.add_argument("--setting", help="settings whose name holds this only")
    parser.add_argument("--without", help="no rows whose name holds this")
    parser.add_argument("--json", type=Path, help="keep every trial here, and go on from it")
    parser.add_argument("--report", type=Path, help="put the report between this file's two marks")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="draw a figure per table")
    parser.add_argument(
        "--quick", action="store_true", help=f"one trial of each row, of {QUICK:,} sequences"
    )
    return parser


def _jobs(asked: Any, wanted: set[int], results: Results) -> Iterator[Job]:
    """What is still to be run: the first trial of every row, then the second, ...

    Trials that run side by side are one job, as far as there are lanes for them.
    """
    trials = 1 if asked.quick else asked.trials
    for begin in range(trials):
        for r, row in enumerate(ROWS):
            for s, setting in enumerate(row.settings):
                size = LANES if setting.loop else 1
                if begin % size or row.table not in wanted or not _chosen(asked, row, setting):
                    continue
                cap, first = _quick(row) if asked.quick else setting.cap, FIRST.get(setting.part, 0)
                numbers = range(first + begin, first + min(begin + size, trials))
                if left := [k for k in numbers if not results.has(row, setting, cap, k)]:
                    yield r, s, left, cap


def _chosen(asked: Any, row: Row, setting: Setting) -> bool:
    return (
        asked.part in (None, setting.part)
        and (asked.row or "") in row.name
        and (asked.setting or "") in setting.name
        and not (asked.without and asked.without in row.name)
    )


def _quick(row: Row) -> int:
    length = row.task.batch(np.random.default_rng(0), 1).rows
    return max(1, min(QUICK, QUICK_ROWS // length))


def _told(row: Row, setting: Setting, number: int, found: Entry) -> str:
    came = f"{found['sequences']:,}" if found["success"] else f"given up after {found['seen']:,}"
    if "wrong" in found:
        came += f", {found['wrong']} wrong"
    name = f"table {row.table}, {row.name}, {setting.part}: {setting.name}"
    return f"{name}, trial {number}: {came} ({found['seconds']:.1f} s)"


if __name__ == "__main__":
    raise SystemExit(main())
