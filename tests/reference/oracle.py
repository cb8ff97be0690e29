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


def truncated_slopes(
    learner: ReferenceLearner,
    Z: Array,
    states: Sequence[State],
    loss: Callable[[Array], float],
    along: Parameters,
) -> Parameters:
    """The slopes of a loss of the sums (T, O) along directions of every layer's parameters."""
    found = {}
    for number, layer in enumerate(learner.layers):
        mine = layer.zero_parameters().keys()
        if number == 0:
            mine |= {"V", "b", "D"} & learner.parameters.keys()

        def loss_of_replay(moved: Parameters, number=number) -> float:
            return loss(replay(learner, learner.parameters | moved, Z, states, number))

        own = {name: learner.parameters[name] for name in mine}
        found |= slopes(loss_of_replay, own, along)
    return found


def truncated_gradient(
    learner: ReferenceLearner,
    Z: Array,
    states: Sequence[State],
    loss: Callable[[Array], float],
) -> Parameters:
    """The same for every number of every parameter."""
    found = truncated_slopes(learner, Z, states, loss, axes(learner.parameters))
    return {name: found[name].reshape(w.shape) for name, w in learner.parameters.items()}


def directions(parameters: Parameters, count: int = 4) -> Parameters:
    """(count, *shape) for each parameter: random directions of length 1 in which to move it.

    A gradient that is wrong in one number has another slope along each of them, and there are far
    fewer of them than numbers.
    """
    rng, found = np.random.default_rng(0), {}
    for name, w in parameters.items():
        drawn = rng.normal(size=(count, w.size))
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        found[name] = drawn.reshape(count, *w.shape)
    return found


def along_directions(gradients: Parameters, along: Parameters) -> Parameters:
    """The slopes (count,) that gradients come to."""
    return {name: np.tensordot(along[name], g, g.ndim) for name, g in gradients.items()}


def slopes(
    loss: Callable[[Parameters], float],
    parameters: Parameters,
    along: Parameters,
    eps: float = 1e-4,
) -> Parameters:
    """Each parameter's d loss / d way (count,) along its directions, the others being held."""

    def slope(name: str, direction: Array) -> float:
        def moved(way: float) -> float:
            return loss(parameters | {name: parameters[name] + way * direction})

        # To O(eps^4): the five-point rule.
        near, far = moved(eps) - moved(-eps), moved(2 * eps) - moved(-2 * eps)
        return (8.0 * near - far) / (12.0 * eps)

    return {
        name: np.array([slope(name, direction) for direction in along[name]]) for name in parameters
    }


def axes(parameters: Parameters) -> Parameters:
    """A direction for each number: slopes along these are, in its shape, the gradient."""
    return {name: np.eye(w.size).reshape(w.size, *w.shape) for name, w in parameters.items()}


def central_differences(
    loss: Callable[[Parameters], float], parameters: Parameters, eps: float = 1e-4
) -> Parameters:
    """d loss / d parameter for every number."""
    found = slopes(loss, parameters, axes(parameters), eps)
    return {name: found[name].reshape(w.shape) for name, w in parameters.items()}
