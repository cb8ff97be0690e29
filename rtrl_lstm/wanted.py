"""What a model's learner has to be: what follows from the table, and what was asked for."""

from __future__ import annotations

from typing import Any

from rtrl_lstm.schema import Schema
from rtrl_lstm.spec import Spec
from rtrl_lstm.start import Start
from rtrl_lstm.target import LOSSES

# What follows from the table and the task.
DERIVED = frozenset(
    {
        "input_size",
        "output_size",
        "horizon",
        "loss",
        "scale_inputs",
        "scale_target",
        "combine_with",
        "combine_only",
    }
)


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
    if start is not None:
        return Spec(
            input_size=schema.input_size,
            horizon=schema.horizon,
            loss=LOSSES[schema.task],
            scale_inputs=start.scaled_inputs(schema),
            scale_target=start.scale_target,
            **options,
        )
    return Spec(
        input_size=schema.input_size,
        output_size=schema.output_size if output_size is None else output_size,
        horizon=schema.horizon,
        loss=LOSSES[schema.task],
        scale_inputs=schema.scaled_inputs,
        scale_target=schema.task == "regression",
        combine_with=schema.combined_inputs,
        # Measured: a network that has a calendar learns worse when it sees the lags as well,
        # one that has none learns better.
        combine_only=schema.combined_inputs[1:] if schema.arguments["time"] else (),
        **options,
    )
