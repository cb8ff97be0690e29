"""Trials in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

from .results import Entry
from .rows import Row, Setting
from .tables import ROWS
from .trial import trials

Job = tuple[int, int, list[int], int]  # row, setting, numbers of the trials, cap


def run(jobs: list[Job], processes: int) -> Iterator[tuple[Job, list[Entry]]]:
    """Jobs and what came of their trials, in the order in which they end."""
    if processes == 1 or len(jobs) < 2:
        yield from map(_found, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_found, jobs)


# Not in __main__, which a new process does not import again.
def _found(job: Job) -> tuple[Job, list[Entry]]:
    return job, trials(*setting_of(job), job[2], job[3])


def setting_of(job: Job) -> tuple[Row, Setting]:
    row = ROWS[job[0]]
    return row, row.settings[job[1]]
