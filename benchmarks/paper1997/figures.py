"""Figures: all rows at a glance; and for each table bars beside learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drawing import BLUE, GREEN, INK, ORANGE, RED, drawing, save

from .report import interval
from .results import Entry

COLOURS = {"literal": BLUE, "best": GREEN, "common": ORANGE}


def draw(entries: list[Entry], folder: Path) -> None:
    """Write overview.svg, table1.svg, table2.svg ... into a folder.

    Without matplotlib it says so and goes on.
    """
    with drawing() as pyplot:
        if pyplot is None:
            return
        if compared := _compared(entries):
            save(pyplot, _overview(pyplot, compared), folder / "overview.svg")
        for table in sorted({entry["table"] for entry in entries}):
            chosen = [e for e in entries if e["table"] == table and e["part"] != "variants"]
            save(pyplot, _table(pyplot, table, chosen), folder / f"table{table}.svg")


def nearest(entries: list[Entry]) -> Entry | None:
    """The entry whose mean is nearest to the published one, of those that succeed half the time."""
    able = [entry for entry in entries if entry["sequences"] and entry["success"] >= 0.5]
    return min(able, key=lambda e: abs(np.log(_ratio(e)[0])), default=None)


def _compared(entries: list[Entry]) -> dict[str, list[Entry]]:
    """For each published row of the paper's net its nearest literal, best and common entry."""
    rows: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry["published"] and entry["part"] in COLOURS and "RTRL" not in entry["row"]:
            rows.setdefault(f"{entry['table']}: {entry['row']}", []).append(entry)
    found = {
        name: [nearest([e for e in given if e["part"] == part]) for part in COLOURS]
        for name, given in rows.items()
    }
    return {name: [e for e in kept if e is not None] for name, kept in found.items()}


def _overview(pyplot: Any, rows: dict[str, list[Entry]]) -> Any:
    figure, axes = pyplot.subplots(figsize=(6.4, 1.0 + 0.2 * len(rows)))
    for part, colour in COLOURS.items():
        places = [
            (place, *_ratio(entry))
            for place, entries in enumerate(rows.values())
            for entry in entries
            if entry["part"] == part
        ]
        at, mean, low, high = np.reshape(places, (-1, 4)).T
        axes.hlines(at, low, high, color=colour, linewidth=2.5, alpha=0.5)
        axes.scatter(mean, at, color=colour, s=22, label=part, zorder=3)
    axes.axvline(1.0, color=INK)
    axes.grid(axis="y", color=INK, linewidth=0.3, alpha=0.5)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlabel("sequences until success, as a multiple of the published mean")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(COLOURS))
    return figure


def _table(pyplot: Any, table: int, entries: list[Entry]) -> Any:
    size = (11, 1.2 + 0.42 * len(entries))
    figure, (bars, curves) = pyplot.subplots(1, 2, figsize=size, width_ratios=(3, 2))
    for place, entry in enumerate(entries):
        _bar(bars, place, entry)
        _curve(curves, entry)
    labels = [f"{entry['row']}\n{entry['setting']}"[:70] for entry in entries]
    bars.set_yticks(range(len(entries)), labels, fontsize=6)
    bars.invert_yaxis()
    bars.set_xscale("log")
    bars.set_xlabel("sequences until success; the line is the published mean")
    bars.set_title(f"Table {table}")
    curves.set_xscale("log")
    curves.set_yscale("log")
    curves.set_xlabel("sequences learned, first trial of each row")
    curves.set_ylabel("mean error")
    return figure


def _ratio(entry: Entry) -> tuple[float, float, float]:
    """The mean and its interval, as multiples of the published mean."""
    counts = [float(max(count, 1)) for count in entry["sequences"]]
    low, high = interval(counts)
    published = float(entry["published"])
    return float(np.mean(counts)) / published, low / published, high / published


def _bar(axes: Any, place: int, entry: Entry) -> None:
    counts = [float(max(count, 1)) for count in entry["sequences"]]
    if counts:
        mean, (low, high) = float(np.mean(counts)), interval(counts)
        error = [[max(mean - low, 0.0)], [max(high - mean, 0.0)]]
        colour = COLOURS.get(entry["part"], INK)
        axes.barh(place, mean, xerr=error, color=colour, ecolor=INK, height=0.6)
        axes.scatter(counts, [place] * len(counts), s=5, color=INK, zorder=3)
    published = entry["published"]
    if published:
        axes.plot([published, published], [place - 0.4, place + 0.4], color=RED)


def _curve(axes: Any, entry: Entry) -> None:
    if curve := entry.get("curve"):
        seen, error = np.array(curve).T
        axes.plot(seen, error, color=COLOURS.get(entry["part"], INK), linewidth=1.0)
