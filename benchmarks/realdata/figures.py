"""A picture of the comparison: each method's error on each stream beside the simple forecasts'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.drawing import BLUE, GREEN, INK, ORANGE, RED, drawing, save
from benchmarks.realdata.streams import Stream
from benchmarks.realdata.table import SIMPLE, Found, errors

MARKS = {  # colour and marker
    "ours": (GREEN, "o"),
    "linear": (BLUE, "s"),
    "Holt-Winters": (BLUE, "v"),
    "SNARIMAX": (BLUE, "^"),
    "tree": (ORANGE, "v"),
    "forest": (ORANGE, "^"),
    "torch LSTM": (RED, "x"),
    "deep-river LSTM": (RED, "+"),
}
FARTHEST = 10.0
"""Errors beyond so many times a simple forecast's are drawn at the edge."""


def draw(results: dict[Stream, Found], path: Path) -> None:
    """Write the picture; without matplotlib say so and go on."""
    with drawing() as pyplot:
        if pyplot is not None:
            save(pyplot, _picture(pyplot, results), path)


def beside_simple(stream: Stream, found: Found) -> dict[str, float]:
    """Each method's error as a multiple of the better simple forecast's.

    Streams of labels are judged by the share of wrong labels.
    """
    error = errors(stream, found)
    simple = min(error[name] for name in SIMPLE if name in error)
    return {method: each / simple for method, each in error.items() if method not in SIMPLE}


def _picture(pyplot: Any, results: dict[Stream, Found]) -> Any:
    ratios = {stream: beside_simple(stream, found) for stream, found in results.items()}
    ordered = sorted(ratios, key=lambda stream: ratios[stream].get("ours", 1.0))
    figure, axes = pyplot.subplots(figsize=(6.4, 1.2 + 0.19 * len(ordered)))
    for method, (colour, marker) in MARKS.items():
        drawn = [
            (min(ratios[stream][method], FARTHEST), place)
            for place, stream in enumerate(ordered)
            if method in ratios[stream]
        ]
        if drawn:
            size = 34 if method == "ours" else 16
            at, places = zip(*drawn, strict=True)
            axes.scatter(at, places, s=size, color=colour, marker=marker, label=method, zorder=3)
    axes.axvline(1.0, color=INK)
    axes.grid(axis="y", color=INK, linewidth=0.3, alpha=0.5)
    axes.set_yticks(range(len(ordered)), [stream.name.strip(":") for stream in ordered])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.minorticks_off()
    ticks = [0.2, 0.5, 1.0, 2.0, 5.0, FARTHEST]
    axes.set_xticks(ticks, [*(f"{tick:g}" for tick in ticks[:-1]), f"≥ {FARTHEST:g}"])
    axes.set_xlabel("error, as a multiple of the better of last value and seasonal last value")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=4)
    return figure
