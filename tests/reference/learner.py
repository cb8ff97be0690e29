"""Truncated real-time recurrent learning (Hochreiter and Schmidhuber 1997), one row at a time.

Shapes: I inputs, n units in each of the layers, O outputs. The parameters, one array each:
  layer<l>.<row>      (n, D)  one per row of the cell, a column for each source that it sees
  layer<l>.<row>.own  (n,)    a diagonal weight, on a state of the unit itself
  V  (O, n)  readout        b  (O,)  its bias        D  (O, I)  shortcuts, where they are on
"""

from typing import NamedTuple

import numpy as np

from .cell import Array
from .cells import LSTM
from .dropout import kept
from .layer import Layer, LayerPass, LayerState
from .losses import SquaredError
from .optimisers import SGD, Optimiser
from .rtrl import influence, joint, own_unit_only
from .scaler import RunningScaler

State = tuple[LayerState, ...]  # from the first layer, which sees the inputs, to the last


class Pass(NamedTuple):
    """What learning needs of a forward pass: scaled inputs z (I,), the layers, sums a (O,), and
    what each layer's numbers from below were multiplied with."""

    z: Array
    layers: tuple[LayerPass, ...]
    a: Array
    kept: tuple[Array, ...]


class ReferenceLearner:
    """The naive twin of ``rtrl_lstm.Learner``, in float64.

    Args:
      cell: of all layers.
      clip: None, ("norm", limit), ("value", limit) or ("credit", limit).
      scale_inputs: a bool for each input.
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        output_size=1,
        *,
        cell=None,
        num_layers=1,
        bias=True,
        shortcuts=False,
        loss=None,
        optimiser: Optimiser | None = None,
        learning_rate=1e-3,
        update="step",
        rule="truncated",
        proj_size=0,
        schedule=None,
        clip=None,
        scale_inputs=(),
        scale_target=False,
        dropout=0.0,
        seed=0,
    ):
        self.sizes = input_size, hidden_size, output_size
        cell = cell or LSTM()
        self.layers = [
            Layer(
                number,
                cell,
                (proj_size or hidden_size) if number else input_size,
                hidden_size,
                bias,
                proj_size,
            )
            for number in range(num_layers)
        ]
        self.bias, self.shortcuts = bias is True or "readout" in (bias or ()), shortcuts
        self.rule, self.schedule = rule, schedule
        self.dropout, self.seed = dropout, seed
        self.rows = 0  # learned from
        self.loss = loss or SquaredError()
        self.optimiser = optimiser or SGD()
        self.learning_rate = learning_rate
        self.update, self.clip = update, clip
        self.scale_target = scale_target
        labels = output_size if self.loss.labels == "each" else 1
        self.input_scaler = RunningScaler(scale_inputs or [False] * input_size)
        self.target_scaler = RunningScaler([scale_target] * labels)

        self.parameters = {}
        for layer in self.layers:
            self.parameters |= layer.zero_parameters()
        self.parameters["V"] = np.zeros((output_size, proj_size or hidden_size))
        if self.bias:
            self.parameters["b"] = np.zeros(output_size)
        if shortcuts:
            self.parameters["D"] = np.zeros((output_size, input_size))
        self.state = self.zero_state()
        self.influence = self.zero_influence()
        self.gradients = self.zero_gradients()  # the sum over the sequence, for update="sequence"
        self.labelled = False  # whether that sum holds any label
        self.delta = 0.0  # sum of |dL/da| of the last label
        self.schedule_start = 0

    def zero_state(self) -> State:
        return tuple(layer.zero_state() for layer in self.layers)

    def zero_influence(self) -> list[dict[str, Array]]:
        """P of rule "snap1", layer by layer, or of rule "full", of all layers together."""
        groups = {"truncated": [], "snap1": [[layer] for layer in self.layers]}
        return [
            {
                name: np.zeros((len(joint([layer.zero_state() for layer in group])), *w.shape))
                for layer in group
                for name, w in layer.zero_parameters().items()
            }
            for group in groups.get(self.rule, [self.layers])
        ]

    def zero_gradients(self) -> dict[str, Array]:
        return {name: np.zeros_like(w) for name, w in self.parameters.items()}

    # --- one row

    def step(self, x: Array, y: Array | None = None, weight: float = 1.0) -> Array:
        """The forecast (O,) made before the label was seen; then learn, where there is a label."""
        z = self.scale(x)
        self.rows += 1
        self.advance_influence(z, self.rows)
        self.state, row = self.forward(self.state, z, self.rows)
        forecast = self.forecast(row.a)
        if y is not None:
            self.observe(y)
            self.learn(self.state, row, y, weight)
        return forecast

    def reset(self) -> None:
        """A new sequence begins: apply what the old one taught, and forget its state."""
        self.apply_sequence()
        self.state = self.zero_state()
        self.influence = self.zero_influence()
        if self.schedule and self.schedule.restart:
            self.schedule_start = self.optimiser.count

    # --- forward

    def scale(self, x: Array) -> Array:
        """x (I,) by the running statistics, which take it in first; 0 where there is no spread."""
        x = np.asarray(x, dtype=float)
        x = self.input_scaler.bounded(x)
        self.input_scaler.update(x)
        sd = self.input_scaler.spread()
        z = np.zeros_like(x)
        np.divide(x - self.input_scaler.mean, sd, out=z, where=sd > 0)
        return np.where(self.input_scaler.scaled, z, x)

    def forward(self, state: State, z: Array, number: int = 0) -> tuple[State, Pass]:
        """One step of the layers, each seeing h of the one below at this step; and the readout.

        number: of a row that is learned from, counted from 1; 0: nothing is dropped.
        """
        states, passes, factors, x = [], [], [], z
        for k, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            factors.append(self.kept(number, k, len(x)))
            step = layer.forward(self.parameters, x * factors[k], before)
            states.append(layer.after(before, step))
            passes.append(step)
            x = step.h
        a = self.read_out(self.parameters, x, z)
        return tuple(states), Pass(z, tuple(passes), a, tuple(factors))

    def kept(self, number: int, layer: int, count: int) -> Array:
        """What a layer's numbers from below are multiplied with at a row."""
        if layer == 0 or number == 0 or self.dropout == 0.0:
            return np.ones(count)
        return kept(self.seed, number, layer, count, self.dropout)

    def advance_influence(self, z: Array, number: int = 0) -> None:
        """P of the step from the present state and the inputs z, by the rule."""
        if self.rule == "full":
            row = joint(self.state)
            (before,) = self.influence
            self.influence = [influence(self.layers, self.parameters, z, row, before)]
        elif self.rule == "snap1":
            x, found = z, []
            of_layers = zip(self.layers, self.state, self.influence, strict=True)
            for k, (layer, state, before) in enumerate(of_layers):
                x = x * self.kept(number, k, len(x))
                P = influence([layer], self.parameters, x, joint([state]), before)
                found.append(own_unit_only(layer, P))
                x = layer.forward(self.parameters, x, state).h
            self.influence = found

    def read_out(self, parameters: dict[str, Array], h: Array, z: Array) -> Array:
        """a = V h + b + D z (O,), of the last layer's h (n,)."""
        a = parameters["V"] @ h
        if self.bias:
            a = a + parameters["b"]
        if self.shortcuts:
            a = a + parameters["D"] @ z
        return a

    def forecast(self, a: Array) -> Array:
        """What the sums (O,) say, in the target's own units."""
        y_hat = self.loss.forecast(a)
        if self.scale_target:
            y_hat = self.target_scaler.mean + self.target_spread() * y_hat
        return y_hat

    def target_spread(self) -> Array:
        sd = self.target_scaler.spread()
        return np.where(sd > 0, sd, 1.0)

    # --- learning

    def observe(self, y: Array) -> None:
        """The target's running statistics take in a label, before it is learned."""
        self.target_scaler.update(np.atleast_1d(np.asarray(y, dtype=float)))

    def learn(self, state: State, row: Pass, y: Array, weight: float = 1.0) -> None:
        """Learn the label of a pass. NaN says that there is none for that output."""
        y = np.atleast_1d(np.asarray(y, dtype=float))
        if np.isnan(y).all():
            return
        gradients = self.label_gradients(state, row, y, weight)
        for name, g in gradients.items():
            self.gradients[name] = self.gradients[name] + g
        self.labelled = True
        if self.update == "step":
            self.apply_sequence()

    def label_gradients(self, state: State, row: Pass, y: Array, weight: float) -> dict[str, Array]:
        """dL/dw of one label for every parameter, no error flowing back through any source.

        Credit dL/dh comes down to a layer below through the sums of this step.
        """
        dy = self.output_gradient(row.a, y, weight)
        gradients = {"V": np.outer(dy, row.layers[-1].h)}
        if self.bias:
            gradients["b"] = dy
        if self.shortcuts:
            gradients["D"] = np.outer(dy, row.z)
        credit = self.parameters["V"].T @ dy
        if self.rule == "full":
            return gradients | self.full_gradients(credit)
        for k in reversed(range(len(self.layers))):
            layer, step = self.layers[k], row.layers[k]
            if self.rule == "snap1":
                units = slice(layer.units, 2 * layer.units)  # h, behind s
                gradients |= {
                    name: np.tensordot(credit, P[units], 1) for name, P in self.influence[k].items()
                }
            else:
                gradients |= layer.gradients(self.parameters, credit, state[k], step)
            credit = layer.credit_below(self.parameters, credit, step) * row.kept[k]
        return gradients

    def full_gradients(self, credit: Array) -> dict[str, Array]:
        """dL/dh of the last layer times P of its h."""
        last = self.layers[-1]
        end = len(joint(self.state)) - last.group_sizes["gates"]
        (found,) = self.influence
        return {
            name: np.tensordot(credit, P[end - last.outputs : end], 1) for name, P in found.items()
        }

    def output_gradient(self, a: Array, y: Array, weight: float) -> Array:
        """dL/da (O,), of the scaled target where it is scaled; 0 where there is no label."""
        if self.scale_target:
            y = (y - self.target_scaler.mean) / self.target_spread()
        known = ~np.isnan(y)
        label = y[0] if self.loss.labels == "class" else np.where(known, y, 0.0)
        dy = np.where(known, weight * self.loss.gradient(a, label), 0.0)
        if self.clip and self.clip[0] == "credit":
            dy = np.clip(dy, -self.clip[1], self.clip[1])
        self.delta = np.abs(dy).sum()
        return dy

    def apply_sequence(self) -> None:
        """One step of the optimiser with the gradients so far, if any label was among them."""
        if self.labelled:
            gradients = self.clipped(self.gradients)
            rate = self.learning_rate
            if self.schedule:
                rate *= self.schedule.factor(self.optimiser.count - self.schedule_start)
            rate *= self.optimiser.bound(gradients, rate, self.delta)
            self.optimiser.count += 1
            for name, g in gradients.items():
                self.parameters[name] = self.optimiser.step(name, self.parameters[name], g, rate)
        self.gradients, self.labelled = self.zero_gradients(), False

    def clipped(self, gradients: dict[str, Array]) -> dict[str, Array]:
        kind, limit = self.clip or (None, 0.0)
        if kind == "norm":
            norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
            factor = limit / norm if norm > limit else 1.0
            return {name: g * factor for name, g in gradients.items()}
        if kind == "value":
            return {name: np.clip(g, -limit, limit) for name, g in gradients.items()}
        return gradients
