"""A learner's parameters under PyTorch's names, shapes and gate order.

    weight_ih_l0 (G n, I)  weight_hh_l0 (G n, n)  bias_ih_l0, bias_hh_l0 (G n,)    and l1, l2 ...
    readout.weight (O, n)  readout.bias (O,)  readout.shortcut (O, I) where shortcuts are on
    weight_own_l0 (K n,)   diagonal weights: peepholes of i, f, o; those of f, z in an elstm

Gates: i, f, g, o in an lstm (those that it has); r, z, n in a gru; one in an rnn; f, z, o in an
elstm, which has no weight_hh. A gru has two biases; elsewhere bias_ih is the bias and bias_hh zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rtrl_lstm.cells import has_second_bias, is_recurrent, rows_of
from rtrl_lstm.layout import Array, Layout
from rtrl_lstm.spec import Spec


class Part(NamedTuple):
    """Some columns of one row of weights: a slice of a parameter."""

    row: str  # name of the row of weights in the layout
    prefixes: tuple[str, ...]  # of the labels of the sources, the columns


def parts_of(spec: Spec) -> Iterator[tuple[str, list[Part]]]:
    """For each parameter of the recurrent layers, its parts from top to bottom."""
    rows = rows_of(spec)
    gates = [row.gate for row in rows if not row.own]
    for number in range(spec.num_layers):
        layer, suffix = f"layer{number}", f"_l{number}"
        below = "x" if number == 0 else "b"
        seen_by = {
            "ih": [gate for gate in gates if gate != "n_h"],
            "hh": [gate for gate in gates if gate != "n_x"] if is_recurrent(spec) else [],
        }
        for kind, prefix, bias in (("ih", below, "bias"), ("hh", "h", "bias_hh")):
            names = [f"{layer}.{gate}" for gate in seen_by[kind]]
            if names:
                yield f"weight_{kind}{suffix}", [Part(name, (prefix,)) for name in names]
            if names and spec.bias and (kind == "ih" or has_second_bias(spec)):
                yield f"bias_{kind}{suffix}", [Part(name, (bias,)) for name in names]
        own = [Part(f"{layer}.{row.name}", ("own",)) for row in rows if row.own]
        if own:
            yield f"weight_own{suffix}", own


def columns(layout: Layout, part: Part) -> list[int]:
    """Which columns of its row of weights a part is."""
    labels = layout.fields[f"{part.row}.weight"].axes[1]
    wanted = part.prefixes[0]
    if wanted in ("bias", "bias_hh", "own"):
        return [k for k, label in enumerate(labels) if label == wanted]
    return [k for k, label in enumerate(labels) if label.rstrip("0123456789") == wanted]


def has_zero_bias(spec: Spec) -> bool:
    """Whether PyTorch has a second bias where a learner has one only: it is given as zeros."""
    return spec.bias and not has_second_bias(spec) and is_recurrent(spec)


def shape_of(name: str, values: Array) -> Array:
    """A parameter in PyTorch's shape: biases and diagonal weights are vectors."""
    return values[:, 0] if name.startswith(("bias", "weight_own")) else values


def as_matrix(values: Array) -> Array:
    """The inverse of `shape_of`."""
    return values[:, np.newaxis] if values.ndim == 1 else values
