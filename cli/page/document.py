"""The page: text and tables here; charts.js draws the numbers of charts.py; style.css dresses it.

Everything is inside the one file: no network is used, and the page forbids itself any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Any

from rtrl_lstm.cli.figures import METRICS, counts_line, figure, of_all
from rtrl_lstm.cli.page import charts
from rtrl_lstm.cli.table import number
from rtrl_lstm.modelfile import write_whole
from rtrl_lstm.models.model import Model
from rtrl_lstm.score.history import Event, History
from rtrl_lstm.score.worth import worth_of_columns
from rtrl_lstm.wording import counted

MOST_COLUMNS = 30
MOST_INPUTS = 100
_AHEAD = re.compile(r", (\d+) ahead$")  # how `table.steplags` ends the names of inputs
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_page(path: str, model: Model, history: History, figures: dict[str, Any], by: str) -> None:
    """Write a report, whole or not at all.

    Args:
        figures: what `--json` prints.
        by: the command that made it.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, page(model, history, figures, by).encode())


def page(model: Model, history: History, figures: dict[str, Any], by: str) -> str:
    """A report as a document of HTML."""
    schema = model.schema
    first = "1 to " if schema.arguments["every_step"] and schema.horizon > 1 else ""
    title = ", ".join(schema.target_names)
    title += f", {first}{counted(schema.horizon, 'row')} ahead" if schema.horizon else ""
    stretch = charts.stretch(model, history)
    by_step = charts.parts(figures)
    errors = charts.errors(history)
    coverage = charts.coverage(model, history)
    calibration = charts.calibration(history)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{_lead(figures)}</p>',
        _tiles(figures),
        _stretch(stretch, model),
        _errors(errors, model),
        _scores(figures),
        _by_step(by_step),
        _by_target(figures),
        _coverage(coverage, model),
        _calibration(calibration, model),
        _worth(model, history),
        _events(model, history, figures),
        _settings(model, by),
    ]
    own = files("rtrl_lstm.cli.page")
    style = (own / "style.css").read_text(encoding="utf-8")
    script = (own / "charts.js").read_text(encoding="utf-8")
    drawn: dict[str, Any] = {"stretch": stretch, "errors": errors, "coverage": coverage}
    drawn |= {"calibration": calibration, "by-step": by_step}
    numbers = json.dumps(drawn, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    numbers = numbers.replace("<", "\\u003c")  # no text can end the script element
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title><style>\n{style}</style></head><body><main>",
            *parts,
            '</main><script type="application/json" id="figures">',
            f"{numbers}</script><script>\n{script}</script></body></html>\n",
        ]
    )


def _lead(figures: dict[str, Any]) -> str:
    """How good it is, in a sentence."""
    metrics = figures["metrics"]
    if not metrics:
        return "No forecast has been scored yet."
    if "mae" in metrics:
        loss, what = "mae", "mean absolute error"
        if "targets" in figures and metrics["nrmse"]:  # they may be of different units
            loss, what = "nrmse", "root mean square error, in standard deviations of each target,"
        shown = number(metrics[loss])
        best = min(figures["baselines"].items(), key=lambda one: one[1][loss])
        own, other = metrics[loss], best[1][loss]
    else:
        what, shown = "share of wrong labels", f"{100 * (1 - metrics['accuracy']):.2f} %"
        best = max(figures["baselines"].items(), key=lambda one: one[1]["accuracy"])
        own, other = 1 - metrics["accuracy"], 1 - best[1]["accuracy"]
    name = escape(best[0].replace("_", " "))
    text = f"Forecast row by row, each before its truth was known: {what} <b>{shown}</b>"
    if not other:
        return f"{text}; that of the best simple forecast, {name}, is 0."
    share = 100 * (own / other - 1)
    how = "below" if share < 0 else "above"
    return f"{text}, <b>{abs(share):.0f} % {how}</b> that of the best simple forecast, {name}."


def _tiles(figures: dict[str, Any]) -> str:
    found = of_all(figures)["learner"]
    tiles = [(METRICS[name], figure(name, value)) for name, value in found.items()]
    tiles.append(("rows", f"{figures['rows']:,}"))
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles)
    return f'<dl class="tiles">{cells}</dl>'


