"""Real-time recurrent learning by its definition (Williams and Zipser 1989): P_t = J P_{t-1} + I.

P is the derivative of a state with respect to every parameter, J that of a step's new state with
respect to the old one, I with respect to the parameters. J and I are taken by complex steps: the
imaginary part of f(x + i e) is e f'(x), to the last digit. So nothing here knows any equation of a
cell but its forward pass.

SnAp-1 (Menick et al. 2021) keeps of P what lies between a parameter and the states of its own unit.
"""

import numpy as np

from .cell import Array
from .layer import Layer, LayerState, Parameters

TINY = 1e-30


def joint(states: list[LayerState]) -> Array:
    """What outlives a step, in a row: s, h and gates of each layer."""
    return np.concatenate([part for state in states for part in (state.s, state.h, state.gates)])


def parted(layers: list[Layer], row: Array) -> list[LayerState]:
    """The inverse of ``joint``, without traces."""
    states = []
    for layer in layers:
        sizes = (layer.units, layer.outputs, layer.group_sizes["gates"])
        s, h, gates, row = np.split(row, np.cumsum(sizes))
        states.append(LayerState(s, h, {}, gates))
    return states


def advance(layers: list[Layer], parameters: Parameters, x: Array, row: Array) -> Array:
    """The joint state after a step from x."""
    states = []
    for layer, before in zip(layers, parted(layers, row), strict=True):
        step = layer.forward(parameters, x, before)
        states.append(LayerState(step.cell.s, step.h, {}, step.cell.gates))
        x = step.h
    return joint(states)


def influence(
    layers: list[Layer], parameters: Parameters, x: Array, row: Array, before: Parameters
) -> Parameters:
    """P after a step: for each parameter of the layers (states, *its shape)."""
    jacobian = np.zeros((len(row), len(row)))
    for k in range(len(row)):
        moved = row.astype(complex)
        moved[k] += 1j * TINY
        jacobian[:, k] = advance(layers, parameters, x, moved).imag / TINY
    found = {}
    for name in before:
        immediate = np.zeros_like(before[name])
        for k in np.ndindex(parameters[name].shape):
            moved = parameters[name].astype(complex)
            moved[k] += 1j * TINY
            ahead = advance(layers, parameters | {name: moved}, x, row)
            immediate[(slice(None), *k)] = ahead.imag / TINY
        found[name] = np.tensordot(jacobian, before[name], 1) + immediate
    return found


def own_unit_only(layer: Layer, influences: Parameters) -> Parameters:
    """P without what a parameter does to the states of other units than its own."""
    found = {}
    for name, P in influences.items():
        mask = np.zeros((2 * layer.units, *P.shape[1:]))
        for j in range(layer.units):
            mask[j, j] = mask[layer.units + j, j] = 1.0
        found[name] = P * mask
    return found
