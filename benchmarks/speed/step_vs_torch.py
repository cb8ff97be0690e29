"""The default learner beside PyTorch and deep-river, updated at each step: microseconds a step.

4 inputs, 32 hidden units, 1 output, Adam 1e-3, float32, one thread; the same stream for all.
Torch learns with a window of 1: the state is carried over and detached, so that its gradient is
the one-step one, which is less than what the traces of truncated RTRL give.

deep-river's LSTM regressor goes back over a window of ten rows.

Expect: `run` at 80 times torch's rate or more, `step` from Python at 50 times or more. Adam with
`fused=True`, torch's fastest on the CPU, is shown as well. Beside deep-river 300 and 150 times.

    python -m benchmarks.speed.step_vs_torch
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

import rtrl_lstm as rl
from benchmarks.deep_rivers import lstms

from .timing import side_by_side

INPUTS, HIDDEN = 4, 32
STEPS, TORCH_STEPS, DEEP_RIVER_STEPS, REPEATS = 20_000, 300, 30, 15


def stream(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, and as its target a running average of it, in float32."""
    X = np.random.default_rng(0).standard_normal((steps, INPUTS)).astype(np.float32)
    Y = np.zeros((steps, 1), np.float32)
    for t in range(1, steps):
        Y[t] = 0.9 * Y[t - 1] + 0.1 * X[t].sum()
    return X, Y


def ours() -> dict[str, Callable[[], int]]:
    """Trials of the learner: one compiled loop, and row by row from Python."""
    X, Y = stream(STEPS)
    in_a_loop, by_row = rl.Learner(INPUTS, HIDDEN, 1), rl.Learner(INPUTS, HIDDEN, 1)
    rows = list(zip(X, Y, strict=True))

    def run() -> int:
        in_a_loop.run(X, Y)
        return STEPS

    def step() -> int:
        for x, y in rows:
            by_row.step(x, y)
        return STEPS

    return {"rtrl-lstm run": run, "rtrl-lstm step": step}


def torchs(fused: bool) -> Callable[[], int]:
    """A trial of PyTorch: the shortest honest loop."""
    import torch

    torch.set_num_threads(1)
    X, Y = (torch.from_numpy(array) for array in stream(TORCH_STEPS))
    cell, readout = torch.nn.LSTMCell(INPUTS, HIDDEN), torch.nn.Linear(HIDDEN, 1)
    weights = [*cell.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3, fused=fused or None)
    h, c = torch.zeros(1, HIDDEN), torch.zeros(1, HIDDEN)

    def loop() -> int:
        nonlocal h, c
        for x, y in zip(X[:, None], Y[:, None], strict=True):
            h, c = cell(x, (h, c))
            loss = 0.5 * (readout(h) - y).square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            h, c = h.detach(), c.detach()
        return TORCH_STEPS

    return loop


def deep_river() -> Callable[[], int]:
    """A trial of deep-river: a forecast and a step of learning for each row."""
    X, Y = stream(DEEP_RIVER_STEPS)
    rows = [{f"x{k}": float(v) for k, v in enumerate(x)} for x in X]
    regressor, _ = lstms()
    model = regressor(n_features=INPUTS, hidden_size=HIDDEN, optimizer_fn="adam", lr=1e-3)

    def loop() -> int:
        for row, y in zip(rows, Y[:, 0].tolist(), strict=True):
            model.predict_one(row)
            model.learn_one(row, y)
        return DEEP_RIVER_STEPS

    return loop


def main() -> None:
    trials = ours()
    if find_spec("torch"):
        trials |= {"torch LSTMCell": torchs(False), "torch, fused Adam": torchs(True)}
    if find_spec("torch") and find_spec("deep_river"):
        trials["deep-river LSTM"] = deep_river()
    times = side_by_side(trials, REPEATS)
    print(__doc__.splitlines()[0])
    columns = [name for name in times if not name.startswith("rtrl-lstm")]
    print(f"{'':20}{'min':>9}{'median':>9}" + "".join(f"  × {name}" for name in columns))
    for name, time in times.items():
        ratios = (f"{times[c].minimum / time.minimum:{len(c) + 4}.1f}" for c in columns)
        print(f"{name:20}{time.minimum * 1e6:9.2f}{time.median * 1e6:9.2f}" + "".join(ratios))
    if not columns:
        print("PyTorch is not installed and not compared with: pip install -e '.[bench]'")


if __name__ == "__main__":
    main()
