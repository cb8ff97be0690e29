"""The numbers that the page's charts are drawn from, as plain JSON. The drawing is charts.js."""

from __future__ import annotations

import itertools
import math
from typing import Any

from rtrl_lstm.models.model import Model
from rtrl_lstm.score.history import History, Passed, Snapshot

INTERVALS = 80  # of error over time: enough to see a change, few enough to read
DIGITS = 6


def stretch(model: Model, history: History) -> dict[str, Any] | None:
    """The last rows: truth, and the forecast of each row that was made `horizon` rows before.

    Behind them come the forecasts whose truth is still to come: of all the rows ahead, those of the
    last row. None where there is no row.
    """
    rows, horizon = history.last, model.schema.horizon
    if not rows:
        return None
    origins: list[Passed | None] = [None] * min(horizon, len(rows))
    origins += rows[: max(len(rows) - horizon, 0)]
    origins = [
        origin if origin is not None and origin.sequence == row.sequence else None
        for origin, row in zip(origins, rows, strict=True)
    ]
    to_come = rows[-horizon:] if horizon else []
    if history.path:
        to_come = [_of_step(rows[-1], step) for step in history.path]
    missing = horizon - len(to_come)
    found: dict[str, Any] = {
        "rows": [row.row for row in rows] + [rows[-1].row + 1 + k for k in range(horizon)],
        "times": _times(rows, horizon),
    }
    ahead: list[Passed | None] = [*origins, *[None] * missing, *to_come]
    if model.schema.task == "regression":
        found["truth"] = [_plain(row.truth) for row in rows]
        found["forecast"] = [row and _plain(row.forecast) for row in ahead]
        if model.interval is not None:
            found["lower"] = [row and _plain(row.lower) for row in ahead]
            found["upper"] = [row and _plain(row.upper) for row in ahead]
    else:
        classes = list(model.schema.target.classes)
        found["names"] = classes
        found["truth"] = [_index(classes, row.truth) for row in rows]
        if len(classes) == 2:  # the probability of the second one, between the two
            found["forecast"] = [row and _plain(row.probability) for row in ahead]
        else:
            found["forecast"] = [row and _index(classes, row.forecast) for row in ahead]
    found["truth"] += [None] * horizon
    return found


def _of_step(last: Passed, step: list[float | None]) -> Passed:
    """What the last row says of a row ahead, as if it had said it alone."""
    value, lower, upper = step
    return last._replace(forecast=value, lower=lower, upper=upper)


def parts(figures: dict[str, Any]) -> dict[str, Any] | None:
    """The mean absolute error of the learner and each simple forecast, for each row ahead.

    None where one row is forecast.
    """
    found = figures.get("steps")
    if not found or not figures["metrics"]:
        return None
    each = [{"learner": one["metrics"], **one["baselines"]} for one in found.values()]
    names = {name: None for one in each for name in one}
    return {
        "rows": [int(step) for step in found],
        "series": {name: [_plain(one.get(name, {}).get("mae")) for one in each] for name in names},
        "called": "ahead:",
    }


def errors(history: History) -> dict[str, Any] | None:
    """Mean loss of the learner and each baseline over intervals of equal length.

    None where nothing was scored.
    """
    pairs = [(a, b) for a, b in _intervals(history) if b.scored > a.scored]
    if not pairs:
        return None
    series: dict[str, list[float | None]] = {}
    for name in history.score.losses():
        series[name] = []
        for a, b in pairs:
            before, after = (s.losses.get(name, s.losses.get("last_value", 0.0)) for s in (a, b))
            series[name].append(_plain((after - before) / (b.scored - a.scored)))
    return {
        "rows": [b.row for _, b in pairs],
        "series": series,
        "bad": [b.bad_rows - a.bad_rows for a, b in pairs],
    }


def coverage(model: Model, history: History) -> dict[str, Any] | None:
    """The share of truths within the forecasts' intervals, over time, beside what was asked for.

    None where there are none.
    """
    pairs = [(a, b) for a, b in _intervals(history) if b.ranges > a.ranges]
    if not pairs:
        return None
    shares = [_plain((b.covered - a.covered) / (b.ranges - a.ranges)) for a, b in pairs]
    return {
        "rows": [b.row for _, b in pairs],
        "series": {"covered": shares, "asked for": [model.interval] * len(pairs)},
    }


def calibration(history: History) -> list[list[float]] | None:
    """For each bin of probability that was ever forecast: its mean, how often it came true, count.

    None where there are none.
    """
    bins = [each for each in history.calibration if each.forecasts]
    return [
        [one.probability / one.forecasts, one.hits / one.forecasts, one.forecasts] for one in bins
    ] or None


def _intervals(history: History) -> list[tuple[Snapshot, Snapshot]]:
    """Begin and end of each of some `INTERVALS` intervals up to now."""
    snapshots = list(history.snapshots)
    if history.score.rows > snapshots[-1].row:
        snapshots.append(history.now())
    step = max(1, math.ceil((len(snapshots) - 1) / INTERVALS))
    ends = [snapshots[0], *snapshots[step::step]]
    if ends[-1] is not snapshots[-1]:
        ends.append(snapshots[-1])
    return list(itertools.pairwise(ends))


def _times(rows: list[Passed], horizon: int) -> list[float] | None:
    """Time stamps in seconds, of rows to come by the last distance; None without a time column."""
    known = [row.seconds for row in rows if row.seconds is not None]
    if len(known) < len(rows):
        return None
    interval = known[-1] - known[-2] if len(known) > 1 else 0.0
    return known + [known[-1] + interval * (k + 1) for k in range(horizon)]


def _plain(value: Any) -> float | None:
    """A number for JSON, no longer than a picture needs."""
    if not isinstance(value, float | int) or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")


def _index(classes: list[str], label: Any) -> int | None:
    return classes.index(label) if label in classes else None
