"""A learner's parameters under PyTorch's names, shapes and gate order.

    weight_ih_l0 (G n, I)  weight_hh_l0 (G n, n)  bias_ih_l0, bias_hh_l0 (G n,)    and l1, l2 ...
    readout.weight (O, n)  readout.bias (O,)  readout.shortcut (O, I) where shortcuts are on
    weight_own_l0 (K n,)   diagonal weights: peepholes of i, f, o; those of f, z in an elstm
    weight_gates_l0 (G n, K n)  of the gates of the row before, with `gate_recurrence`
    weight_hr_l0 (proj_size, n)  the projection

Gates: i, f, g, o in an lstm (those that it has); r, z, n in a gru; one in an rnn; f, z, o in an
elstm, which has no weight_hh. A gru has two biases; elsewhere bias_ih is the bias and bias_hh zero.
With blocks a gate has n / block_size rows and not n. Where some of the gates do not see what the
others see, their part of the matrix is zero, and so are the columns of inputs that the network does
not see (`Spec.combine_only`). What is loaded must be zero there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from rtrl_lstm.cells import gates_of, has_second_bias, is_recurrent, rows_of
from rtrl_lstm.fields import Array
from rtrl_lstm.layout import Layout
from rtrl_lstm.prepared import as_numbers
from rtrl_lstm.spec import Spec

OF_INPUTS = ("weight_ih_l0", "readout.shortcut")
"""Parameters with a column for each input."""


class Part(NamedTuple):
    """Some columns of one row of weights: a slice of a parameter."""

    row: str  # name of the row of weights in the layout
    prefixes: tuple[str, ...]  # of the labels of the sources, the columns


def _parts_of(spec: Spec) -> Iterator[tuple[str, list[Part]]]:
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
            biased = spec.is_biased("gates") or spec.is_biased("cells")
            if names and biased and (kind == "ih" or has_second_bias(spec)):
                yield f"bias_{kind}{suffix}", [Part(name, (bias,)) for name in names]
        if spec.gate_recurrence != "none":
            yield (
                f"weight_gates{suffix}",
                [Part(f"{layer}.{gate}", gates_of(spec)) for gate in gates],
            )
        if spec.proj_size:
            yield f"weight_hr{suffix}", [Part(f"{layer}.proj", ("unit",))]
        own = [Part(f"{layer}.{row.name}", ("own",)) for row in rows if row.own]
        if own:
            yield f"weight_own{suffix}", own


def _columns(layout: Layout, part: Part) -> list[int]:
    """Which columns of its row of weights a part is."""
    return _columns_of(layout.fields[f"{part.row}.weight"].axes[1], part)


def _columns_of(labels: tuple[str, ...], part: Part) -> list[int]:
    return [k for k, label in enumerate(labels) if label.rstrip("0123456789") in part.prefixes]


def _width(layout: Layout, part: Part) -> int:
    """Columns of the parameter that a part belongs to, whether or not this row has them."""
    layer = part.row.split(".")[0]
    everything = [
        layout.fields[f"{layer}.u"].axes[0],
        layout.fields[f"{part.row}.weight"].axes[1],
    ]
    return max(len(_columns_of(labels, part)) for labels in everything)


def _is_of_inputs(part: Part) -> bool:
    return part.prefixes == ("x",)


def _matrix_of(row: Array, layout: Layout, part: Part) -> Array:
    """A part of a parameter, of its row of weights: zeros where the row does not see that."""
    found = _columns(layout, part)
    values = row[:, found] if found else np.zeros((len(row), _width(layout, part)), row.dtype)
    return widened(values, layout.spec) if _is_of_inputs(part) else values


def widened(values: Array, spec: Spec) -> Array:
    """Columns of the inputs that the network sees, among zeros for the others: (n, I)."""
    if not spec.combine_only:
        return values
    wide: Array = np.zeros((len(values), spec.input_size), values.dtype)
    wide[:, spec.seen_inputs] = values
    return wide


def _seen(values: Array, spec: Spec) -> Array:
    """The inverse of `widened`."""
    return values[:, spec.seen_inputs] if spec.combine_only else values


def without_unseen(arrays: Mapping[str, Array], spec: Spec) -> dict[str, Array]:
    """Parameters with columns of the inputs alone that the network sees."""
    return {n: _seen(values, spec) if n in OF_INPUTS else values for n, values in arrays.items()}


def with_unseen(arrays: Mapping[str, Array], spec: Spec) -> dict[str, Array]:
    """The inverse of `without_unseen`: zeros for the other inputs."""
    return {n: widened(values, spec) if n in OF_INPUTS else values for n, values in arrays.items()}


def _check_absent(name: str, values: Array, parts: list[Part], layout: Layout) -> None:
    """Refuse numbers in rows and columns of a parameter that stand for no weights."""
    rest = _as_matrix(values)
    for part in parts:
        units = len(layout.fields[f"{part.row}.weight"].axes[0])
        piece, rest = rest[:units], rest[units:]
        unseen = list(layout.spec.combine_only) if _is_of_inputs(part) else []
        if (piece[:, unseen] if _columns(layout, part) else piece).any():
            raise _nowhere(name)


def _nowhere(name: str) -> ValueError:
    return ValueError(f"{name} has numbers where this learner has no weights")


def _has_zero_bias(spec: Spec) -> bool:
    """Whether PyTorch has a second bias where a learner has one only: it is given as zeros."""
    biased = spec.is_biased("gates") or spec.is_biased("cells")
    return biased and not has_second_bias(spec) and is_recurrent(spec)


def _shape_of(name: str, values: Array) -> Array:
    """A parameter in PyTorch's shape: biases and diagonal weights are vectors."""
    return values[:, 0] if name.startswith(("bias", "weight_own")) else values


