"""Generated classics, 5,000 rows each, always the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 5_000
Rows = list[dict[str, Any]]


def _table(y: Any, x: NDArray[Any] | None = None) -> Rows:
    features = np.empty((len(y), 0)) if x is None else x
    return [
        {**{f"x{k}": float(v) for k, v in enumerate(row)}, "y": truth}
        for row, truth in zip(features, y, strict=True)
    ]


def mackey_glass() -> Rows:
    """Mackey & Glass 1977: tau 17, a value every 1.0, steps of 0.1."""
    inside = 10
    y = np.full(17 * inside + (ROWS + 200) * inside, 1.2)
    for t in range(17 * inside, len(y) - 1):
        late = y[t - 17 * inside]
        y[t + 1] = y[t] + (0.2 * late / (1.0 + late**10) - 0.1 * y[t]) / inside
    return _table(y[::inside][-ROWS:].tolist())


def friedman_drift() -> Rows:
    """Friedman 1991; at 1/3 and 2/3 the five features that count change places with others."""
    rng = np.random.default_rng(1)
    x = rng.random((ROWS, 10))
    y = np.empty(ROWS)
    orders = ([0, 1, 2, 3, 4], [7, 4, 3, 1, 0], [5, 6, 7, 8, 9])
    for t in range(ROWS):
        a, b, c, d, e = x[t, orders[3 * t // ROWS]]
        y[t] = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    return _table((y + rng.normal(size=ROWS)).tolist(), x)


def sea_drift() -> Rows:
    """Street & Kim 2001: x0 + x1 <= threshold, which moves three times; a tenth is flipped."""
    rng = np.random.default_rng(2)
    x = rng.random((ROWS, 3)) * 10
    threshold = np.repeat([8.0, 9.0, 7.0, 9.5], ROWS // 4)
    y = (x[:, 0] + x[:, 1] <= threshold) ^ (rng.random(ROWS) < 0.1)
    return _table(["yes" if one else "no" for one in y], x)


def season_shifts() -> Rows:
    """A season of 24 rows whose shape changes slowly, noise, and a new level now and then."""
    rng = np.random.default_rng(3)
    t = np.arange(ROWS)
    level = np.cumsum(np.where(rng.random(ROWS) < 0.002, rng.normal(0, 30, ROWS), 0.0))
    turn = 2 * np.pi * t / 24
    season = 10 * np.sin(turn) + 5 * np.sin(2 * turn + t / 800)
    return _table((100 + level + season + rng.normal(0, 2, ROWS)).tolist())


def random_walk() -> Rows:
    """Nothing to learn: the last value is best."""
    return _table(np.cumsum(np.random.default_rng(4).normal(size=ROWS)).tolist())


def delayed_xor() -> Rows:
    """y is the exclusive or of x two and four rows ago: to be remembered, and not linear."""
    x = np.random.default_rng(5).integers(0, 2, ROWS)
    y = np.roll(x, 2) ^ np.roll(x, 4)
    return _table(["one" if one else "none" for one in y], x[:, np.newaxis])


def waveform() -> Rows:
    """Breiman 1984: three classes, mixtures of two of three triangular waves, 21 noisy inputs."""
    rng = np.random.default_rng(6)
    place = np.arange(21)
    waves = [np.maximum(6 - abs(place - top), 0) for top in (6, 14, 10)]
    kinds = rng.integers(0, 3, ROWS)
    share = rng.random((ROWS, 1))
    first = np.array(waves)[np.array([0, 0, 1])[kinds]]
    second = np.array(waves)[np.array([1, 2, 2])[kinds]]
    x = share * first + (1 - share) * second + rng.normal(size=(ROWS, 21))
    return _table(["abc"[kind] for kind in kinds], x)
