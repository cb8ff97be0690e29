"""python -m benchmarks.paper1997 [TABLE ...]: the paper's tables, measured beside published.

Trials that a file given by --json holds already are not run again, so that a run may be stopped at
any time and goes on where it was. Without tables all are run. What 10 trials of everything literal
take, docs/paper1997.md says.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import figures
from .report import markdown
from .rows import FARTHER, ROWS, Row, Setting
from .trial import trial

Job = tuple[int, int, int, int | None]  # row, setting, number of the trial, cap
QUICK = 1_500  # sequences


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    tables = {row.table for row in ROWS}
    if unknown := sorted(set(asked.tables) - tables):
        there = f"the paper's are 1 to 9, and {FARTHER} goes farther"
        print(f"no table {unknown[0]}: {there}", file=sys.stderr)
        return 2
    wanted = set(asked.tables) or tables
    kept = _kept(asked.json)
    jobs = list(_jobs(asked, wanted, kept))
    for done, record in enumerate(_run(jobs, asked.jobs), 1):
        kept.append(record)
        if asked.json:
            _write(asked.json, kept)
        print(_line(record, done, len(jobs)), file=sys.stderr)
    shown = [record for record in kept if record["table"] in wanted]
    print(markdown(shown))
    if asked.figures:
        figures.draw(shown, asked.figures)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper1997", description=__doc__)
    parser.add_argument("tables", nargs="*", type=int, metavar="TABLE")
    parser.add_argument("--trials", type=int, default=10, help="of each row (10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--part", choices=["literal", "best", "farther"], help="one part only")
    parser.add_argument("--row", help="rows whose name holds this only")
    parser.add_argument("--without", help="no rows whose name holds this")
    parser.add_argument("--json", type=Path, help="keep every trial here, and go on from it")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="draw a figure per table")
    parser.add_argument(
        "--quick", action="store_true", help=f"one trial of each row, of {QUICK:,} sequences"
    )
    return parser


def _jobs(asked: Any, wanted: set[int], kept: list[dict[str, Any]]) -> Iterator[Job]:
    """What is still to be run: the first trial of every row, then the second, ..."""
    known = {(r["table"], r["row"], r["setting"], r["number"], r["cap"]) for r in kept}
    for number in range(1 if asked.quick else asked.trials):
        for r, row in enumerate(ROWS):
            for s, setting in enumerate(row.settings):
                cap = QUICK if asked.quick else setting.cap
                chosen = asked.part in (None, setting.part) and (asked.row or "") in row.name
                chosen = chosen and not (asked.without and asked.without in row.name)
                key = (row.table, row.name, setting.name, number, cap)
                if row.table in wanted and chosen and key not in known:
                    yield r, s, number, cap


def _run(jobs: list[Job], processes: int) -> Iterator[dict[str, Any]]:
    if processes == 1 or len(jobs) < 2:
        yield from map(_record, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_record, jobs)


def _record(job: Job) -> dict[str, Any]:
    row, number, cap = ROWS[job[0]], job[2], job[3]
    setting = row.settings[job[1]]
    return _described(row, setting) | {
        "number": number,
        "cap": cap,
        **trial(row, setting, number, cap),
    }


def _described(row: Row, setting: Setting) -> dict[str, Any]:
    return {
        "table": row.table,
        "row": row.name,
        "part": setting.part,
        "setting": setting.name,
        "weights": row.weights,
        "published": row.published,
    }


def _line(record: dict[str, Any], done: int, of: int) -> str:
    came = f"{record['sequences']:,}" if record["success"] else f"not within {record['seen']:,}"
    name = f"table {record['table']}, {record['row']}, {record['part']}: {record['setting']}"
    return f"{done}/{of} {name}, trial {record['number']}: {came} ({record['seconds']:.0f} s)"


def _kept(path: Path | None) -> list[dict[str, Any]]:
    return json.loads(path.read_text()) if path and path.exists() else []


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(records, indent=1))
    part.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
