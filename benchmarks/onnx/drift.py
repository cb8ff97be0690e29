"""A network that was trained offline, in PyTorch, and what becomes of it on a stream that drifts.

`python -m benchmarks.onnx.drift`, a minute or two; needs PyTorch (`pip install -e '.[bench]'`). A
torch.nn.LSTM of 16 units with a linear layer is trained by backpropagation through time on the
beginning of a stream. Then the rest of the stream comes row by row: once the network stays as it
is, and once it goes on learning with `from_torch`. A learner that starts from nothing at that row
stands beside them. Expect what stays as it is to lose to the last value once the stream has moved
on, and what learns to stay ahead; and where the stream hardly drifts, both to be alike.

Before that, the way PyTorch -> engine -> ONNX -> engine: how far the outputs are from each other.
"""

import csv
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import rtrl_lstm as rl
from rtrl_lstm import export
from rtrl_lstm.table.timestamps import calendar_inputs, read_seconds

TAXI = Path(__file__).resolve().parents[2] / "examples" / "nyc_taxi.csv"
UNITS, HORIZON = 16, 5
LEARNING = {"horizon": HORIZON, "clip": rl.ClipCredit(3.0)}
RATE, FRESH_RATE = 3e-4, 1e-3
"""What has been trained is adjusted; what knows nothing has further to go."""


def wave():
    """A wave of two tones whose period goes from 24 rows to 48: X (T, 1), y (T,), training rows."""
    rng, trained, rest = np.random.default_rng(0), 5_000, 15_000
    period = np.concatenate([np.full(trained, 24.0), np.linspace(24.0, 48.0, rest)])
    phase = np.cumsum(2 * np.pi / period)
    y = np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.05 * rng.standard_normal(trained + rest)
    return y[:, np.newaxis], y, trained


def taxi():
    """Passengers of taxis and the calendar, of which July and August are for training."""
    with TAXI.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    y = np.array([float(row["value"]) for row in rows])
    moments = [read_seconds(row["timestamp"]) + 1800 * HORIZON for row in rows]
    X = np.column_stack([y, [calendar_inputs(moment) for moment in moments]])
    return X, y, 62 * 48


class Net:
    """A torch.nn.LSTM with a linear layer, trained on standardised rows."""

    def __init__(self, X, y):
        import torch

        self.torch = torch
        torch.manual_seed(0)
        torch.set_num_threads(1)

        class Module(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm = torch.nn.LSTM(X.shape[1], UNITS, batch_first=True)
                self.linear = torch.nn.Linear(UNITS, 1)

            def forward(self, x):
                return self.linear(self.lstm(x)[0])

        self.module = Module()
        sd = np.where(X.std(0) > 0, X.std(0), 1.0)
        self.inputs = export.Scaling(X.mean(0), sd)
        self.target = export.Scaling(y.mean(keepdims=True), y.std(keepdims=True))
        self._train(X, y)

    def _train(self, X, y, window=144, steps=1500):
        """Backpropagation through time over windows drawn at random, Adam."""
        torch, rng = self.torch, np.random.default_rng(1)
        x = torch.tensor(self.standardised(X)[:-HORIZON])
        z = torch.tensor(((y - self.target.mean) / self.target.sd)[HORIZON:, None].astype("f4"))
        adam = torch.optim.Adam(self.module.parameters(), lr=5e-3)
        for _ in range(steps):
            starts = rng.integers(0, len(x) - window, 16)
            rows = torch.tensor(starts[:, None] + np.arange(window))
            said = self.module(x[rows])[:, 24:]  # of a state that knows where it is
            loss = torch.nn.functional.mse_loss(said, z[rows][:, 24:])
            adam.zero_grad()
            loss.backward()
            adam.step()

    def standardised(self, X):
        """Rows as the module takes them."""
        return ((X - self.inputs.mean) / self.inputs.sd).astype(np.float32)

    def said(self, X):
        """Its forecasts (T,), raw."""
        with self.torch.no_grad():
            z = self.module(self.torch.tensor(self.standardised(X)[None])).numpy()[0, :, 0]
        return self.target.mean + self.target.sd * z

    def learner(self, **options):
        """The same network in the engine."""
        scaling = {"input_scaling": self.inputs, "target_scaling": self.target}
        return export.from_torch(self.module, **scaling, **options)


def round_trip(net, X, folder):
    """(where, largest difference to PyTorch in sd of the target), on the way out and back in."""
    expected = net.said(X)
    learner = net.learner()

    def off(said):
        return float(np.abs(np.asarray(said)[:, 0] - expected).max() / net.target.sd[0])

    yield "engine", off(learner.frozen().run(X))
    for graph in ("step", "sequence", "learner"):
        path = Path(folder) / f"{graph}.onnx"
        export.to_onnx(learner, path, graph=graph)
        if graph != "learner":  # whose running scaling moves on with the rows
            yield f"ONNX, {graph} graph", off(export.Session(path, "cpu").run(X))
        yield f"engine again, from the {graph} graph", off(export.from_onnx(path).frozen().run(X))


def errors(X, y, trained, net):
    """name -> absolute errors of the forecasts for the rows from `trained` on."""
    fresh = rl.Forecaster(
        **LEARNING,
        input_size=X.shape[1],
        hidden_size=UNITS,
        learning_rate=FRESH_RATE,
        scale_inputs=True,
        scale_target=True,
    )
    frozen, learning = (
        net.learner(horizon=HORIZON).frozen(),
        net.learner(**LEARNING, learning_rate=RATE),
    )
    said = {
        "frozen": frozen.run(X[trained:]),
        "goes on learning": learning.run(X[trained:], y[trained:]),
        "from nothing": fresh.run(X[trained:], y[trained:]),
        "last value": y[trained:, None],
    }
    return {
        name: np.abs(each[:-HORIZON, 0] - y[trained + HORIZON :]) for name, each in said.items()
    }


def main():
    """Print both tables."""
    if find_spec("torch") is None:
        print("skipped: needs PyTorch, pip install -e '.[bench]'")
        return
    tables = []
    for stream in (wave, taxi):
        X, y, trained = stream()
        net = Net(X[:trained], y[:trained])
        if stream is wave:
            print("PyTorch's LSTM, and the same network elsewhere: largest difference over")
            print("1,000 rows, in sd of the target\n\n| where | difference |\n|---|---|")
            with tempfile.TemporaryDirectory() as folder:
                for where, off in round_trip(net, X[:1000].astype(np.float32), folder):
                    print(f"| {where} | {off:.0e} |", flush=True)
        tables.append((stream.__name__, errors(X, y, trained, net), y[trained:].std()))
    print("\nMean absolute error, 5 rows ahead, in sd of the stream\n")
    names = list(tables[0][1])
    print("| stream | part |", " | ".join(names), "|\n|---|---|" + "---|" * len(names))
    for stream, found, sd in tables:
        tenth = len(found["frozen"]) // 10
        parts = {
            "first tenth": slice(tenth),
            "whole": slice(None),
            "last tenth": slice(-tenth, None),
        }
        for part, rows in parts.items():
            said = [f"{found[name][rows].mean() / sd:.3f}" for name in names]
            print(f"| {stream} | {part} |", " | ".join(said), "|", flush=True)


if __name__ == "__main__":
    sys.exit(main())
