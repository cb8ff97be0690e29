"""Tables in Markdown: a row for each stream, a column for each method."""

from __future__ import annotations

import math
import statistics
from typing import Any

from benchmarks.realdata.streams import Stream

Found = dict[str, list[dict[str, Any]]]  # method -> figures, one for each seed
NEAR = 1.02
FAR = 100.0
SIMPLE = ("last value", "seasonal")


def mean(figures: list[dict[str, Any]], name: str) -> float:
    """The mean over seeds."""
    return statistics.fmean(each[name] for each in figures)


def measure_of(stream: Stream) -> str:
    """What a stream is judged by: the mean absolute error, or the share of wrong labels."""
    return "mae" if stream.task == "regression" else "error"


def errors(stream: Stream, found: Found) -> dict[str, float]:
    """Each method's error."""
    return {method: mean(each, measure_of(stream)) for method, each in found.items()}


def table(results: dict[Stream, Found], methods: list[str]) -> str:
    """MAE or accuracy, the best in bold; the spread over seeds behind it."""
    lines = [f"| stream | rows | figure | {' | '.join(methods)} |"]
    lines.append("|---|--:|---" + "|--:" * len(methods) + "|")
    for stream, found in results.items():
        name = "MAE" if stream.task == "regression" else "accuracy"
        best = min(errors(stream, found).values())
        cells = [_cell(stream, found.get(method), best) for method in methods]
        rows = next(iter(found.values()))[0]["rows"]
        lines.append(f"| {stream.name.strip(':')} | {rows:,} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(stream: Stream, figures: list[dict[str, Any]] | None, best: float) -> str:
    if figures is None:
        return ""
    name = "mae" if stream.task == "regression" else "accuracy"
    if mean(figures, measure_of(stream)) > FAR * best:
        return "diverges"
    shown = _digits(mean(figures, name))
    if len(figures) > 1:
        shown += f" ±{statistics.stdev(each[name] for each in figures):.2g}"
    is_best = mean(figures, measure_of(stream)) <= best
    return f"**{shown}**" if is_best else shown


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def verdict(results: dict[Stream, Found], ours: str) -> str:
    """How often ours is best or within 2 %, and where it is worse than a simple forecast."""
    near, worse = 0, []
    judged = {stream: found for stream, found in results.items() if ours in found}
    for stream, found in judged.items():
        error = errors(stream, found)
        near += error[ours] <= NEAR * min(error.values())
        simple = min((error[name] for name in SIMPLE if name in error), default=math.inf)
        if error[ours] > NEAR * simple:
            worse.append(f"{stream.name.strip(':')} ({error[ours] / simple - 1:+.1%})")
    said = f"`{ours}` is best or within 2 % of the best on {near} of {len(judged)} streams"
    listed = ", ".join(worse) or "none"
    return f"{said}; more than 2 % worse than the best simple forecast: {listed}."


def against(results: dict[Stream, Found], ours: str, other: str) -> str:
    """On how many streams ours is better than another method, and where it is not."""
    both = {stream: found for stream, found in results.items() if ours in found and other in found}
    worse = []
    for stream, found in both.items():
        error = errors(stream, found)
        if error[ours] > error[other]:
            worse.append(f"{stream.name.strip(':')} ({error[ours] / error[other] - 1:+.1%})")
    return (
        f"Better than {other} on {len(both) - len(worse)} of {len(both)} streams on which that was "
        f"run; worse: {', '.join(worse) or 'none'}."
    )


def times(results: dict[Stream, Found], methods: list[str]) -> str:
    """Microseconds of processor time for a row, the median over streams, and the longest."""
    lines = ["| method | µs a row, median | longest |", "|---|--:|--:|"]
    for method in methods:
        each = [mean(found[method], "us") for found in results.values() if method in found]
        if each:
            lines.append(f"| {method} | {statistics.median(each):,.0f} | {max(each):,.0f} |")
    return "\n".join(lines)
