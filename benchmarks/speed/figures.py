"""A picture of the roof: how near the engine and its C twins come to the memory's speed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.drawing import BLUE, GREEN, INK, ORANGE, RED, VIOLET, drawing, save

BARS = {  # what is timed: colour, and what it is called
    ("sgd", "engine"): (GREEN, "engine, SGD"),
    ("sgd", "equations"): (VIOLET, "C, equation by equation"),
    ("sgd", "by_unit"): (BLUE, "C, unit by unit"),
    ("sgd", "fused"): (RED, "C in one sweep"),
    ("adam", "engine"): (ORANGE, "engine, Adam"),
}
WIDTH = 0.17


def draw(seconds: Mapping[tuple[str, int], Mapping[str, float]], path: Path) -> None:
    """Write the picture; without matplotlib say so and go on.

    Args:
        seconds: (optimiser, units) -> what was timed -> seconds a step, the roof's among them.
    """
    with drawing() as pyplot:
        if pyplot is not None:
            save(pyplot, _picture(pyplot, seconds), path)


def _picture(pyplot: Any, seconds: Mapping[tuple[str, int], Mapping[str, float]]) -> Any:
    sizes = sorted({hidden for _, hidden in seconds})
    figure, axes = pyplot.subplots(figsize=(6.4, 2.6))
    for k, ((optimizer, what), (colour, name)) in enumerate(BARS.items()):
        drawn = [
            (place + (k - (len(BARS) - 1) / 2) * WIDTH, times["roof"] / times[what], times[what])
            for place, hidden in enumerate(sizes)
            if what in (times := seconds.get((optimizer, hidden), {}))
        ]
        if not drawn:
            continue
        at, part, least = zip(*drawn, strict=True)
        bars = axes.bar(at, part, WIDTH, color=colour, label=name)
        labels = [f"{1e6 * each:.2g}" if each < 1e-4 else f"{1e6 * each:.0f}" for each in least]
        axes.bar_label(bars, labels, fontsize=6, color=INK)
    axes.axhline(1.0, color=INK, linewidth=0.6)
    axes.set_xticks(range(len(sizes)), [f"{hidden} units" for hidden in sizes])
    axes.set_ylabel("part of a sweep's speed")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5, fontsize=7)
    axes.set_title("microseconds a step above each bar", loc="left", y=-0.3)
    return figure
