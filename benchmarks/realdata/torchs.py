"""LSTMs in PyTorch: one that learns at each row by backpropagation cut after that row, in all else
like ours; and deep-river's, which goes back over a window of ten rows from a state of zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.deep_rivers import lstms
from benchmarks.realdata.methods import Estimator, model_of, schema_of
from benchmarks.realdata.streams import Stream
from rtrl_lstm.table.schema import Forecast

torch.set_num_threads(1)
RATE = 1e-3
LIMIT = 3.0
"""Of the error that is learned from, in units of the target's spread: as ours."""


class Running:
    """Mean and spread so far; a number joins them before it is scaled, as in our learner."""

    def __init__(self, size: int) -> None:
        self.count, self.mean, self.m2 = 0, torch.zeros(size).double(), torch.zeros(size).double()

    def add(self, values: torch.Tensor) -> None:
        self.count += 1
        step = values - self.mean
        self.mean += step / self.count
        self.m2 += step * (values - self.mean)

    @property
    def spread(self) -> torch.Tensor:
        spread = torch.sqrt(self.m2 / max(self.count, 1))
        return torch.where(spread > 0, spread, torch.ones_like(spread))

    def scaled(self, values: torch.Tensor) -> torch.Tensor:
        return ((values - self.mean) / self.spread).float()


class Shape:
    """What a stream needs, found by reading it once beforehand: its inputs, those that our learner
    scales, its labels, and how many weights ours ends up with."""

    def __init__(self, stream: Stream, seed: int) -> None:
        schema, model = schema_of(stream), model_of(stream, seed)
        rows = stream.read()
        for row in rows:
            schema.read(row)
        self.inputs, self.scaled = schema.input_size, torch.tensor(schema.scaled_inputs)
        self.labels = schema.target.classes
        model.run(rows)
        each = [learner.state_dict().values() for learner in model.learners]
        self.weights = sum(values.size for one in each for values in one)

    @property
    def outputs(self) -> int:
        return max(len(self.labels), 1)

    def hidden(self, shortcuts: bool = True) -> int:
        """Units with which an LSTM has about as many weights as ours."""

        def size(n: int) -> int:
            read_out = self.outputs * (n + 1 + self.inputs * shortcuts)
            return 4 * n * (self.inputs + n + 2) + read_out

        return min(range(1, 200), key=lambda n: abs(size(n) - self.weights))


class TorchEstimator:
    """What the two have in common: scaled inputs, scaled targets, labels by number."""

    def __init__(self, stream: Stream, seed: int) -> None:
        self.stream = stream
        self.is_regression = stream.task == "regression"
        torch.manual_seed(seed)
        self.shape = Shape(stream, seed)
        self._inputs, self._target = Running(self.shape.inputs), Running(1)

    def vector(self, inputs: list[float], new: bool) -> torch.Tensor:
        """Scaled inputs, at full length."""
        padded = inputs + [0.0] * (self.shape.inputs - len(inputs))
        values = torch.tensor(padded, dtype=torch.float64)
        if new:
            self._inputs.add(values)
        return torch.where(self.shape.scaled, self._inputs.scaled(values), values.float())

    def label(self, truth: Any) -> torch.Tensor:
        if not self.is_regression:
            return torch.tensor(self.shape.labels.index(truth))
        value = torch.tensor([truth], dtype=torch.float64)
        self._target.add(value)
        return self._target.scaled(value)

    def forecast(self, output: torch.Tensor) -> Forecast:
        if self.is_regression:
            said = float(self._target.mean + self._target.spread * output.double())
            return said if math.isfinite(said) else None
        shares = torch.softmax(output, 0).tolist()
        return dict(zip(self.shape.labels, shares, strict=True))


class OneStep(TorchEstimator):
    """Truncated backpropagation with a window of one row, Adam and shortcuts, as ours has.

    As many weights as ours. From horizon 1 on there are two states, as in our forecaster: one
    learns, `horizon` rows behind, the other forecasts.
    """

    def __init__(self, stream: Stream, seed: int) -> None:
        super().__init__(stream, seed)
        hidden = self.shape.hidden()
        self._cell = torch.nn.LSTMCell(self.shape.inputs, hidden)
        with torch.no_grad():
            self._cell.bias_hh[hidden : 2 * hidden] += 1.0  # forget gates that are open, as ours
        self._read_out = torch.nn.Linear(hidden + self.shape.inputs, self.shape.outputs)
        weights = [*self._cell.parameters(), *self._read_out.parameters()]
        self._optimizer = torch.optim.Adam(weights, lr=RATE)
        zero = (torch.zeros(hidden), torch.zeros(hidden))
        self._lead, self._trail = zero, zero
        self._seen: dict[int, torch.Tensor] = {}

    def _forward(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        state = self._cell(x, state)
        return self._read_out(torch.cat((state[0], x))), state

    def predict(self, inputs: list[float]) -> Forecast:
        x = self.vector(inputs, new=True)
        self._seen[id(inputs)] = x
        with torch.no_grad():
            output, self._lead = self._forward(x, self._lead)
        return self.forecast(output)

    def learn(self, inputs: list[float], truth: Any) -> None:
        output, state = self._forward(self._seen.pop(id(inputs)), self._trail)
        label = self.label(truth)
        if self.is_regression:
            loss = torch.nn.functional.huber_loss(output, label, delta=LIMIT)
        else:
            loss = torch.nn.functional.cross_entropy(output, label)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self._trail = tuple(part.detach() for part in state)
        if not self.stream.horizon:
            self._lead = self._trail


class DeepRiver(TorchEstimator):
    """deep-river's LSTM with our weights' number and Adam; inputs and target scaled for it."""

    def __init__(self, stream: Stream, seed: int) -> None:
        super().__init__(stream, seed)
        regressor, classifier = lstms()
        options = {
            "n_features": self.shape.inputs,
            "hidden_size": self.shape.hidden(shortcuts=False),
            "optimizer_fn": "adam",
            "lr": RATE,
            "seed": seed,
        }
        if self.is_regression:
            self._model = regressor(**options)
        else:
            self._model = classifier(n_init_classes=self.shape.outputs, **options)

    def _row(self, inputs: list[float], new: bool) -> dict[str, float]:
        return {f"x{k:03}": v for k, v in enumerate(self.vector(inputs, new).tolist())}

    def predict(self, inputs: list[float]) -> Forecast:
        x = self._row(inputs, new=True)
        if self.is_regression:
            return self.forecast(torch.tensor([self._model.predict_one(x)]))
        found = self._model.predict_proba_one(x)
        return {label: float(share) for label, share in found.items()} or None

    def learn(self, inputs: list[float], truth: Any) -> None:
        label = float(self.label(truth)) if self.is_regression else truth
        self._model.learn_one(self._row(inputs, new=False), label)


ESTIMATORS: dict[str, Callable[[Stream, int], Estimator]] = {
    "torch LSTM": OneStep,
    "deep-river LSTM": DeepRiver,
}
