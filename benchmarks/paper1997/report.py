"""The report: measured beside published, as Markdown."""

from __future__ import annotations

from typing import Any

import numpy as np

Record = dict[str, Any]
HEADER = (
    "| table | row | weights | setting | published | measured | 90 % interval of the mean "
    "| success | wrong of 2,560 | trials |\n|---|---|---:|---|---:|---:|---|---:|---:|---:|"
)


def markdown(records: list[Record]) -> str:
    """A table for each part, with a line for each row and setting."""
    parts = []
    for part in ("literal", "best", "farther"):
        groups = grouped([r for r in records if r["part"] == part])
        if groups:
            parts.append("\n".join([f"### {part.capitalize()}", HEADER, *map(_line, groups)]))
    return "\n\n".join(parts)


def grouped(records: list[Record]) -> list[list[Record]]:
    """The trials of each row and setting, in the order of the tables."""
    found: dict[tuple[Any, ...], list[Record]] = {}
    for record in sorted(records, key=lambda r: (r["table"], r["number"])):
        key = (record["table"], record["row"], record["setting"])
        found.setdefault(key, []).append(record)
    return [found[key] for key in sorted(found, key=lambda key: key[0])]


def interval(values: list[float], share: float = 0.9, draws: int = 10_000) -> tuple[float, float]:
    """Of the mean, by the bootstrap."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (draws, len(values))).mean(axis=1)
    low, high = np.quantile(means, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _line(trials: list[Record]) -> str:
    one, good = trials[0], [r for r in trials if r["success"]]
    table = "" if one["part"] == "farther" else str(one["table"])
    cells = [table, one["row"], f"{one['weights']:,}" if one["weights"] else "", one["setting"]]
    cells.append(f"{one['published']:,}" if one["published"] else "")
    if good:
        counts = [float(r["sequences"]) for r in good]
        low, high = interval(counts)
        cells += [f"{np.mean(counts):,.0f}", f"{low:,.0f} - {high:,.0f}"]
    else:
        cells += [f"not within {max(r['seen'] for r in trials):,}", ""]
    wrong = [r["wrong"] for r in good if "wrong" in r]
    cells += [f"{len(good)}/{len(trials)}", f"{np.mean(wrong):.1f}" if wrong else ""]
    return "| " + " | ".join([*cells, str(len(trials))]) + " |"
