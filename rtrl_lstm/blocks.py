"""Blocks of numbers: a new learner's, and one learner's as another's of a larger layout."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.fields import Array, Field
from rtrl_lstm.kernels import slots
from rtrl_lstm.layout import Layout
from rtrl_lstm.optimizers import Clip
from rtrl_lstm.spec import Spec

GATE_BIASES = {"i": "input_gate_bias", "f": "forget_bias", "o": "output_gate_bias"}


def initial_block(layout: Layout, seed: int | None = None) -> NDArray[np.uint8]:
    """A new learner's block: weights drawn from the seed, everything else at its start.

    Weights and biases are uniform in +-1/sqrt(hidden_size), as PyTorch's, and shortcuts zero; or
    all are uniform in +-init_range. The gates' biases of the Spec are added to theirs. `seed` takes
    the place of the Spec's.
    """
    spec = layout.spec
    block, rng = layout.allocate(), np.random.default_rng(spec.seed if seed is None else seed)
    bound = spec.init_range or spec.hidden_size**-0.5
    for name, field in layout.fields.items():
        if not name.endswith(".weight"):
            continue
        values = _drawn(rng, bound, field, spec)
        if name == "readout.direct.weight" and spec.init_range is None:
            values[:, [label.startswith("x") for label in field.axes[1]]] = 0.0
        gate = name.split(".")[-2]
        if spec.cell == "lstm" and gate in GATE_BIASES and "bias" in field.axes[-1]:
            values[:, field.axes[-1].index("bias")] += getattr(spec, GATE_BIASES[gate])
        layout.write(block, name, values)
    _write_constants(layout, block)
    layout.head(block)[slots.H_SEED] = (spec.seed if seed is None else seed) % 2**53
    return block


def _drawn(rng: np.random.Generator, bound: float, field: Field, spec: Spec) -> Array:
    """Weights uniform in +-bound: with and without unseen inputs a seed's are the same."""
    (units, sources), unseen = field.shape, sorted(set(spec.combine_only))
    first = next((k for k, label in enumerate(field.axes[1]) if label.startswith("x")), -1)
    if first < 0 or not unseen:
        return rng.uniform(-bound, bound, field.shape)
    values = rng.uniform(-bound, bound, (units, sources + len(unseen)))
    return np.delete(values, [first + k for k in unseen], axis=1)


def _write_constants(layout: Layout, block: NDArray[np.uint8]) -> None:
    """Everything in a block that follows from the Spec and never changes, and counters' starts."""
    spec, head = layout.spec, layout.head(block)
    assert not isinstance(spec.optimizer, str)
    for name, field in layout.fields.items():
        if name.endswith((".u", ".u_next")):
            values = layout.read(block, name)
            values[[label.startswith("bias") for label in field.axes[0]]] = 1.0
            layout.write(block, name, values)
    head[slots.H_RATE] = spec.learning_rate
    head[slots.H_POWER1] = head[slots.H_POWER2] = 1.0
    for k, value in enumerate(vars(spec.optimizer).values()):
        head[slots.H_HYPER + k] = value
    head[slots.H_HUBER_DELTA] = spec.huber_delta
    head[slots.H_DROPOUT] = spec.dropout
    if spec.schedule:
        head[slots.H_SCHEDULE : slots.H_SCHEDULE + 2] = spec.schedule.numbers
        head[slots.H_WARMUP] = spec.schedule.warmup
    head[slots.H_CLIP_LIMIT] = spec.clip.limit if isinstance(spec.clip, Clip) else 0.0
    layout.write(block, "quantiles", np.array(spec.quantiles))
    if spec.combine_with:
        one, network, each = slots.INITIAL_COVARIANCE
        covariance = np.diag([one, network] + [each] * len(spec.combined[0]))
        layout.write(block, "combination", np.eye(len(covariance))[2])  # all on the first input
        layout.write(block, "combination.covariance", covariance)
        layout.write(block, "combination.ring", np.array(np.nan))  # nothing was combined yet
        losses = layout.read(block, "combination.losses")
        inner = np.isin(spec.combined, spec.combine_inner)
        losses[:, 1:-1, 2][inner] = slots.NOT_AVERAGED
        layout.write(block, "combination.losses", losses)
    if spec.contexts:
        layout.write(block, "contexts.shares", np.array(slots.FIRST_SHARE))
        layout.write(block, "contexts.weights", np.array(1.0 / slots.MEMBERS))
        chain = np.array([slots.FIRST_ALWAYS, slots.FIRST_LOG_ODDS])
        layout.write(block, "contexts.chain", chain)


def migrate(
    old: Layout,
    new: Layout,
    block: NDArray[np.uint8],
    renamed: dict[str, str] | None = None,
) -> NDArray[np.uint8]:
    """The block of `old` as a block of `new`: every number moves by name and label.

    Args:
        renamed: new label -> old label, for labels that changed (inputs "x0".., outputs "y0"..).
            A new label that maps to "" is new.

    What has no counterpart keeps the initial value of a new learner, with zero trace and moments.
    """
    moved = initial_block(new)
    head = new.head(moved)
    head[: slots.H_STATISTICS] = old.head(block)[: slots.H_STATISTICS]
    names = renamed or {}
    places = cache(partial(_common, names))  # many arrays have the same axes
    for name in new.fields.keys() & old.fields.keys():
        if name == "combination.covariance" and old.fields[name].axes != new.fields[name].axes:
            continue  # with one more forecast to combine, the weights of all are open again
        if not names and new.fields[name].axes == old.fields[name].axes:
            new.write(moved, name, old.read(block, name))
            continue
        pairs = zip(new.fields[name].axes, old.fields[name].axes, strict=True)
        here, there = zip(*(places(*pair) for pair in pairs), strict=True)
        target = new.read(moved, name)
        target[np.ix_(*here)] = old.read(block, name)[np.ix_(*there)]
        new.write(moved, name, target)
    list_all_inputs(new, moved)
    return moved


def _common(
    names: dict[str, str], new: tuple[str, ...], old: tuple[str, ...]
) -> tuple[list[int], list[int]]:
    """The places in two axes of the labels that both have."""
    place = {label: k for k, label in enumerate(old)}
    found = [(k, place.get(names.get(label, label), -1)) for k, label in enumerate(new)]
    kept = [(here, there) for here, there in found if there >= 0]
    return [here for here, _ in kept], [there for _, there in kept]


def list_all_inputs(layout: Layout, block: NDArray[np.uint8]) -> None:
    """Where zeros are passed over: have all inputs looked at, after numbers were put in by hand."""
    if layout.spec.sparse_inputs:
        count = layout.spec.input_size
        for name in ("sparse.now", "sparse.next", "sparse.live"):
            layout.write(block, name, np.array([count, *range(count)], float))
