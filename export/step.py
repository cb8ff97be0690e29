"""The step graph: one row forward, running scaling and output activation included.

::

    x (B, I) raw ── standardise ── u (B, m) ─┬────────────────────────────┐ (shortcuts)
                                             │                            │
    h_0, c_0, h_1 … (B, n) ─────────────── layers ─┬─ h of the top ── readout ── a (B, O)
                                                   └─ h_0_out … (B, n)           │
              x ── activation, combination (where there is one), unstandardise ── y (B, O) raw

The names of inputs and outputs are a promise:

=====================  ==========  ===============================================================
input                  shape       meaning
=====================  ==========  ===============================================================
``x``                  (batch, I)  a raw row
``h_0``, ``c_0``       (batch, n)  state of layer 0; default: its value at export (1, n)
``h_1``, ``c_1`` …     (batch, n)  state of the layers above it
=====================  ==========  ===============================================================

=====================  ==========  ===============================================================
output                 shape       meaning
=====================  ==========  ===============================================================
``y``                  (batch, O)  the forecast, in the target's units or a probability
``h_0_out`` …          (batch, n)  the state after this row, to be fed back as ``h_0`` …
=====================  ==========  ===============================================================

A gru and an rnn have no ``c``. Where gates see gates there is a ``gates_0`` (batch, K), too; with
a projection ``h_0`` is (batch, p). The weights are initialisers under torch's names:
``weight_ih_l0``, ``readout.weight`` …, as in `rtrl_lstm.parameters`; ``bias_l0`` is the sum of
torch's two where only that matters. Inputs that only a combination sees (`Spec.combine_only`) have
no columns there, and no mean and scale.

Where the forecasts of several networks are mixed, names of states and of initialisers begin with
``net0.``, ``net1.`` and so on.
"""

from numpy.typing import DTypeLike

from . import ends, layers
from .graph import Graph, Values
from .snapshot import Networks, Snapshot


def step_graph(numbers: Networks, dtype: DTypeLike, stored: str = "") -> Graph:
    """Draw the graph of one forward step with the learner's present numbers."""
    g = Graph("step", dtype, stored)
    x = g.input("x", ("batch", numbers.spec.input_size))
    y, after = ends.of_all(g, numbers, lambda one, states: _forward(g, one, x, states))
    g.output("y", y, ("batch", numbers.spec.output_size))
    ends.put_out(g, numbers, after)
    return g


def _forward(g: Graph, numbers: Snapshot, x: str, states: Values) -> tuple[str, Values]:
    """What a network says (B, O) of rows x (B, I), and its states after them."""
    u = ends.scaled(g, numbers, x, 1)
    h, after = layers.advance(g, numbers.spec, layers.stored(g, numbers), u, states)
    return ends.forecast(g, numbers, h, u, x), after
