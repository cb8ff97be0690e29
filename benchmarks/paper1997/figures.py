"""A figure for each table: sequences until success, measured beside published."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from .report import interval
from .results import Entry

COLOURS = {"literal": "tab:blue", "best": "tab:green", "common": "tab:olive"}


def draw(entries: list[Entry], folder: Path) -> None:
    """Write table1.svg, table2.svg ... into a folder; says so and goes on without matplotlib."""
    try:
        # It may be missing, and where it is there mypy is not told of it: both must pass.
        import matplotlib  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        print("no figures: they need matplotlib (pip install matplotlib)", file=sys.stderr)
        return
    matplotlib.use("svg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for table in sorted({entry["table"] for entry in entries}):
        chosen = [entry for entry in entries if entry["table"] == table]
        figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.45 * len(chosen)))
        for place, entry in enumerate(chosen):
            _bar(axes, place, entry)
        labels = [f"{entry['row']}\n{entry['setting']}" for entry in chosen]
        axes.set_yticks(range(len(chosen)), labels, fontsize=7)
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlabel("sequences until success; the line is the published mean")
        axes.set_title(f"Table {table}")
        figure.tight_layout()
        figure.savefig(folder / f"table{table}.svg")
        pyplot.close(figure)


def _bar(axes: Any, place: int, entry: Entry) -> None:
    counts = [float(max(count, 1)) for count in entry["sequences"]]
    if counts:
        mean, (low, high) = float(np.mean(counts)), interval(counts)
        error = [[max(mean - low, 0.0)], [max(high - mean, 0.0)]]
        colour = COLOURS.get(entry["part"], "tab:gray")
        axes.barh(place, mean, xerr=error, color=colour, height=0.6)
        axes.scatter(counts, [place] * len(counts), s=6, color="black", zorder=3)
    published = entry["published"]
    if published:
        axes.plot([published, published], [place - 0.4, place + 0.4], color="tab:red")
