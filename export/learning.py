"""What a label teaches, as nodes: traces, credit, gradients, and the step of every weight.

::

    E  = decay E' + inject u                  traces of the rows that move the state (B, D, R)
    c  = V' dL/da                             credit of the top layer's h (B, n)
    c  = sum over rows of W_x' dL/dz          of a layer below, through this step alone
    dW = c dh/ds E  or  c dh/dz u             the gradient

As in the engine's `kernels/layers.py`: truncated real-time recurrent learning.
"""

from rtrl_lstm.optimizers import ObGD
from rtrl_lstm.spec import Spec

from . import descent, plan
from .descent import Gradient
from .forward import LayerPass, Pass
from .graph import Graph, Values
from .partials import times
from .plan import Group


def traced(g: Graph, numbers: Values, passed: Pass, keep: str, started: str = "") -> dict[str, str]:
    """All traces after a step.

    `keep` and `started` are (B, 1): 0 for a learner whose sequence begins here, and for one that
    has not begun at all ("" where all have).
    """
    found = {}
    for layer in passed.layers:
        decay = times(g, layer.cell.decay, keep)
        for group in layer.groups:
            if group.traced:
                name = f"{group.name}.trace"
                # Without a decay of its own, a trace's is (B, 1): the same for all units.
                kept = g.concat([decay] * len(group.rows), 1) if layer.cell.decay else keep
                inject = g.concat([layer.cell.inject[row.gate] for row in group.rows], 1)
                inject = times(g, inject, started)
                kept, inject = (g.op("Unsqueeze", v, g.integers(1)) for v in (kept, inject))
                added = g.op("Mul", inject, layer.seen[group.name].column)
                found[name] = g.op("Add", g.op("Mul", kept, numbers[name]), added)
    return found


def gradients(
    g: Graph, spec: Spec, weights: Values, traces: Values, passed: Pass, slope: str
) -> dict[str, Gradient]:
    """dL/dW of every group from dL/da (B, O)."""
    dy = g.op("Unsqueeze", slope, g.integers(1))
    found = {"readout": Gradient(dy, passed.seen.column)}
    credit = _through_readout(g, spec, weights, slope)
    for k, layer in reversed(list(enumerate(passed.layers))):
        if spec.proj_size:
            name = layer.groups[-1].name
            column = layer.seen[name].column
            found[name] = Gradient(g.op("Unsqueeze", credit, g.integers(1)), column)
            dh = g.op("Unsqueeze", credit, g.integers(2))
            credit = g.op("MatMul", weights[f"{name}.weight"], dh)
            credit = g.op("Squeeze", credit, g.integers(2))
        through_state = times(g, credit, layer.cell.dh_ds)
        for group in layer.groups:
            if group.rows:
                found[group.name] = _gradient(g, traces, layer, group, credit, through_state)
        if k > 0:
            credit = _credit_below(g, weights, layer, credit, through_state)
    return found


def summed(g: Graph, numbers: Values, gradients: dict[str, Gradient], keep: str) -> dict[str, str]:
    """The sums of gradients over the sequence, `keep` (B, 1) being 0 where one begins."""
    keep = g.op("Unsqueeze", keep, g.integers(2))
    found = {}
    for name, gradient in gradients.items():
        before = g.op("Mul", keep, numbers[f"{name}.sum"])
        found[f"{name}.sum"] = g.op("Add", before, gradient.full(g))
    return found


def updated(
    g: Graph,
    spec: Spec,
    numbers: Values,
    gradients: dict[str, Gradient],
    rate: str,
    learned: str,
    slope: str = "",
) -> dict[str, str]:
    """Weights, moments and the optimiser's counters after a step, where `learned` (B, 1) is 1.

    `slope` is dL/da (B, O) of the one label, which ObGD asks for.
    """
    assert not isinstance(spec.optimizer, str)  # a Spec makes an optimizer of a name
    step, found = descent.begin(g, spec, numbers, rate, learned)
    if isinstance(spec.optimizer, ObGD):
        gradients = descent.shortened(g, spec.optimizer.kappa, gradients, slope, step.step)
    for name, gradient in descent.bounded(g, spec, gradients).items():
        names = [f"{name}.moment{k + 1}" for k in range(spec.optimizer.moments)]
        weight = f"{name}.weight"
        moments = [numbers[moment] for moment in names]
        found[weight], after = descent.descend(g, spec, numbers[weight], moments, gradient, step)
        found |= zip(names, after, strict=True)
    return found


def _gradient(
    g: Graph, traces: Values, layer: LayerPass, group: Group, credit: str, through_state: str
) -> Gradient:
    gain = _gain(g, layer, group, credit, through_state)
    if not group.traced:
        gain = _by_block(g, group, gain)
    vector = g.op("Unsqueeze", gain, g.integers(1))
    if not group.traced:
        return Gradient(vector, layer.seen[group.name].column)
    found = Gradient(vector, traces[f"{group.name}.trace"])
    if group.cells == 1:
        return found
    return Gradient("", _by_block(g, group, found.full(g)))


def _by_block(g: Graph, group: Group, values: str) -> str:
    """The sum over a block's cells, of a value (…, R) with a column for each cell."""
    if group.cells == 1:
        return values
    parts = g.split(values, len(group.rows) * group.cells)
    sums = []
    for k in range(len(group.rows)):
        total, *others = parts[k * group.cells : (k + 1) * group.cells]
        for other in others:
            total = g.op("Add", total, other)
        sums.append(total)
    return g.concat(sums, -1)


def _gain(g: Graph, layer: LayerPass, group: Group, credit: str, through_state: str) -> str:
    """What a group's traces, or sources, are multiplied with: (B, R)."""
    if group.traced:
        return g.concat([through_state] * len(group.rows), 1)
    pushes = [times(g, credit, layer.cell.dh_dz[row.gate]) for row in group.rows]
    return g.concat(pushes, 1)


def _through_readout(g: Graph, spec: Spec, weights: Values, slope: str) -> str:
    group = plan.readout_of(spec)
    dy = g.op("Unsqueeze", slope, g.integers(2))
    credit = g.op("MatMul", weights["readout.weight"], dy)
    return _of_source(g, group, g.op("Squeeze", credit, g.integers(2)), "h")


def _credit_below(
    g: Graph, weights: Values, layer: LayerPass, credit: str, through_state: str
) -> str:
    """dL/dh (B, n) of the layer below."""
    total = ""
    for group in layer.groups:
        if "x" in group.sources:
            dz = _gain(g, layer, group, credit, through_state)
            if group.traced:
                inject = g.concat([layer.cell.inject[row.gate] for row in group.rows], 1)
                dz = g.op("Mul", dz, inject)
            dz = _by_block(g, group, dz)
            dz = g.op("Unsqueeze", dz, g.integers(2))
            below = g.op("MatMul", weights[f"{group.name}.weight"], dz)
            below = _of_source(g, group, g.op("Squeeze", below, g.integers(2)), "x")
            total = g.op("Add", total, below) if total else below
    return total


def _of_source(g: Graph, group: Group, values: str, source: str) -> str:
    """The columns (B, width) of one of a group's sources."""
    widths = group.sources
    start = 0
    for name, width in widths.items():
        if name == source:
            if width == sum(widths.values()):
                return values
            ends = g.integers(start), g.integers(start + width), g.integers(1)
            return g.op("Slice", values, *ends)
        start += width
    raise ValueError(f"{group.name} does not see {source}")
