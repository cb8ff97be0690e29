"""What a model's learner has to be: what follows from the table, and what was asked for."""

from __future__ import annotations

import math
from typing import Any

from rtrl_lstm.ensemble import RATES
from rtrl_lstm.models.start import Start
from rtrl_lstm.optimizers import Adam, ClipCredit, Linear
from rtrl_lstm.spec import Spec
from rtrl_lstm.table.schema import Schema, SchemaError
from rtrl_lstm.table.target import LOSSES
from rtrl_lstm.unknown import refuse_unknown

# What a Model's learner is unless it is told otherwise; what is not named here is as in Spec.
# The rate falls: streams are learned sooner at a high one, and better at a low one in the end.
# The bound on the credit (in units of the target's spread) is what keeps an outlier from
# throwing the weights far away. Shortcuts let the readout see the inputs, as in the 1997 paper.
DEFAULTS: dict[str, Any] = {
    "hidden_size": 16,
    "learning_rate": 1e-2,
    "schedule": Linear(steps=4000, final=0.1),
    "optimizer": "adam",
    "shortcuts": True,
    "clip": ClipCredit(3.0),
}
MANY_COLUMNS = 32
"""From more columns on, the default rate is less: an update moves each weight by about the rate, so
that the forecast moves by as many times that as there are numbers in a row, and comes to shake."""
CONSTANT_RATE = 1e-3
"""The learning rate where it is not to fall, and none is given."""
# What follows from the table and the task.
DERIVED = frozenset(
    {
        "input_size",
        "output_size",
        "horizon",
        "every_step",
        "loss",
        "scale_inputs",
        "scale_target",
        "combine_with",
        "combine_only",
        "combine_inner",
        "output_activation",
        "sparse_inputs",
        "context_inputs",
    }
)


def refuse(
    options: dict[str, Any],
    task: str,
    several: bool,
    interval: float | None,
    members: int,
    begun: bool,
) -> None:
    """Say what is wrong with a Model's arguments.

    Args:
        several: whether there are several targets.
        begun: whether it starts with a network.

    Raises:
        TypeError: an option is none of a learner's.
        ValueError: one follows from the table, or two do not go together.
    """
    refuse_unknown(options)
    if unknown := options.keys() & DERIVED:
        raise ValueError(f"a Model has no option {', '.join(sorted(unknown))}")
    if interval is not None and task not in ("auto", "regression"):
        raise ValueError(f"interval is for task regression, not {task}")
    if several and begun:
        raise ValueError("several targets do not start from a network")
    if begun and (members > 1 or options.get("learning_rate") == "auto"):
        raise ValueError(
            "members and learning_rate 'auto' are for a model that begins afresh: start is one "
            "network"
        )


def with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """The options of a Model: those given, and `DEFAULTS`.

    The rate falls only where no rate, no schedule and no other optimiser is given.
    """
    own = given.keys() & {"learning_rate", "schedule"}
    if own or given.get("optimizer", "adam") not in ("adam", Adam()):
        return {**DEFAULTS, "learning_rate": CONSTANT_RATE, "schedule": None, **given}
    return {**DEFAULTS, **given}


def check_options(options: dict[str, Any]) -> None:
    """Raise ValueError where there is something wrong with fields of Spec, before there is one."""
    Spec(input_size=1, **_of_any_task(options))
    Spec(input_size=1, loss="log_loss", contexts=options.get("contexts", False))


def options_to_json(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a Model as plain JSON."""
    plain = {**Spec(input_size=1, **_of_any_task(options)).to_json(), **_of_labels(options)}
    return {name: plain[name] for name in options}


def options_from_json(saved: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `options_to_json`."""
    spec = Spec.from_json({**Spec(input_size=1).to_json(), **_of_any_task(saved)})
    return {**{name: getattr(spec, name) for name in saved}, **_of_labels(saved)}


def _of_labels(options: dict[str, Any]) -> dict[str, Any]:
    """Those that go with losses of labels only, and not with a Spec of whatever loss."""
    return {name: value for name, value in options.items() if name == "contexts"}


def _of_any_task(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "contexts"}


def rates_of(options: dict[str, Any]) -> tuple[float, ...]:
    """The learning rates that are asked for; "auto" becomes the first of them in `options`."""
    if options.get("learning_rate") != "auto":
        return (options.get("learning_rate", CONSTANT_RATE),)
    options["learning_rate"] = RATES[0]
    return RATES


def rate_for(options: dict[str, Any], columns: int) -> float:
    """The learning rate for rows of so many columns: that of a Model's options, but where it falls
    by default it begins with less for more than `MANY_COLUMNS`."""
    rate: float = options["learning_rate"]
    if (rate, options["schedule"]) != (DEFAULTS["learning_rate"], DEFAULTS["schedule"]):
        return rate
    return rate * math.sqrt(MANY_COLUMNS / max(columns, MANY_COLUMNS))


def check_fit(schema: Schema, spec: Spec, start: Start | None) -> None:
    """Raise ValueError where a learner is not one for a schema."""
    combined = () if start is not None else schema.combined_inputs
    read = (schema.input_size, schema.output_size, schema.horizon, combined)
    if read != (spec.input_size, spec.output_size, spec.horizon, spec.combine_with):
        raise ValueError("the schema and the learner do not fit each other")


def wanted_spec(
    schema: Schema, start: Start | None, options: dict[str, Any], output_size: int | None = None
) -> Spec:
    """What a learner has to be for a schema as it now is.

    Args:
        start: what it began as, if that was a network.
        options: the fields of Spec that do not follow from the table.
        output_size: where it is not yet to be the schema's.
    """
    assert schema.task is not None
    # Late labels are learned from behind the rows that wait: contexts would end there.
    can = schema.task != "regression" and schema.arguments["id"] is None
    if options.get("contexts") and not can:
        raise SchemaError("contexts are for a target of labels, which do not come late")
    options = {**options, "contexts": options.get("contexts", can and start is None)}
    if start is not None:
        return Spec(
            input_size=schema.input_size,
            horizon=schema.horizon,
            loss=LOSSES[schema.task],
            scale_inputs=start.scaled_inputs(schema),
            scale_target=start.scale_target,
            output_activation=start.output_activation,
            **options,
        )
    options["learning_rate"] = rate_for(options, len(schema.feature_names))
    return Spec(
        input_size=schema.input_size,
        output_size=schema.output_size if output_size is None else output_size,
        horizon=schema.horizon,
        every_step=schema.arguments["every_step"],
        loss=LOSSES[schema.task],
        scale_inputs=schema.scaled_inputs,
        scale_target=schema.task == "regression",
        combine_with=schema.combined_inputs,
        combine_only=schema.unseen_inputs,
        combine_inner=schema.inner_inputs,
        context_inputs=schema.symbol_inputs if options["contexts"] else (),
        **options,
    )
