"""The figures at the end: a table for people on stderr, one line of JSON for machines."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rtrl_lstm.cli.drive import Ended
from rtrl_lstm.cli.errors import SIGNALLED, Stop
from rtrl_lstm.cli.interrupt import Interrupted
from rtrl_lstm.cli.table import WIDTH, number
from rtrl_lstm.wording import counted

if TYPE_CHECKING:
    from rtrl_lstm.score.prequential import Prequential

LEARNING = ("learned", "unlabelled", "pending")

METRICS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "nrmse": "NRMSE",
    "mape": "MAPE",
    "coverage": "coverage",
    "width": "width",
    "accuracy": "accuracy",
    "log_loss": "log loss",
}

WITH_UNITS = ("mae", "rmse", "width")
"""Those in units of the target: their mean over several targets says nothing to people."""

INCIDENTS = {
    "keys": ("key", ""),
    "interventions": ("time", " stepped back"),
    "gaps": ("gap", " in time"),
    "filled": ("row", " filled in"),
    "repeated": ("time", " repeated"),
    "out_of_order": ("time", " out of order"),
    "late_labels": ("label", " came late"),
    "too_late": ("label", " came too late"),
    "repeated_ids": ("record", " repeated"),
}


def table(figures: dict[str, Any]) -> list[str]:
    """The learner's metrics above the baselines'; nothing where no forecast was scored.

    Of several targets what is above those of each is the mean, where they have no units.
    """
    columns = [name for name in METRICS if name in figures["metrics"]]
    if not columns:
        return []
    rows = _with_blanks(of_all(figures))
    for step, found in figures.get("steps", {}).items():  # above them is the mean
        rows[f"{step} ahead"] = found["metrics"]
    for name, target in figures.get("targets", {}).items():
        rows[f"{name}: learner"] = target["metrics"]
        baselines = _with_blanks(target["baselines"])
        rows |= {f"{name}: {source}": found for source, found in baselines.items()}
    first = max(len(name) for name in rows) + 2
    lines = [" " * first + "".join(METRICS[name].rjust(WIDTH) for name in columns)]
    for name, metrics in rows.items():
        cells = (figure(column, metrics.get(column)) for column in columns)
        lines.append(name.ljust(first) + "".join(c.rjust(WIDTH) for c in cells))
    return lines


def of_all(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By source, the metrics of the whole that people are shown."""
    found = {"learner": figures["metrics"], **figures["baselines"]}
    if "targets" not in figures:
        return found
    return {
        source: {name: value for name, value in metrics.items() if name not in WITH_UNITS}
        for source, metrics in found.items()
    }


def _with_blanks(metrics: dict[str, Any]) -> dict[str, Any]:
    """By source, as it is called in a table for people."""
    return {source.replace("_", " "): found for source, found in metrics.items()}


def figure(column: str, value: float | None) -> str:
    """A metric as people read it."""
    if value is not None and column in ("mape", "coverage", "accuracy"):
        return f"{100 * value:.2f} %"
    return number(value)


def counts_line(figures: dict[str, Any]) -> str:
    """What became of the rows, in one line."""
    parts = [counted(figures["rows"], "row")]
    if figures["seconds"]:
        parts[0] += f" in {figures['seconds']:.1f} s"
    if figures["rows_per_second"]:
        parts[0] += f" ({figures['rows_per_second']:,.0f} a second)"
    for name in ("learned", "unlabelled", "pending", "bad_rows", "scored"):
        if count := figures.get(name):
            parts.append(counted(count, "bad row") if name == "bad_rows" else f"{count:,} {name}")
    for name, (what, became) in INCIDENTS.items():
        if figures.get(name):
            parts.append(counted(figures[name], what) + became)
    return ", ".join(parts)


def figures(
    score: Prequential,
    counts: dict[str, int] | None,
    seconds: float,
    rows: int,
    model: str | None,
    incidents: dict[str, int] | None = None,
) -> dict[str, Any]:
    """All that `--json` prints.

    Args:
        counts: `Model.counts`; None where nothing learns.
        seconds: how long the run took.
        rows: rows of this run.
        model: path of the model file, if there is one.
        incidents: `Model.incidents`.
    """
    learns = counts is not None
    found = score.summary(counts or dict.fromkeys(("rows", *LEARNING), 0))
    found["rows"] = score.rows
    if not learns:
        found = {name: value for name, value in found.items() if name not in LEARNING}
    speed = rows / seconds if seconds > 0 else 0.0
    found |= incidents or {}
    return {**found, "seconds": seconds, "rows_per_second": speed, "model": model}


def conclude(
    found: dict[str, Any], notes: list[str], ended: Ended, options: dict[str, Any]
) -> None:
    """Show the figures and end the command as it ended.

    Where nobody reads standard output any more that is the end, and no mistake: `... | head`.

    Raises:
        Stop: at a bad row, or where the source could not be read further.
        SystemExit: the user interrupted it.
    """
    if not options["quiet"]:
        lines = [*table(found), counts_line(found), *(f"note: {note}" for note in notes)]
        print("\n".join(lines), file=sys.stderr, flush=True)
    if options["as_json"] and not isinstance(ended, BrokenPipeError):
        sys.stdout.write(json.dumps(found, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()
    if isinstance(ended, Stop):
        raise ended
    if isinstance(ended, Interrupted):
        print(f"interrupted after row {found['rows']:,}", file=sys.stderr)
        raise SystemExit(SIGNALLED + ended.number)
