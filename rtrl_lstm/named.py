"""The numbers of a learner by their names, as they stand: what exports and applications read."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from rtrl_lstm import parameters
from rtrl_lstm.cells import gates_of
from rtrl_lstm.combined import weights_of
from rtrl_lstm.fields import Array
from rtrl_lstm.layout import Layout
from rtrl_lstm.spec import Spec


class Named(ABC):
    """Views of a learner's block; each is a copy.

    Attributes:
        spec: what the learner is.
        layout: where its numbers lie.
    """

    spec: Spec
    layout: Layout

    @abstractmethod
    def array(self, name: str) -> Array:
        """One named array of the block."""

    def state_dict(self) -> dict[str, Array]:
        """The parameters, by PyTorch's names and in its shapes and gate order.

        See `rtrl_lstm.parameters` for the names and shapes. Without `bias` there are no biases.
        """
        return parameters.read(self.layout, self.array)

    def state(self) -> dict[str, Array]:
        """The recurrent state that the next forecast starts from: h_0 (n,), c_0 (n,), h_1 ...

        gru and rnn have no c; with `gate_recurrence` there are gates_0 (K,), those that are seen.
        """
        found = {}
        for number in range(self.spec.num_layers):
            prefix = f"lead.layer{number}" if self.spec.horizon else f"layer{number}"
            found[f"h_{number}"] = self.array(f"{prefix}.h")
            if self.spec.cell in ("lstm", "elstm"):
                found[f"c_{number}"] = self.array(f"{prefix}.s")
            if self.spec.gate_recurrence != "none":
                gates = [self.array(f"{prefix}.{gate}.gate") for gate in gates_of(self.spec)]
                found[f"gates_{number}"] = np.concatenate([g[: self.spec.blocks] for g in gates])
        return found

    def scaling(self) -> dict[str, Array]:
        """The running scaling as it stands, float64.

        A scaled input is (x - input_mean) * input_scale; a forecast in the target's unit is
        target_mean + target_scale * readout. Where nothing is scaled: mean 0, scale 1; a constant
        input has scale 0, and so have those of `Spec.combine_only`, which the network does not see.
        """
        scaled = np.array(self.spec.scaled_inputs)
        mean, spread = self._statistics("input")
        scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        found = {
            "input_mean": np.where(scaled, mean, 0.0),
            "input_scale": np.where(scaled, scale, 1.0),
        }
        unseen = list(self.spec.combine_only)
        found["input_mean"][unseen] = found["input_scale"][unseen] = 0.0
        mean, spread = np.zeros(self.spec.target_size), np.ones(self.spec.target_size)
        if self.spec.scale_target:
            mean, spread = self._statistics("target")
            spread = np.where(spread > 0, spread, 1.0)
        if self.spec.loss == "cross_entropy":
            mean, spread = np.zeros(1), np.ones(1)
        ones = np.ones(self.spec.output_size)
        return {**found, "target_mean": mean * ones, "target_scale": spread * ones}

    def combination(self) -> dict[str, Array]:
        """What the combination of `Spec.combine_with` comes to, float64; empty without one.

        With the network's forecast and the inputs standardised by the target's mean and scale,
        least squares says bias + network * (the network's) + inputs . x, but leaves the range of
        these and of 0 by half of that range at most. With b the first input, a standardised
        forecast is

        (squares * (what least squares says) + alone . x + first * b) / (1 + first + mean)

        where bias, network, squares, first and mean are (O,), inputs and alone (O, I): 0 for
        inputs that take no part. The target's mean, which is 0, is all that is missing.
        """
        parts = (f"combination{part}" for part in ("", ".losses", ".advantage"))
        return weights_of(self.spec, *map(self.array, parts)) if self.spec.combine_with else {}

    def _statistics(self, which: str) -> tuple[Array, Array]:
        count, m2 = self.array(f"{which}.count"), self.array(f"{which}.m2")
        return self.array(f"{which}.mean"), np.sqrt(m2 / np.maximum(count, 1.0))