def _section(title: str, text: str, body: str) -> str:
    return f"<section><h2>{title}</h2><p>{text}</p>{body}</section>"


def _chart(name: str) -> str:
    return f'<div class="chart" id="{name}"></div>'


def _stretch(drawn: dict[str, Any] | None, model: Model) -> str:
    if drawn is None:
        return ""
    horizon = model.schema.horizon
    made = f"made {counted(horizon, 'row')} before" if horizon else "made before it was known"
    what = "the forecast of it"
    if model.schema.task != "regression":
        classes = model.schema.target.classes
        what = "the label held likeliest (red where that was wrong)"
        if len(classes) == 2:
            what = f"the probability of {escape(classes[1])}"
    several = len(model.schema.target_names) > 1
    of = f" of {escape(model.schema.target.column)}" if several else ""
    text = f"The last rows{of}: the truth, and {what}, {made}."
    if model.interval is not None:
        text += f" Shaded: where the truth was to lie in {100 * model.interval:g} % of the rows."
    if model.schema.arguments["every_step"] and horizon > 1:
        text += " It ends with what the last row says of all the rows ahead."
    elif horizon:
        text += " It ends with the forecasts whose truth is still to come."
    return _section("Forecast and truth", text, _chart("stretch"))


def _errors(drawn: dict[str, Any] | None, model: Model) -> str:
    if drawn is None:
        return ""
    loss = "Mean absolute error" if model.schema.task == "regression" else "Share of wrong labels"
    if (names := model.schema.forecast_names)[1:]:
        several = model.schema.target_names == names
        loss += " of all targets, in the units of each," if several else " of all steps"
    text = f"{loss} over time, beside the simple forecasts, all scored on the same rows."
    if any(drawn["bad"]):
        text += " Ticks on the axis: rows that could not be used."
    return _section("Error over time", text, _chart("errors"))


def _scores(figures: dict[str, Any]) -> str:
    rows = of_all(figures)
    columns = [name for name in METRICS if name in rows["learner"]]
    if not columns:
        return ""
    head = "".join(f"<th>{METRICS[name]}</th>" for name in columns)
    lines = [
        f"<tr><th>{escape(name.replace('_', ' '))}</th>"
        + "".join(f"<td>{figure(column, metrics.get(column))}</td>" for column in columns)
        + "</tr>"
        for name, metrics in rows.items()
    ]
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    text = f"{escape(counts_line(figures))}."
    return _section("Scores", text, f'<div class="wide">{table}</div>')


def _by_step(drawn: dict[str, Any] | None) -> str:
    if drawn is None:
        return ""
    text = "Mean absolute error of the forecasts of the next row, the one after it, and so on."
    return _section("Error by rows ahead", text, _chart("by-step"))


def _by_target(figures: dict[str, Any]) -> str:
    """A line for each of several targets, and the simple forecast that was best at it."""
    lines = []
    for name, one in figures.get("targets", {}).items():
        if not one["metrics"]:
            continue
        best = min(one["baselines"].items(), key=lambda simple: simple[1]["mae"])
        lines.append(
            f"<tr><th>{escape(name)}</th><td>{figure('mae', one['metrics']['mae'])}</td>"
            f"<td>{figure('mae', best[1]['mae'])}</td><td>{escape(best[0].replace('_', ' '))}</td>"
        )
    if not lines:
        return ""
    head = f"<th></th><th>{METRICS['mae']}</th><th>best simple forecast's</th><th></th>"
    body = "</tr>".join([*lines, ""])
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return _section(
        "Each target", "The scores above are their mean.", f'<div class="wide">{table}</div>'
    )


def _coverage(drawn: dict[str, Any] | None, model: Model) -> str:
    if drawn is None:
        return ""
    text = (
        "The share of truths within the forecasts' intervals over time: "
        f"{100 * (model.interval or 0):g} % was asked for."
    )
    return _section("Calibration", text, _chart("coverage"))


def _calibration(drawn: list[list[float]] | None, model: Model) -> str:
    if drawn is None:
        return ""
    classes = model.schema.target.classes
    of = f"of {escape(classes[1])}" if len(classes) == 2 else "of the likeliest label"
    text = (
        f"How often a forecast probability {of} came true. On the diagonal, 70 % means 70 of 100 "
        "times; the larger a dot, the more forecasts."
    )
    return _section("Calibration", text, _chart("calibration"))


