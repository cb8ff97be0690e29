"""A network from elsewhere, put into the engine's terms, and the learner it becomes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rtrl_lstm.fields import Array
from rtrl_lstm.forecaster import Forecaster, kind_of
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import CELL_OPTIONS, IMPLIED_ACTIVATION, Spec
from rtrl_lstm.unknown import refuse_unknown
from rtrl_lstm.wording import counted

from .. import carry
from ..errors import UnsupportedError
from .recurrent import Layer

Net = Learner | Forecaster

SETTLED = (CELL_OPTIONS - {"input_gate_bias", "forget_bias", "output_gate_bias"}) | {
    "input_size",
    "hidden_size",
    "cell",
    "bias",
    "num_layers",
    "combine_with",
    "combine_only",
    "combine_inner",
}
"""Fields of Spec that a network comes with."""
LOSSES = {activation: loss for loss, activation in IMPLIED_ACTIVATION.items()}
ROWS = 1000
"""Rows that scaling from elsewhere counts for, in a running mean, where nothing is said."""


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How numbers were standardised where the network comes from: (value - mean) / sd.

    It goes on inside the learner as a running mean and standard deviation.

    Attributes:
        mean, sd: for each input, or for each output.
        rows: how many rows they count for beside those to come.
    """

    mean: ArrayLike
    sd: ArrayLike
    rows: int = ROWS

    def arrays(self, name: str, width: int) -> tuple[Array, Array]:
        """Mean and sd, (width,). Raises ValueError where they do not fit."""
        found = []
        for part, value in (("mean", self.mean), ("sd", self.sd)):
            array = np.asarray(value, np.float64)
            if array.shape not in ((), (1,), (width,)) or not np.isfinite(array).all():
                raise ValueError(f"{name}: {part} must be one finite number or {width} of them")
            found.append(np.broadcast_to(array, width).copy())
        if (found[1] <= 0).any() or self.rows < 1:
            raise ValueError(f"{name}: sd must be above 0, and rows at least 1")
        return found[0], found[1]


