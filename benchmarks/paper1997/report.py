"""The report: measured beside published, as Markdown."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .results import Entry
from .rows import PARTS, Row

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TRIALS = 10
HEADER = (
    "| table | row | setting | weights | published | measured | 90 % interval of the mean "
    "| success | wrong of 2,560 |\n|---|---|---|---:|---:|---:|---|---:|---:|"
)


def ordered(entries: list[Entry], rows: tuple[Row, ...]) -> list[tuple[Row, Entry]]:
    """Entries with their rows, in the order of `rows` and of their settings."""
    order = {
        (row.table, row.name, setting.part, setting.name): (k, row)
        for k, (row, setting) in enumerate((row, s) for row in rows for s in row.settings)
    }
    known = [(*order[key], entry) for entry in entries if (key := _place(entry)) in order]
    return [(row, entry) for _, row, entry in sorted(known, key=lambda found: found[0])]


def markdown(entries: list[Entry], rows: tuple[Row, ...]) -> str:
    """A table for each part, with a line for each row and setting, in the order of `rows`."""
    known = ordered(entries, rows)
    best: dict[str, float] = {}
    for row, entry in known:
        if entry["part"] == "best" and entry["sequences"]:
            best[row.key] = min(float(np.mean(entry["sequences"])), best.get(row.key, np.inf))
    parts = []
    for part in PARTS:
        lines = [
            _line(row, entry, best.get(row.key, 0.0) if part == "common" else 0.0)
            for row, entry in known
            if entry["part"] == part
        ]
        if lines:
            parts.append("\n".join([f"### {part.capitalize()}", "", HEADER, *lines]))
    return "\n\n".join([*parts, "### What it took", _cost(entries)] if entries else parts)


def _cost(entries: list[Entry]) -> str:
    """Processor time of all trials, and of TRIALS trials of each literal setting."""
    trials, hours = sum(e["trials"] for e in entries), sum(e["seconds"] for e in entries) / 3600
    told = f"{trials:,} trials, {hours:.1f} hours of one core."
    each = {
        (e["table"], e["row"], e["setting"]): TRIALS * e["seconds"] / e["trials"] / 60
        for e in entries
        if e["part"] == "literal"
    }
    if not each:
        return told
    largest = sorted(each, key=lambda key: -each[key])[:6]
    named = "; ".join(
        f"Table {table}, {row}, {setting}: {each[table, row, setting]:.0f}"
        for table, row, setting in largest
    )
    return (
        f"{told} {TRIALS} trials of each literal setting, at the mean time of those that were run: "
        f"{sum(each.values()) / 2:.0f} minutes on two cores. The dearest, in minutes of one core "
        f"for {TRIALS} trials: {named}."
    )


def write(path: Path, report: str) -> None:
    """Put a report between the two marks of a document.

    Raises:
        ValueError: the document has no such marks.
    """
    text = path.read_text(encoding="utf-8")
    head, found, rest = text.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{path} has no {BEGIN} and {END} to write the report between")
    path.write_text(f"{head}{BEGIN}\n\n{report}\n\n{END}{tail}", encoding="utf-8")


def interval(values: list[float], share: float = 0.9, draws: int = 10_000) -> tuple[float, float]:
    """Of the mean, by the bootstrap."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (draws, len(values))).mean(axis=1)
    low, high = np.quantile(means, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _place(entry: Entry) -> tuple[int, str, str, str]:
    return entry["table"], entry["row"], entry["part"], entry["setting"]


def _line(row: Row, entry: Entry, best: float) -> str:
    """best: mean of the row's best setting, to be compared with; 0: not."""
    good, counts = len(entry["numbers"]), [float(n) for n in entry["sequences"]]
    cells = ["" if entry["part"] == "farther" else str(row.table), row.name, entry["setting"]]
    cells += [f"{entry['weights']:,}", _published(row)]
    if counts:
        mean = float(np.mean(counts))
        ratio = f" ({mean / row.published:.2g} ×)" if row.published else ""
        if best:
            ratio = ratio.replace(")", f", {mean / best:.2g} × best)")
        early = f", ST1 {np.mean(entry['ST1']):,.0f}" if entry["ST1"] else ""
        if entry.get("before"):
            early = f", and {np.mean(entry['before']):,.0f} before"
        cells.append(f"{mean:,.0f}{ratio}{early}")
        low, high = interval(counts)
        cells.append(f"{low:,.0f} - {high:,.0f}" if good > 1 else "one success")
    else:
        cells += [f"not within {entry['cap']:,}", ""]
    wrong = f"{np.mean(entry['wrong']):.3g}" if entry["wrong"] else ""
    if wrong and row.wrong is not None:
        wrong += f" ({row.wrong:.2g})" if row.wrong < 100 else f" ({row.wrong:.0f})"
    return "| " + " | ".join([*cells, f"{good}/{entry['trials']}", wrong]) + " |"


def _published(row: Row) -> str:
    if row.table > 9 or not (row.published or row.rate == 0.0):
        return ""
    early = f", ST1 {row.ST1:,}" if row.ST1 else ""
    rate = "some" if row.rate is None else f"{row.rate:.0%}"
    count = f"{row.published:,}{early}, " if row.published else ""
    return f"{count}{rate}"