def _worth(model: Model, history: History) -> str:
    found = worth_of_columns(model, history)
    if not found:
        return ""
    whole = found[0].loss
    most = max(worth.without - whole for worth in found)
    bars = []
    for worth in found[:MOST_COLUMNS]:
        rise = max(worth.without - whole, 0.0)
        width = 100 * rise / most if most > 0 else 0.0
        shown = f"+{100 * rise / whole:,.0f} %" if whole > 0 else f"+{number(rise)}"
        bars.append(
            f'<div class="bar"><span>{escape(worth.column)}</span>'
            f'<div><i style="width:{width:.1f}%"></i><b>{shown}</b></div></div>'
        )
    loss = "mean absolute error" if model.schema.task == "regression" else "log loss"
    last = counted(len(history.stretch()[0]), "row")
    several = model.schema.target_names[1:]
    loss += f" of {escape(model.schema.target.column)}" if several else ""
    text = (
        f"How much the {loss} over the last {last} rises where a "
        "column's values are exchanged between the rows: what the model relies on now."
    )
    return _section("What the columns are worth", text, f'<div class="bars">{"".join(bars)}</div>')


def _events(model: Model, history: History, figures: dict[str, Any]) -> str:
    """Bad rows, and where the stream made the learner change."""
    known = {"inputs": 0, "labels": 0}
    lines = []
    for event in history.events:
        lines.append(f"<tr><td>{event.row:,}</td><td>{_told(event, known, model)}</td></tr>")
        known[event.kind] = event.size
    if not lines:
        return ""
    bad = figures["bad_rows"]
    text = f"{counted(bad, 'row')} could not be used. The last things that happened:"
    table = f"<table><tbody>{''.join(reversed(lines))}</tbody></table>"
    return _section("Bad rows and changes", text, f'<div class="wide tall">{table}</div>')


def _told(event: Event, known: dict[str, int], model: Model) -> str:
    """An event in words; the names of what is new where that is known."""
    if event.kind == "bad row":
        return f"<em>bad row</em> {escape(event.why)}"
    names = model.schema.input_names
    if event.kind == "labels":
        names = model.schema.target.classes
    fresh = names[known[event.kind] : event.size]
    told = _together(map(str, fresh))
    shown = ", ".join(told[:8]) + (" …" if len(told) > 8 else "")
    word = {"inputs": "input", "labels": "label"}[event.kind]
    return f"{counted(len(fresh), f'new {word}')}: {escape(shown)}"


def _together(names: Iterable[str]) -> list[str]:
    """Names of inputs; those that differ only in how many rows ahead they are for are one."""
    found: list[str] = []
    for _, group in groupby(names, lambda name: _AHEAD.sub(", all ahead", name)):
        first, *others = group
        if others and (last := _AHEAD.search(others[-1])):
            first = _AHEAD.sub(rf", \1 to {last[1]} ahead", first)
        found.append(first)
    return found


def _settings(model: Model, by: str) -> str:
    asked = {**model.schema.arguments, "interval": model.interval}
    asked = {name: value for name, value in asked.items() if value is not None}
    rows: dict[str, Any] = {**asked, "task": model.schema.task}
    if model.learner is not None:
        spec = model.learner.spec.to_json()
        rows |= {name: spec[name] for name in ("cell", "num_layers", "rule", "loss", "dtype")}
        rows |= {name: getattr(model.learner.spec, name) for name in model.options}
        told = _together(model.schema.input_names)
        names = told[:MOST_INPUTS] + ["…"] * (len(told) > MOST_INPUTS)
        rows["inputs"] = f"{model.schema.input_size}: {', '.join(names)}"
        rows["weights"] = f"{sum(learner.layout.weights for learner in model.learners):,}"
        if len(model.learners) > 1:
            rows["members"] = len(model.learners)
        if len(model.rates) > 1:
            rows["learning_rate"] = f"auto: {', '.join(map(str, model.rates))}"
    lines = [
        f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{escape(_said(value))}</td></tr>"
        for name, value in rows.items()
    ]
    body = (
        f'<pre>{escape(by)}</pre><div class="wide"><table class="settings"><tbody>'
        f"{''.join(lines)}</tbody></table></div>"
    )
    return _section("Settings", "Made by", body)


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
