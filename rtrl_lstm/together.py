"""Which options of a `Spec` go together, and which do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtrl_lstm.checks import require
from rtrl_lstm.optimizers import SGD, ClipNorm, ClipValue, ObGD

if TYPE_CHECKING:
    from rtrl_lstm.spec import Spec


def check_together(spec: Spec) -> None:
    """Raise ValueError, with what asks for what, where options contradict each other."""
    _check_every_step(spec)
    _check_combination(spec)
    _check_lstm(spec)
    _check_learning(spec)
    _check_sparse(spec)


def _check_lstm(spec: Spec) -> None:
    """What the options of an lstm ask of each other."""
    require(
        spec.hidden_size % spec.block_size == 0,
        f"hidden_size {spec.hidden_size} must be a multiple of block_size {spec.block_size}",
    )
    require(
        not (spec.peephole and spec.block_size > 1),
        "peephole goes with block_size 1: which cell of a block should its gates see?",
    )
    require(
        spec.recurrent or spec.gate_recurrence == "none",
        "gate_recurrence goes with recurrent=True only",
    )
    require(
        spec.gate_recurrence == "none" or spec.has_gates,
        "gate_recurrence is for an lstm that has gates",
    )
    require(
        spec.proj_size < spec.hidden_size,
        f"proj_size must be below hidden_size {spec.hidden_size}, not {spec.proj_size}",
    )


def _check_learning(spec: Spec) -> None:
    """What the rule and the optimiser ask of the rest."""
    require(
        spec.rule != "snap1"
        or (
            spec.cell != "elstm"
            and spec.gate_recurrence == "none"
            and spec.block_size == 1
            and spec.proj_size == 0
        ),
        "rule 'snap1' is for lstm, gru and rnn, without gate_recurrence, blocks and proj_size",
    )
    require(
        not spec.dropout or spec.num_layers > 1,
        "dropout is between the layers of a stack: it needs num_layers of 2 or more",
    )
    require(not spec.dropout or spec.rule != "full", "dropout does not go with rule 'full'")
    require(
        not isinstance(spec.optimizer, ObGD)
        or (spec.update == "step" and not isinstance(spec.clip, ClipNorm | ClipValue)),
        "optimizer 'obgd' bounds each label's update itself: it goes with update 'step' and "
        "without ClipNorm and ClipValue",
    )


def _check_sparse(spec: Spec) -> None:
    """Refuse what changes weights of inputs that are zero, or sees them."""
    moves_all = not isinstance(spec.optimizer, SGD) and spec.update == "step"
    sees_all = bool(spec.horizon or any(spec.scaled_inputs) or spec.combine_with)
    refused = spec.rule != "truncated" or moves_all or spec.block_size > 1 or sees_all
    require(
        not (spec.sparse_inputs and refused),
        "sparse_inputs goes with rule 'truncated' and with optimizer 'sgd' or update "
        "'sequence', and without blocks, horizon, scale_inputs and combine_with",
    )


def _check_every_step(spec: Spec) -> None:
    """An output for each of the rows ahead."""
    require(
        not spec.every_step or spec.output_size == spec.horizon > 0,
        f"every_step needs an output for each of the rows ahead: horizon {spec.horizon} and "
        f"output_size {spec.output_size} must be the same, and above 0",
    )
    require(
        not spec.every_step or spec.loss not in ("cross_entropy", "quantile"),
        f"every_step needs a number for each of the rows ahead, and no loss {spec.loss!r}",
    )


def _check_combination(spec: Spec) -> None:
    """What is mixed with the network's forecast."""
    several = spec.combined
    require(
        len({type(each) for each in spec.combine_with}) < 2
        and all(
            all(0 <= k < spec.input_size for k in inputs) and 0 < len(set(inputs)) == len(inputs)
            for inputs in several
        ),
        f"combine_with must name different inputs from 0 to {spec.input_size - 1}",
    )
    require(
        len(several) in (0, spec.output_size) and len({len(inputs) for inputs in several}) <= 1,
        f"combine_with must name as many inputs for each of {spec.output_size} outputs",
    )
    known = {k for inputs in several for k in inputs}
    for name in ("combine_only", "combine_inner"):
        require(set(getattr(spec, name)) <= known, f"{name} must name some of combine_with")
    require(spec.seen_size > 0, "combine_only must leave the network an input")
    require(
        not several or (spec.loss == "squared_error" and spec.scale_target),
        "combine_with is for loss 'squared_error' and scale_target",
    )
    one = spec.loss == "log_loss" and spec.output_size == 1
    require(
        not spec.contexts or one or spec.loss == "cross_entropy",
        "contexts are for loss 'cross_entropy', or 'log_loss' with one output",
    )
    inputs = spec.context_inputs
    require(spec.contexts or not inputs, "context_inputs are for contexts")
    require(
        len(set(inputs)) == len(inputs) and all(0 <= k < spec.input_size for k in inputs),
        f"context_inputs must name different inputs from 0 to {spec.input_size - 1}",
    )