def _as_matrix(values: Array) -> Array:
    """The inverse of `_shape_of`."""
    return values[:, np.newaxis] if values.ndim == 1 else values


def checked(given: dict[str, Any], own: dict[str, Array], layout: Layout) -> dict[str, Array]:
    """The parameters `given`, as arrays, if they are all there and fit those of a learner.

    Raises:
        TypeError: it is no dict.
        ValueError: a name or a shape does not fit, or a number is not finite.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"state_dict: a dict of arrays by name, not {type(given).__name__}")
    if own.keys() != given.keys():
        missing = ", ".join(sorted(own.keys() - given.keys())) or "none"
        unknown = ", ".join(sorted(given.keys() - own.keys())) or "none"
        raise ValueError(f"state_dict: missing {missing}; unknown {unknown}")
    arrays = {name: as_numbers(values, name) for name, values in given.items()}
    for name, values in arrays.items():
        if values.shape != own[name].shape:
            raise ValueError(f"{name} has shape {values.shape}; it must be {own[name].shape}")
        with np.errstate(over="ignore"):  # a float64 that float32 has no room for
            kept = values.astype(own[name].dtype)
        if not np.isfinite(kept).all():
            raise ValueError(f"{name} has numbers that are not finite in {kept.dtype}")
    for name, parts in _parts_of(layout.spec):
        _check_absent(name, arrays[name], parts, layout)
    unseen = list(layout.spec.combine_only)
    if layout.spec.shortcuts and arrays["readout.shortcut"][:, unseen].any():
        raise _nowhere("readout.shortcut")
    return arrays


def read(layout: Layout, array: Callable[[str], Array]) -> dict[str, Array]:
    """The parameters of a learner.

    Args:
        array: gives a copy of an array of the learner's by its name.
    """
    spec, found = layout.spec, {}
    for name, parts in _parts_of(spec):
        rows = [_matrix_of(array(f"{part.row}.weight"), layout, part) for part in parts]
        found[name] = _shape_of(name, np.concatenate(rows))
        if name.startswith("bias_ih") and _has_zero_bias(spec):
            found[name.replace("_ih", "_hh")] = np.zeros_like(found[name])
    direct = array("readout.direct.weight")
    found["readout.weight"] = array("readout.weight").T
    biased = spec.is_biased("readout")
    if biased:
        found["readout.bias"] = direct[:, 0]
    if spec.shortcuts:
        found["readout.shortcut"] = widened(direct[:, int(biased) :], spec)
    return {name: np.ascontiguousarray(values) for name, values in found.items()}


def rows_of_weights(
    arrays: dict[str, Array], layout: Layout, array: Callable[[str], Array]
) -> Iterator[tuple[str, Array]]:
    """The inverse of `read`: names of a learner's arrays, and what is to be put there.

    Args:
        arrays: as `checked` gives them.
        array: as of `read`; what is put there must be there when the next one is asked for, since
            a row of weights is of several parameters.
    """
    spec = layout.spec
    for name, parts in _parts_of(spec):
        values = arrays[name]
        if name.startswith("bias_ih") and _has_zero_bias(spec):
            values = values + arrays[name.replace("_ih", "_hh")]
        rest = _as_matrix(values)
        for part in parts:
            row = array(f"{part.row}.weight")
            piece, rest = rest[: len(row)], rest[len(row) :]
            found = _columns(layout, part)
            piece = _seen(piece, spec) if _is_of_inputs(part) else piece
            row[:, found] = piece if found else 0.0
            yield f"{part.row}.weight", row
    yield "readout.weight", arrays["readout.weight"].T
    direct = [arrays["readout.bias"][:, np.newaxis]] if spec.is_biased("readout") else []
    if spec.shortcuts:
        direct.append(_seen(arrays["readout.shortcut"], spec))
    if direct:
        yield "readout.direct.weight", np.concatenate(direct, axis=1)
