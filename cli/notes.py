"""What the rows show that the user may not know: notes below the figures of `learn`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from rtrl_lstm.cli.few import FewValues
from rtrl_lstm.cli.guess import is_date
from rtrl_lstm.cli.table import number
from rtrl_lstm.table.dates import EPOCH
from rtrl_lstm.table.number_stamps import DAYS, YEARS
from rtrl_lstm.table.schema import Schema
from rtrl_lstm.table.values import OTHER, is_number, listed, shown
from rtrl_lstm.wording import counted

_WITH_UNIT = re.compile(r"[+-]?\d+([.,' ]\d+)*(?P<unit>\s*[^\d\s.,'][^\d]*)")
_MANY = 10  # one row in so many, and so many rows
_COARSE = 0.01
"""Rounding errors beyond so much of the error of the last value are worth a word."""


def notes_on(schema: Schema, found: dict[str, Any], targets: FewValues, dtype: str) -> list[str]:
    """What the columns of a stream are like, where that is not what one would think.

    Args:
        schema: the columns.
        found: the figures, see `figures.figures`.
        targets: those of this run, where they were few.
        dtype: of the learner's numbers.
    """
    notes = _on_time(schema, found) + _on_dates(schema) + _on_texts(schema)
    target = schema.arguments["target"]
    notes += _on_labels(schema, found, targets)
    classes = schema.target.classes
    if schema.task == "multiclass" and _begins_with_text(classes):
        notes.append(f"column {target!r} was taken for labels, {_but_for(classes[0])}")
    elif schema.task == "multiclass":
        is_sure = schema.arguments["task"] == "multiclass" and OTHER not in classes
        notes += ([] if is_sure else _on_unit(target, classes)) or _on_crowd(schema)
    if dtype == "float32" and (size := _too_large(found)):
        notes.append(
            f"column {target!r} is about {number(size).strip()} and moves by so little from row to "
            "row that numbers of 32 bits are too coarse for it: --dtype float64"
        )
    if not found["learned"] and found["bad_rows"] < found["rows"]:
        notes.append(f"nothing was learned: {_why_nothing(schema, found)}")
    return notes


def _on_crowd(schema: Schema) -> list[str]:
    """Where a target has more labels than are kept apart."""
    target, classes = schema.target.column, schema.target.classes
    if OTHER not in classes:
        return []
    most = schema.arguments["max_categories"]
    first, second = map(shown, classes[:2])
    return [
        f"column {target!r} has more than {most} labels, such as {first} and {second}: the others "
        f"are {OTHER!r}"
    ]


def _on_labels(schema: Schema, found: dict[str, Any], targets: FewValues) -> list[str]:
    """Where a target of numbers may be one of labels."""
    is_single = not schema.arguments["also"] and not schema.arguments["every_step"]
    task = targets.task(found["learned"])
    if not task or not is_single or "coverage" in found["metrics"]:
        return []
    where = "" if str(targets) == "0 and 1" else "where these are labels, "
    said = f"column {schema.arguments['target']!r} holds {targets} only"
    return [f"{said}: {where}--task {task} forecasts probabilities"]


def _why_nothing(schema: Schema, found: dict[str, Any]) -> str:
    """Why no row taught anything."""
    target = schema.arguments["target"]
    if found["pending"] and not found["unlabelled"]:
        return f"--horizon {schema.horizon:,} is beyond the last row"
    has_values = schema.target.classes or schema.place_of_number(target) is not None
    if schema.horizon and has_values:
        return (
            f"no two values of {target!r} are {counted(schema.horizon, 'row')} apart in a sequence"
        )
    return f"no value in column {target!r} to learn from"


def _on_time(schema: Schema, found: dict[str, Any]) -> list[str]:
    if schema.arguments["key"]:
        return []
    column = schema.arguments["time"]
    if 2 * found.get("out_of_order", 0) > found["rows"]:
        return [
            f"most time stamps in {column!r} are before the one above: the rows have to come in "
            "order, the oldest first; these figures are of forecasts of what had been before"
        ]
    times, is_one = found.get("out_of_order", 0), schema.arguments["reset_on"] is None
    if is_one and _MANY * times > found["rows"] and times >= _MANY:  # sequences may begin anew
        return [
            f"{counted(times, 'time stamp')} in {column!r} are before the one above: the rows have "
            "to come in order, the oldest first, or a forecast is of no time to come"
        ]
    if 2 * found.get("repeated", 0) > found["rows"]:
        return [
            "most time stamps repeat the one before: where the rows are of several series, "
            "--key COL tells them apart"
        ]
    return []


def _on_dates(schema: Schema) -> list[str]:
    """Where time stamps may have been read wrongly: as days, or the day as the month."""
    clock = schema.clock
    if clock is not None and clock.unit is not None and clock.last is not None:
        last = (EPOCH + timedelta(seconds=clock.last)).strftime("%Y-%m-%d %H:%M")
        what = {DAYS: "days of a spreadsheet", YEARS: "years"}[clock.unit]
        said = f"numbers in {clock.column!r} were read as {what}, the last one as"
        return [f"{said} {last}"]
    if clock is not None and clock.dates.turned:
        return [
            f"{counted(clock.dates.turned, 'date')} in {clock.column!r} had been read day first "
            "when one showed that the month is: --dates month-first reads all of them so"
        ]
    if clock is not None and clock.dates.unsure:
        return [
            f"dates in {clock.column!r} were read day first, which may be wrong: --dates "
            "month-first says otherwise"
        ]
    return []


def _begins_with_text(values: Sequence[str]) -> bool:
    """Whether of some labels the first is text and the others are numbers, which it hid."""
    first, *others = [value for value in values if value != OTHER] or [""]
    return len(others) > 1 and not is_number(first) and all(map(is_number, others))


def _but_for(first: str) -> str:
    """Why a column was, where `_begins_with_text`, and what to do."""
    return (
        f"as it begins with {shown(first)}, though the rest are numbers: --missing "
        f"{shlex.quote(first)} makes it one of numbers"
    )


def _on_unit(name: str, values: Sequence[str]) -> list[str]:
    """What to say where labels are numbers, each with the same unit behind it."""
    found = [_WITH_UNIT.fullmatch(value) for value in values if value != OTHER]
    units = {None if one is None else one["unit"] for one in found}
    if len(units) != 1 or (unit := units.pop()) is None or set(unit) & set("|\\"):
        return []
    plain = re.sub(r"[][.*^$]", r"\\\g<0>", unit)
    taken = shlex.quote(f"s|{plain}||g")
    return [
        f"column {name!r} holds numbers with {unit.strip()!r} behind them, which are taken for "
        f"text: sed {taken} FILE | rtrl-lstm learn makes it one of numbers"
    ]


def _on_texts(schema: Schema) -> list[str]:
    most, inputs = schema.arguments["max_categories"], schema.input_names
    crowded, found = {}, list[str]()
    for name in schema.feature_names:
        values = [one.removeprefix(f"{name}=") for one in inputs if one.startswith(f"{name}=")]
        if _begins_with_text(values):
            found.append(f"column {name!r} was taken for text, {_but_for(values[0])}")
        elif OTHER in values and (said := _on_unit(name, values)):
            found += said
        elif OTHER in values:
            crowded[name] = values[0]
    dates = [name for name, example in crowded.items() if is_date(example)]
    found += [
        f"column {name!r} holds dates and is taken for text: --time {shlex.quote(name)}"
        for name in dates
        if schema.clock is None
    ]
    texts = {name: shown(example) for name, example in crowded.items() if name not in dates}
    if len(texts) == 1:
        ((name, example),) = texts.items()
        found.append(
            f"column {name!r} is text, such as {example}, of more than {most} values: what comes "
            "less often counts as one"
        )
    elif texts:
        names = listed(map(repr, texts))
        found.append(
            f"columns of text of more than {most} values: {names}; what comes less often counts "
            "as one"
        )
    return found


def _too_large(found: dict[str, Any]) -> float:
    """The size of a target whose moves are lost where it is rounded; 0 if it is another one."""
    metrics = found["metrics"]
    before = found["baselines"].get("last_value", {}).get("mae")
    if not (before and metrics.get("mae") and metrics.get("mape")):
        return 0.0
    size = float(metrics["mae"] / metrics["mape"])
    return size if size * 2.0**-25 > _COARSE * before else 0.0
