"""How learners and models show themselves in a notebook: a small card of HTML.

Colours are those of the notebook, light or dark: everything is drawn in `currentColor`.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from rtrl_lstm.spec import Spec
from rtrl_lstm.wording import counted

if TYPE_CHECKING:
    from rtrl_lstm.core import Core
    from rtrl_lstm.models.model import Model

MOST_DOTS = 8  # of a layer in the drawing; more are shown as so many and a gap
ACROSS, DOWN = 64, 11  # pixels between layers, and between the dots of one


def card(title: str, facts: Mapping[str, object], drawing: str = "") -> str:
    """A title, a drawing, and facts by name; facts that are None are left out."""
    rows = "".join(
        f'<tr><td style="text-align:left;opacity:.65;padding:1px 14px 1px 0">{escape(name)}</td>'
        f'<td style="text-align:left;padding:1px 0">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
        if value is not None
    )
    return (
        '<div style="display:inline-flex;flex-wrap:wrap;gap:22px;align-items:center;'
        "border:1px solid color-mix(in srgb, currentColor 25%, transparent);"
        'border-radius:8px;padding:10px 16px;line-height:1.45">'
        f'{drawing}<div><div style="font-weight:600;margin-bottom:4px">{escape(title)}</div>'
        f'<table style="border:0;margin:0;font-variant-numeric:tabular-nums">{rows}</table>'
        "</div></div>"
    )


def card_of_learner(learner: Core) -> str:
    """A Learner or a Forecaster."""
    return card(type(learner).__name__, facts_of(learner), drawing_of(learner.spec))


def card_of_model(model: Model) -> str:
    """A Model; what it learns with once there is something to learn with."""
    schema, counts = model.schema, model.counts
    ahead = "1 to " * schema.arguments["every_step"] + counted(schema.horizon, "row")
    target = schema.target.column + (f", {ahead} ahead" if schema.horizon else "")
    facts: dict[str, object] = {"target": target, "task": schema.task or "not known yet"}
    if schema.target.classes:
        facts["labels"] = _listed(list(schema.target.classes))
    if model.learner is None:
        return card("Model", {**facts, "rows": f"{counts['rows']:,}"})
    facts["columns"] = _listed(list(dict.fromkeys(schema.input_columns)))
    own = facts_of(copy.copy(model.learners[0]))
    own |= {"members": len(model.learners) if len(model.learners) > 1 else None}
    own |= {"rows": f"{counts['rows']:,}", "labels learned": f"{counts['learned']:,}"}
    return card("Model", {**facts, **own}, drawing_of(model.learner.spec))


def facts_of(learner: Core) -> dict[str, object]:
    """What a learner is and how far it has come."""
    spec = learner.spec
    layers = f"{spec.num_layers} × " if spec.num_layers > 1 else ""
    kibibytes = learner.block.nbytes / 1024
    return {
        "cell": f"{layers}{spec.cell}, {counted(spec.hidden_size, 'unit')}",
        "inputs, outputs": f"{spec.input_size}, {spec.output_size}",
        "horizon": counted(spec.horizon, "row") if spec.horizon else None,
        "loss": spec.loss.replace("_", " "),
        "learns by": f"{spec.rule} RTRL, {getattr(spec.optimizer, 'name', spec.optimizer)}, "
        f"rate {learner.learning_rate:g}{', falling' if spec.schedule else ''}",
        "rows": f"{learner.steps:,}",
        "labels learned": f"{learner.labels:,}",
        "size": f"{counted(learner.layout.weights, 'weight')}, {kibibytes:,.0f} KiB, {spec.dtype}",
    }


def drawing_of(spec: Spec) -> str:
    """Inputs, layers of units that see themselves, and outputs, from left to right."""
    sizes = [spec.input_size, *[spec.hidden_size] * min(spec.num_layers, 3), spec.output_size]
    height = (min(max(sizes), MOST_DOTS) + 2) * DOWN
    columns = [
        [(12 + ACROSS * k, y) for y in _places(size, height)] for k, size in enumerate(sizes)
    ]
    lines = "".join(
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
        for left, right in itertools.pairwise(columns)
        for x1, y1 in left
        for x2, y2 in right
    )
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3.2"/>' for one in columns for x, y in one)
    middle = range(1, len(sizes) - 1)
    loops = "".join(
        f'<path d="M{x - 7} 8 a9 7 0 1 1 14 0" fill="none"/>'
        for x in (12 + ACROSS * k for k in middle)
    )
    words = "".join(
        f'<text x="{12 + ACROSS * k}" y="{height + 8}">{size}</text>'
        for k, size in enumerate(sizes)
    )
    width = 24 + ACROSS * (len(sizes) - 1)
    return (
        f'<svg width="{width}" height="{height + 12}" viewBox="0 -4 {width} {height + 16}" '
        'fill="currentColor" stroke="currentColor" aria-hidden="true">'
        f'<g stroke-width=".5" opacity=".25">{lines}</g><g stroke="none">{dots}</g>'
        f'<g stroke-width="1.2">{loops}</g><g stroke="none" font-size="10" text-anchor="middle" '
        f'opacity=".65">{words}</g></svg>'
    )


def _places(size: int, height: int) -> list[float]:
    """Heights of the dots of a layer, about the middle."""
    count = min(size, MOST_DOTS)
    first = height / 2 - (count - 1) * DOWN / 2
    return [first + DOWN * k for k in range(count)]


def _listed(names: list[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
