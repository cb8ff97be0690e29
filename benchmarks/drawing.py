"""What all pictures share: ink that is read on white and on black, and no date in the file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INK = "#808890"  # to be read on white and on black
BLUE, GREEN, ORANGE, RED = "#3b82c4", "#2f9e5b", "#c98a1b", "#d0454c"
VIOLET = "#8a63b8"
STYLE: Any = {
    "svg.fonttype": "none",
    "savefig.transparent": True,
    "font.size": 8,
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}": INK for part in ("edgecolor", "labelcolor", "titlecolor")},
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "rtrl-lstm",
}


@contextmanager
def drawing() -> Iterator[Any]:
    """Matplotlib's pyplot in this style; None, after a line that says so, where it is missing."""
    try:
        # It may be missing, and where it is there mypy is not told of it: both must pass.
        import matplotlib  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        print("no figures: they need matplotlib (pip install matplotlib)", file=sys.stderr)
        yield None
        return
    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context(STYLE):
        yield pyplot


def save(pyplot: Any, figure: Any, path: Path) -> None:
    """Write a figure, and forget it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