@dataclasses.dataclass(frozen=True)
class Network:
    """A stack of layers and what lies around it.

    Attributes:
        layers: from the input up.
        readout: (weight (O, n), bias (O,) or None), or None where there is no linear layer.
        activation: of the output.
        inputs: where the network standardises its rows itself.
        double: whether its numbers are float64.
    """

    layers: tuple[Layer, ...]
    readout: tuple[Array, Array | None] | None
    activation: str = "identity"
    inputs: Scaling | None = None
    double: bool = False

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Inputs, units and numbers in h."""
        weights = self.layers[0].parameters
        return weights["weight_ih"].shape[1], self.units, weights["weight_hh"].shape[1]

    @property
    def units(self) -> int:
        """Units of a layer."""
        weights = self.layers[0].parameters
        projection = weights.get("weight_hr")
        return int((weights["weight_hh"] if projection is None else projection).shape[1])

    def to_learner(
        self,
        options: Mapping[str, Any],
        input_scaling: Scaling | None = None,
        target_scaling: Scaling | None = None,
    ) -> Net:
        """The learner, or with a horizon the forecaster, that this is.

        Args:
            options: how it is to learn.

        Raises:
            UnsupportedError: the engine has no such network.
            ValueError: an option contradicts the network.
        """
        if self.inputs is not None and input_scaling is not None:
            raise ValueError("input_scaling: the network standardises its inputs itself")
        inputs = self.inputs or input_scaling
        spec = self._spec(options, inputs, target_scaling)
        net = kind_of(spec).new(spec)
        net.load_state_dict(self._parameters(net.state_dict(), spec))
        numbers = carry.numbers_of(net)
        for k, layer in enumerate(self.layers):
            for kind, state in layer.state.items():
                numbers[f"{kind}_{k}"] = state
        write_scaling(numbers, "input", inputs, spec.input_size)
        write_scaling(numbers, "target", target_scaling, spec.target_size)
        return carry.restored(spec, numbers, net.learning_rate)

    def _spec(
        self, options: Mapping[str, Any], inputs: Scaling | None, target: Scaling | None
    ) -> Spec:
        """The Spec of the learner; raises as `to_learner` does."""
        given = _settings(options, inputs, target)
        self._settle_output(given)
        size, wanted = self._output_size(given.get("output_size")), given.pop("output_size", None)
        if wanted not in (None, size):
            raise ValueError(
                f"output_size is {wanted}, and the network has {counted(size, 'output')}"
            )
        given.setdefault("dtype", "float64" if self.double else "float32")
        width_in, n, width = self.sizes
        settled_by_it = {
            **self.layers[0].options,
            "input_size": width_in,
            "hidden_size": n,
            "output_size": size,
            "num_layers": len(self.layers),
            "proj_size": 0 if width == n else width,
            "bias": self._bias(),
        }
        if any("weight_own" in layer.parameters for layer in self.layers):
            settled_by_it["peephole"] = True
        self._check_layers()
        return Spec(**settled_by_it, **given)

    def _settle_output(self, given: dict[str, Any]) -> None:
        """Put the loss and the output's activation into the options, where they are not given."""
        activation = self.activation
        given.setdefault("loss", LOSSES.get(activation, "squared_error"))
        implied = IMPLIED_ACTIVATION.get(given["loss"], activation)
        # Outputs that are the logits of what a loss implies are common: PyTorch's losses take them.
        if activation not in ("identity", implied):
            raise ValueError(
                f"loss {given['loss']!r} goes with {implied} at the output, and the network has "
                f"{activation}"
            )
        if given.get("output_activation") not in (None, implied) and activation != "identity":
            raise ValueError(f"output_activation: the network has {activation}")
        if activation == "sigmoid" and given["loss"] not in IMPLIED_ACTIVATION:
            given.setdefault("output_activation", activation)
        if activation in ("softmax", "exp") and given["loss"] not in IMPLIED_ACTIVATION:
            raise ValueError(
                f"loss {given['loss']!r} does not go with {activation} at the network's output: "
                f"that goes with {LOSSES[activation]!r}"
            )

    def _output_size(self, wanted: int | None) -> int:
        if self.readout is not None:
            return len(self.readout[0])
        return self.sizes[2] if wanted is None else wanted

    def _bias(self) -> bool | tuple[str, ...]:
        """Which parts have biases."""
        inside = any("bias_ih" in layer.parameters for layer in self.layers)
        outside = self.readout is None or self.readout[1] is not None
        if self.layers[0].options["cell"] != "lstm":
            return inside or (outside and self.readout is not None)
        parts = (*(("gates", "cells") if inside else ()), *(("readout",) if outside else ()))
        return parts if parts else False

    def _check_layers(self) -> None:
        """A stack in the engine is of equal layers."""
        first = self.layers[0]
        width = self.sizes[2]
        for layer in self.layers[1:]:
            sizes = (len(layer.parameters["weight_ih"]), layer.parameters["weight_hh"].shape[1])
            expected = (len(first.parameters["weight_ih"]), width)
            if sizes != expected or layer.parameters["weight_ih"].shape[1] != width:
                raise UnsupportedError(
                    "layers of different hidden_size: a stack of the engine has equal ones"
                )
            for name in sorted(first.options.keys() | layer.options.keys()):
                if name != "peephole" and first.options.get(name) != layer.options.get(name):
                    raise UnsupportedError(f"layers that differ in {name}")

    def _parameters(self, own: Mapping[str, Array], spec: Spec) -> dict[str, Array]:
        """The engine's parameters: the network's, and zeros or what is fresh where it has none."""
        found = {}
        for name, fresh in own.items():
            if name.startswith("readout."):
                found[name] = self._readout(name, np.asarray(fresh), spec)
                continue
            kind, _, number = name.rpartition("_l")
            value = self.layers[int(number)].parameters.get(kind)
            found[name] = np.zeros_like(fresh) if value is None else value
        return found

    def _readout(self, name: str, fresh: Array, spec: Spec) -> Array:
        if name == "readout.shortcut":
            return np.zeros_like(fresh)
        if self.readout is None:
            if spec.output_size != spec.state_size:
                return fresh
            return np.eye(spec.output_size) if name == "readout.weight" else np.zeros_like(fresh)
        weight, bias = self.readout
        if name == "readout.weight":
            return weight
        return np.zeros_like(fresh) if bias is None else bias


def _settings(
    options: Mapping[str, Any], inputs: Scaling | None, target: Scaling | None
) -> dict[str, Any]:
    """The options of how to learn, checked, and that what has a scaling is scaled."""
    given = dict(options)
    refuse_unknown(given)
    if settled := given.keys() & SETTLED:
        raise ValueError(f"{', '.join(sorted(settled))}: that is settled by the network")
    for name, scaling in (("input", inputs), ("target", target)):
        if not isinstance(scaling, Scaling | None):
            raise TypeError(f"{name}_scaling must be a Scaling(mean, sd), not {scaling!r}")
        option = f"scale_{name}s" if name == "input" else f"scale_{name}"
        if given.get(option) and scaling is None:
            raise ValueError(
                f"{option}: the network has learned from numbers as they are; say with "
                f"{name}_scaling=Scaling(mean, sd) how they were scaled, if they were"
            )
        if scaling is not None:
            given.setdefault(option, True)
    return given


def write_scaling(
    numbers: dict[str, Array], which: str, scaling: Scaling | None, width: int
) -> None:
    """Put scaling into running statistics, where there are any."""
    if scaling is None or f"{which}.count" not in numbers:
        return
    mean, sd = scaling.arrays(f"{which}_scaling", width)
    numbers[f"{which}.count"] = np.full(width, float(scaling.rows))
    numbers[f"{which}.mean"] = mean
    numbers[f"{which}.m2"] = sd**2 * scaling.rows
