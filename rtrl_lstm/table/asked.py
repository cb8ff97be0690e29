"""What a `Schema` may be asked for, checked: its arguments, and a table's columns."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rtrl_lstm.table.columns import Column
from rtrl_lstm.table.dates import ORDERS
from rtrl_lstm.table.values import SchemaError, listed, shown

TIMES = ("time", "time_of_day")
GAPS = ("skip", "reset", "fill")
MOST_STEPS = 10_000


def check_arguments(
    *,
    target: str,
    features: list[str] | None,
    time: str | None,
    time_of_day: str | None,
    dates: str,
    task: str,
    horizon: int,
    reset_on: str | None,
    weight: str | None,
    gaps: str,
    max_gap: int,
    key: str | None,
    id: str | None,
    also: list[str],
    every_step: bool,
    missing: list[str],
    units: dict[str, str],
    at_least: str | float | None,
    max_categories: int,
) -> None:
    """Say what is wrong with the arguments of a `Schema`, which has their meaning.

    Raises:
        ValueError: one is out of range, or two do not go together.
    """
    wanted = features or []
    if target is None:
        raise ValueError(f"target must be the name of a column, not {target!r}")
    if isinstance(target, list | tuple | set):
        raise ValueError(f"target must be the name of one column, not {target!r}: also names more")
    if not isinstance(horizon, int) or horizon < 0:
        raise ValueError(f"horizon must be a whole number of rows, not {horizon!r}")
    if not isinstance(max_categories, int) or max_categories < 2:
        raise ValueError(f"max_categories must be a whole number from 2 on: {max_categories!r}")
    if at_least not in ("auto", None) and task not in ("auto", "regression"):
        raise ValueError(f"at_least is for task regression, not {task}")
    if gaps not in GAPS:
        raise ValueError(f"gaps must be {', '.join(GAPS)}: not {gaps!r}")
    if gaps != "skip" and time is None:
        raise ValueError(f"gaps {gaps!r} are found by time stamps: it needs a time column")
    if time_of_day is not None and time in (None, time_of_day):
        raise ValueError("a time_of_day goes with another column of dates: it needs a time column")
    if dates not in ORDERS:
        raise ValueError(f"dates must be {', '.join(ORDERS)}: not {dates!r}")
    if dates != "auto" and time is None:
        raise ValueError(f"dates {dates!r} are those of time stamps: it needs a time column")
    if not isinstance(max_gap, int) or max_gap < 1:
        raise ValueError(f"max_gap must be a whole number from 1 on, not {max_gap!r}")
    if also and (task not in ("auto", "regression") or key is not None):
        raise ValueError("several targets are for task regression, and not together with a key")
    if every_step:
        _check_steps(task, horizon, weight, key, also)
    if id is not None:
        _check_late(horizon, key, gaps, also)
    times = {"time": time, "time_of_day": time_of_day}
    _check_roles(target, wanted, times, reset_on, weight, key, id)
    names = [target, *also]
    others = {*times.values(), reset_on, weight, *wanted}
    if also and (len({*names}) < len(names) or {*names} & others):
        raise ValueError(f"targets {listed(names)}: each must be a column of its own")
    if target in wanted:
        raise ValueError(f"the target {target!r} cannot be a feature")


def list_of(names: Iterable[str], role: str) -> list[str]:
    """Column names as a list; raises ValueError where they are one text."""
    if isinstance(names, str):
        raise ValueError(f"{role} must be a list of column names")
    return list(names)


def _check_late(horizon: int, key: str | None, gaps: str, also: list[str]) -> None:
    """Where labels come late, some things cannot be."""
    why = "where labels come late by an id, "
    if horizon:
        raise ValueError(f"{why}the horizon is 0: a row's own target is forecast")
    if key is not None:
        raise ValueError(f"{why}there is one series, and no key")
    if also:
        raise ValueError(f"{why}there is one target")
    if gaps == "fill":
        raise ValueError(f"{why}gaps cannot be filled: skip them, or reset")


def _check_steps(
    task: str, horizon: int, weight: str | None, key: str | None, also: list[str]
) -> None:
    """Where all the rows ahead are forecast, some things cannot be."""
    why = "where every step is forecast, "
    if not 1 <= horizon <= MOST_STEPS:
        raise ValueError(f"{why}the horizon is from 1 to {MOST_STEPS:,} rows")
    if task not in ("auto", "regression"):
        raise ValueError(f"{why}the target is a number, and the task regression")
    if also:
        raise ValueError(f"{why}there is one target")
    if key is not None:
        raise ValueError(f"{why}there is one series, and no key")
    if weight is not None:
        raise ValueError(f"{why}rows have no weight: a row is the label of many forecasts")


def _check_roles(
    target: str,
    features: list[str],
    times: dict[str, str | None],
    reset_on: str | None,
    weight: str | None,
    key: str | None,
    id: str | None,
) -> None:
    """A column has one role."""
    roles = {**times, "reset_on": reset_on, "weight": weight, "key": key, "id": id}
    for role, column in roles.items():
        if isinstance(column, list | set | dict):
            raise ValueError(f"{role} must be the name of one column, not {column!r}")
        if column == target:
            raise ValueError(f"column {column!r} is the target and cannot be the {role}")
    if weight is not None and weight in (*times.values(), reset_on, *features):
        raise ValueError(f"column {weight!r} is the weight and cannot be anything else")
    for role, column in (("key", key), ("id", id)):
        if column is not None and column in (*times.values(), weight, *features):
            raise ValueError(f"column {column!r} is the {role} and cannot be anything else")


def wanted_columns(
    asked: dict[str, Any], weight: str | None, columns: list[Column] | None
) -> list[str]:
    """The columns, but for targets, that are read of a table; see `first_columns`."""
    wanted = [*(asked[name] for name in (*TIMES, "reset_on", "key", "id")), weight]
    if columns is None:
        wanted += asked["features"] or []
    else:
        wanted += [column.name for column in columns]
    return [name for name in wanted if name is not None]


def require_columns(wanted: Iterable[str], names: list[str]) -> None:
    """Raise SchemaError where a table lacks one of them."""
    for name in wanted:
        if name not in names:
            alike = _like(str(name), list(map(str, names)))
            meant = f" (did you mean {alike!r}?)" if alike else ""
            raise SchemaError(f"no column {name!r}{meant}; there are: {listed(names)}")


def _like(wanted: str, names: list[str]) -> str:
    """The name that was probably meant; "" where there is none, or several may be."""
    by_case = {name.lower(): name for name in names}
    parts = [name for low, name in by_case.items() if wanted.lower() in low]
    if wanted.lower() not in by_case and parts and len(wanted) > 2:
        return parts[0] if len(parts) == 1 else ""
    near = difflib.get_close_matches(wanted.lower(), by_case, 1)
    return by_case[near[0]] if near else ""


def names_in(row: Mapping[str, Any]) -> list[str]:
    """The names of a row's columns: of a dict, or of a row of a DataFrame, whose list is values.

    Raises TypeError where it is no row.
    """
    if not hasattr(row, "keys"):
        raise _no_row(row)
    return list(row.keys())


def getter_of(row: Mapping[str, Any]) -> Callable[[str], Any]:
    """What gives the value of a column, None where there is none. Raises TypeError: see above."""
    try:
        return row.get
    except AttributeError:
        raise _no_row(row) from None


def _no_row(row: Any) -> TypeError:
    return TypeError(
        f"a row is a dict from column to value, and not {shown(row)}; those of a DataFrame "
        "are df.to_dict('records')"
    )


def first_columns(
    row: Mapping[str, Any], asked: dict[str, Any], weight: str | None
) -> list[Column]:
    """The columns that are inputs, told by the first row; `weight` is that of a row's, if read."""
    names = names_in(row)
    special = [asked[name] for name in ("target", *TIMES, "reset_on", "key", "id")]
    special += [weight, *asked["also"]]
    features = asked["features"]
    require_columns([name for name in special if name is not None] + (features or []), names)
    if features is None:
        features = [name for name in names if name not in (*special, asked["weight"])]
    times = [asked[role] for role in TIMES]
    features = [name for name in dict.fromkeys(features) if name not in times]
    return [Column(name, asked["max_categories"]) for name in features]
