"""What the truncated gradient is, with no trace in it: backpropagation with h_{t-1} held.

The sequence is run again from its start with other parameters, while every recurrent input is read
from a record instead of being computed. The derivative of a loss of this replay with respect to a
parameter, taken by central differences, is the gradient that truncated RTRL claims to have.
"""

from collections.abc import Callable

import numpy as np

from .cell import Array
from .learner import ReferenceLearner


def replay(learner: ReferenceLearner, parameters: dict[str, Array], Z: Array, H: Array) -> Array:
    """The readout's sums (T, O) of a sequence; Z (T, I) scaled inputs, H (T, n) held h_{t-1}."""
    s = np.zeros(learner.sizes[1])
    sums = []
    for z, h_tm1 in zip(Z, H, strict=True):
        u = np.concatenate([np.ones(int(learner.bias)), z, h_tm1])
        cell = learner.cell.step({g: parameters[f"W_{g}"] @ u for g in learner.cell.rows}, s)
        s = cell.s
        a = parameters["V"] @ cell.h
        if learner.bias:
            a = a + parameters["b"]
        if learner.shortcuts:
            a = a + parameters["D"] @ z
        sums.append(a)
    return np.array(sums)


def central_differences(
    loss: Callable[[dict[str, Array]], float], parameters: dict[str, Array], eps: float = 1e-4
) -> dict[str, Array]:
    """d loss / d parameter for every number, to O(eps^4) (the five-point rule)."""
    gradients = {}
    for name, w in parameters.items():
        g = np.zeros_like(w)
        for k in np.ndindex(w.shape):
            at = {}
            for d in (-2, -1, 1, 2):
                moved = w.copy()
                moved[k] += d * eps
                at[d] = loss(parameters | {name: moved})
            g[k] = (at[-2] - 8.0 * at[-1] + 8.0 * at[1] - at[2]) / (12.0 * eps)
        gradients[name] = g
    return gradients
