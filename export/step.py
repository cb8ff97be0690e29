"""The step graph: one row forward, running scaling and output activation included.

::

    x (B, I) raw ── standardise ── u (B, I) ─┬───────────────────────────┐ (shortcuts)
                                             │                           │
    h_0 (B, n) ─────────────────── project ──┘── z (B, 4n)               │
    c_0 (B, n) ─────────────────────────── cell ─┬─ h_0_out (B, n) ── readout ── a (B, O)
                                                 └─ c_0_out (B, n)               │
              x ── activation, combination (where there is one), unstandardise ── y (B, O) raw

The names of inputs and outputs are a promise:

====================  ==========  ==================================================
input                 shape       meaning
====================  ==========  ==================================================
``x``                 (batch, I)  a raw row
``h_0``, ``c_0``      (batch, n)  state of layer 0; default: its value at export (1, n)
====================  ==========  ==================================================

====================  ==========  ==================================================
output                shape       meaning
====================  ==========  ==================================================
``y``                 (batch, O)  the forecast, in the target's units or a probability
``h_0_out`` …         (batch, n)  the state after this row, to be fed back as ``h_0`` …
====================  ==========  ==================================================

The weights are initialisers under torch's names: ``weight_ih_l0``, ``readout.weight`` …
"""

from numpy.typing import DTypeLike

from . import parts
from .graph import Graph, Shape
from .snapshot import Snapshot


def step_graph(numbers: Snapshot, dtype: DTypeLike) -> Graph:
    """Draw the graph of one forward step of an LSTM with the learner's present numbers."""
    spec, weights, scaling = numbers.spec, numbers.parameters, numbers.scaling
    g = Graph("step", dtype)
    x = g.input("x", ("batch", spec.input_size))
    state_shape: Shape = ("batch", spec.hidden_size)
    for name, value in numbers.state.items():
        g.input(name, state_shape, value[None, :])

    u = x
    if any(spec.scaled_inputs):
        u = parts.standardise(g, x, scaling["input_mean"], scaling["input_scale"])

    w_ih, w_hh = (g.number(name, weights[name]) for name in ("weight_ih_l0", "weight_hh_l0"))
    bias = g.number("bias_l0", weights["bias_ih_l0"] + weights["bias_hh_l0"]) if spec.bias else None
    h, c = parts.lstm_cell(g, parts.project(g, u, w_ih, bias, "h_0", w_hh), "c_0")

    y = parts.activate(g, _readout(g, numbers, h, u), spec.activation)
    if numbers.combination:
        y = parts.combine(g, y, x, numbers.combination, scaling)
    if spec.scale_target:
        y = parts.unstandardise(g, y, scaling["target_mean"], scaling["target_scale"])

    g.output("y", y, ("batch", spec.output_size))
    g.output("h_0_out", h, state_shape)
    g.output("c_0_out", c, state_shape)
    return g


def _readout(g: Graph, numbers: Snapshot, h: str, u: str) -> str:
    def stored(name: str) -> str | None:
        value = numbers.parameters.get(name)
        return None if value is None else g.number(name, value)

    weight = g.number("readout.weight", numbers.parameters["readout.weight"])
    direct = stored("readout.shortcut")
    shortcut = None if direct is None else (direct, u)
    return parts.readout(g, h, weight, stored("readout.bias"), shortcut)
