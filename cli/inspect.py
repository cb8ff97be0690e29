"""`rtrl-lstm inspect`: what a file is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rtrl_lstm.cli.errors import Stop, about

if TYPE_CHECKING:
    from rtrl_lstm.table.schema import Schema


@click.command("inspect", epilog="Example: rtrl-lstm inspect m.rtrl")
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
def command(file: str, as_json: bool) -> None:
    """Tell what FILE holds: a model file (.rtrl) or an exported graph (.onnx)."""
    found = _graph(file) if file.lower().endswith(".onnx") else _model_file(file)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(found)))


def _graph(path: str) -> dict[str, Any]:
    from rtrl_lstm.export import GraphFileError, describe

    try:
        found = {"kind": "graph", **describe(path)}
    except (GraphFileError, OSError) as error:
        raise Stop(about(path, error)) from error
    if found["schema"] is None:
        return found
    from rtrl_lstm.table.schema import Schema

    return {**found, "schema": _table(Schema.from_json(found["schema"]))}


def _model_file(path: str) -> dict[str, Any]:
    from rtrl_lstm.cli.models import load_any
    from rtrl_lstm.fleet import Fleet
    from rtrl_lstm.models.delayed import Delayed
    from rtrl_lstm.models.model import Model
    from rtrl_lstm.models.panel import Panel

    held = load_any(path)
    if isinstance(held, Panel):
        counts = {"keys": len(held.models), "max_keys": held.max_keys, **held.counts}
        return {"kind": "panel", **counts, "schema": _table(held.schema)}
    if isinstance(held, Delayed):
        counts = {"max_delay": held.max_delay, **held.counts, **held.incidents}
        spec = None if held.model.spec is None else held.model.spec.to_json()
        return {"kind": "delayed", **counts, "spec": spec, "schema": _table(held.schema)}
    if isinstance(held, Fleet):
        rows = sum(held[i].steps for i in range(len(held)))
        labels = sum(held[i].labels for i in range(len(held)))
        learners = {"learners": len(held), "rows": rows, "labels": labels}
        return {"kind": "fleet", **learners, "spec": held.spec.to_json()}
    if not isinstance(held, Model):
        return {
            "kind": type(held).__name__.lower(),
            "rows": held.steps,
            "labels": held.labels,
            "spec": held.spec.to_json(),
        }
    return {
        "kind": "model",
        **held.counts,
        "spec": None if held.spec is None else held.spec.to_json(),
        "schema": _table(held.schema),
    }


def _table(schema: Schema) -> dict[str, Any]:
    """What a schema makes of a table's columns; not the rows that it remembers."""
    return {
        **schema.arguments,
        "task": schema.task,
        "inputs": list(schema.input_names),
        "classes": list(schema.target.classes),
    }


def _lines(found: dict[str, Any], indent: str = "") -> list[str]:
    """A nested dict as indented lines."""
    lines = []
    for name, value in found.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name:<{20 - len(indent)}} {_shown(value)}")
    return lines


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value)
