"""What the truncated gradient is, with no trace in it: backpropagation with the sources held.

A sequence is run again from its start with other parameters of one layer, while what the layer sees
of the step before (h_{t-1}, and the states that peepholes see) is read from a record instead of
being computed. So are the states of the layers above at t-1: credit comes down at the present step
alone. The derivative of a loss of this replay with respect to a parameter of the layer, taken by
central differences, is the gradient that truncated RTRL claims to have.
"""

from collections.abc import Callable, Sequence

import numpy as np

from .cell import Array, Held
from .learner import ReferenceLearner, State

Parameters = dict[str, Array]


def replay(
    learner: ReferenceLearner,
    parameters: Parameters,
    Z: Array,
    states: Sequence[State],
    number: int = 0,
) -> Array:
    """The readout's sums (T, O) of a sequence, as layer ``number`` and the readout move them.

    Z (T, I) are scaled inputs; ``states`` (T + 1 or more) the states before the first row, before
    the second and so on, of which only s of layer ``number`` is computed anew.
    """
    s, sums = states[0][number].s, []
    for t, z in enumerate(Z):
        before, after = states[t], states[t + 1]
        x = after[number - 1].h if number else z
        for k in range(number, len(learner.layers)):
            held = Held(before[k].s, after[k].s)
            record = before[k]._replace(s=s) if k == number else before[k]
            step = learner.layers[k].forward(parameters, x, record, held)
            if k == number:
                s = step.cell.s
            x = step.h
        sums.append(learner.read_out(parameters, x, z))
    return np.array(sums)


def truncated_gradient(
    learner: ReferenceLearner,
    Z: Array,
    states: Sequence[State],
    loss: Callable[[Array], float],
) -> Parameters:
    """d loss / d parameter, of a loss of the sums (T, O), for every parameter of every layer."""
    gradients = {}
    for number, layer in enumerate(learner.layers):
        mine = layer.zero_parameters().keys()
        if number == 0:
            mine |= {"V", "b", "D"} & learner.parameters.keys()

        def loss_of_replay(moved: Parameters, number=number) -> float:
            return loss(replay(learner, learner.parameters | moved, Z, states, number))

        gradients |= central_differences(
            loss_of_replay, {name: learner.parameters[name] for name in mine}
        )
    return gradients


def central_differences(
    loss: Callable[[Parameters], float], parameters: Parameters, eps: float = 1e-4
) -> Parameters:
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
