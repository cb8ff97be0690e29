"""A figure for each table: sequences until success, measured beside published."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from .report import grouped, interval


def draw(records: list[dict[str, Any]], folder: Path) -> None:
    """Write table1.svg, table2.svg ... into a folder; says so and goes on without matplotlib."""
    try:
        import matplotlib  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        print("no figures: they need matplotlib (pip install matplotlib)", file=sys.stderr)
        return
    matplotlib.use("svg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for table in sorted({record["table"] for record in records}):
        groups = [g for g in grouped(records) if g[0]["table"] == table]
        figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.45 * len(groups)))
        for place, trials in enumerate(groups):
            _bar(axes, place, trials)
        labels = [f"{g[0]['row']}\n{g[0]['setting']}" for g in groups]
        axes.set_yticks(range(len(groups)), labels, fontsize=7)
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlabel("sequences until success; the line is the published mean")
        axes.set_title(f"Table {table}")
        figure.tight_layout()
        figure.savefig(folder / f"table{table}.svg")
        pyplot.close(figure)


def _bar(axes: Any, place: int, trials: list[dict[str, Any]]) -> None:
    counts = [float(max(r["sequences"], 1)) for r in trials if r["success"]]
    if counts:
        mean, (low, high) = float(np.mean(counts)), interval(counts)
        colour = "tab:blue" if trials[0]["part"] == "literal" else "tab:green"
        error = [[max(mean - low, 0.0)], [max(high - mean, 0.0)]]
        axes.barh(place, mean, xerr=error, color=colour, height=0.6)
        axes.scatter(counts, [place] * len(counts), s=6, color="black", zorder=3)
    published = trials[0]["published"]
    if published:
        axes.plot([published, published], [place - 0.4, place + 0.4], color="tab:red")
