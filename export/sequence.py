"""The sequence graph: T rows of each of B streams forward in one call.

::

    X (T, B, I) raw ── standardise ── U (T, B, m) ─┬─────────────────────────────┐ (shortcuts)
                                                   │                             │
    h_0, c_0, h_1 … (B, n) ── recurrence over T ───┴─┬─ H of the top ── readout ── a (T B, O)
                                                     └─ h_0_out … (B, n)           │
             X ── activation, combination (where there is one), unstandardise ── Y (T, B, O) raw

The recurrence is ONNX's LSTM, GRU or RNN where that operator is exactly the cell, in float32, and
else a Scan of the same nodes as in the step graph: for float64, for an elstm, and for an lstm that
lacks a gate. `describe` says which.

The names of inputs and outputs are a promise; T and B are free at each call, but for 0, at which
onnxruntime's GRU brings the process down:

=====================  ================  =========================================================
input                  shape             meaning
=====================  ================  =========================================================
``X``                  (time, batch, I)  raw rows
``h_0``, ``c_0`` …     (batch, n)        the states before them; default: at export (1, n)
=====================  ================  =========================================================

=====================  ================  =========================================================
output                 shape             meaning
=====================  ================  =========================================================
``Y``                  (time, batch, O)  the forecasts, in the target's units or probabilities
``h_0_out`` …          (batch, n)        the states after the last row
=====================  ================  =========================================================

Of several networks, names begin as in the step graph.
"""

from numpy.typing import DTypeLike

from . import ends, layers, operators
from .graph import Graph, Values
from .snapshot import Networks, Snapshot


def sequence_graph(numbers: Networks, dtype: DTypeLike, stored: str = "") -> Graph:
    """Draw the graph of a forward pass over a sequence with the learner's present numbers."""
    spec = numbers.spec
    g = Graph("sequence", dtype, stored)
    X = g.input("X", ("time", "batch", spec.input_size))
    y, after = ends.of_all(g, numbers, lambda one, states: _forward(g, one, X, states))
    time_and_batch = g.op("Shape", X, start=0, end=2)
    shape = g.op("Concat", time_and_batch, g.integers(-1), axis=0)
    g.output("Y", g.op("Reshape", y, shape), ("time", "batch", spec.output_size))
    ends.put_out(g, numbers, after)
    return g


def _forward(g: Graph, numbers: Snapshot, X: str, states: Values) -> tuple[str, Values]:
    """What a network says (T B, O) of rows X (T, B, I), and its states after the last."""
    U = ends.scaled(g, numbers, X, 2)
    batch = g.op("Shape", X, start=1, end=2)
    if operators.operator_of(numbers.spec, g.dtype) is None:
        H, after = _scan(g, numbers, U, _spread(g, states, batch, g.integers(1)))
    else:
        spread = _spread(g, states, g.integers(1), batch, g.integers(1))
        H, after = operators.over_time(g, numbers, U, spread)
    # To all rows at once the readout is one product.
    h, u, x = (g.op("Flatten", value, axis=2) for value in (H, U, X))
    return ends.forecast(g, numbers, h, u, x), after


def _spread(g: Graph, states: Values, *shape: str) -> dict[str, str]:
    """The states for all streams, where one row is given for all: they fill that shape."""
    wanted = g.op("Concat", *shape, axis=0)
    return {name: g.op("Expand", value, wanted) for name, value in states.items()}


def _scan(g: Graph, numbers: Snapshot, U: str, states: Values) -> tuple[str, dict[str, str]]:
    weights = layers.stored(g, numbers)

    def step(row: Graph, before: dict[str, str], u: str) -> tuple[dict[str, str], str]:
        h, after = layers.advance(row, numbers.spec, weights, u, before)
        return {name: after[name] for name in before}, h

    after, H = g.scan(step, states, U)
    return H, after
