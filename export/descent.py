"""Optimisers as nodes: every weight of a group takes its step. As `kernels/optimisers.py`.

A learner of the batch that has nothing to learn from, `learned` (B, 1) being 0, keeps its weights
and moments to the bit. That costs nothing: it lies in factors (B, 1, 1), not in a choice for each
weight.
"""

from typing import NamedTuple

from rtrl_lstm.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    ClipNorm,
    ClipValue,
    Momentum,
    ObGD,
    RMSprop,
)
from rtrl_lstm.spec import Spec

from . import credit
from .graph import Graph, Values
from .partials import times


class Gradient(NamedTuple):
    """dL/dW as a product: vector (B, 1, R) times matrix (B, D, R) or (B, D, 1); "" counts as 1."""

    vector: str
    matrix: str

    def full(self, g: Graph) -> str:
        """(B, D, R)."""
        return g.op("Mul", self.vector, self.matrix) if self.vector else self.matrix


class Numbers(NamedTuple):
    """An optimiser's numbers for one step, (B, 1, 1) each; "" where it has none.

    Attributes:
        step: the step size, bias correction included; 0 where nothing is learned.
        learned: 1 or 0.
        correction: Adam's 1 / sqrt(1 - beta2^t).
        keep: 1 minus AdamW's rate times weight decay.
    """

    step: str
    learned: str
    correction: str = ""
    keep: str = ""


def begin(
    g: Graph, spec: Spec, counters: Values, rate: str, learned: str
) -> tuple[Numbers, dict[str, str]]:
    """The numbers of this step, and the optimiser's counters after it.

    `counters` are wide (B, 1), rate and learned (B, 1) of the graph's dtype.
    """
    wide = g.widened(learned)
    after = {"updates": g.op("Add", counters["updates"], wide)}
    axis = g.integers(2)
    third = g.op("Unsqueeze", learned, axis)
    if not isinstance(spec.optimizer, Adam | AdamW):
        return Numbers(g.op("Unsqueeze", g.op("Mul", rate, learned), axis), third), after
    one = g.constant(1.0, wide=True)
    moved = g.op("Greater", wide, g.constant(0.0, wide=True))
    rests = []
    for name, beta in (("power1", spec.optimizer.beta1), ("power2", spec.optimizer.beta2)):
        power = g.op("Mul", counters[name], g.constant(beta, wide=True))
        after[name] = g.op("Where", moved, power, counters[name])
        rests.append(g.op("Where", moved, g.op("Sub", one, power), one))
    rate = g.op("Mul", g.widened(rate), wide)
    step = g.narrowed(g.op("Div", rate, rests[0]))
    correction = g.narrowed(g.op("Div", one, g.op("Sqrt", rests[1])))
    keep = ""
    if isinstance(spec.optimizer, AdamW):
        shrink = g.op("Mul", rate, g.constant(spec.optimizer.weight_decay, wide=True))
        keep = g.op("Unsqueeze", g.narrowed(g.op("Sub", one, shrink)), axis)
    step, correction = (g.op("Unsqueeze", value, axis) for value in (step, correction))
    return Numbers(step, third, correction, keep), after


def descend(
    g: Graph, spec: Spec, weight: str, moments: list[str], gradient: Gradient, numbers: Numbers
) -> tuple[str, list[str]]:
    """A group's weights (B, D, R) and moments after one step."""
    match spec.optimizer:
        case SGD() | ObGD():
            if gradient.vector:  # the step size goes to the smaller factor
                gradient = Gradient(g.op("Mul", gradient.vector, numbers.step), gradient.matrix)
                return g.op("Sub", weight, gradient.full(g)), []
            direction, moments = gradient.matrix, []
        case Momentum(momentum):
            # Where nothing is learned the gradient is 0, and the factor 1.
            friction = g.op("Mul", g.constant(1.0 - momentum), numbers.learned)
            kept = g.op("Sub", moments[0], g.op("Mul", friction, moments[0]))
            direction = g.op("Add", kept, gradient.full(g))
            moments = [direction]
        case RMSprop(alpha, eps):
            found = gradient.full(g)
            v = _average(g, moments[0], 1.0 - alpha, g.op("Mul", found, found), numbers)
            direction, moments = _scaled(g, found, g.op("Sqrt", v), eps), [v]
        case AdaGrad(eps):
            found = gradient.full(g)
            v = g.op("Add", moments[0], g.op("Mul", found, found))
            direction, moments = _scaled(g, found, g.op("Sqrt", v), eps), [v]
        case Adam() | AdamW() as adam:
            found = gradient.full(g)
            m = _average(g, moments[0], 1.0 - adam.beta1, found, numbers)
            v = _average(g, moments[1], 1.0 - adam.beta2, g.op("Mul", found, found), numbers)
            root = g.op("Mul", g.op("Sqrt", v), numbers.correction)
            direction, moments = _scaled(g, m, root, adam.eps), [m, v]
            if numbers.keep:
                weight = g.op("Mul", weight, numbers.keep)
        case _:
            raise ValueError(f"no graph is known for the optimizer {spec.optimizer!r}")
    return g.op("Sub", weight, g.op("Mul", numbers.step, direction)), moments


def shortened(
    g: Graph, kappa: float, gradients: dict[str, Gradient], slope: str, step: str
) -> dict[str, Gradient]:
    """ObGD's gradients (Elsayed et al. 2024): shorter where the step would overshoot the label.

    `slope` is dL/da (B, O), `step` the step size (B, 1, 1).
    """
    size = ""
    for gradient in gradients.values():
        found = g.op("ReduceL1", gradient.full(g), axes=[1, 2])
        size = g.op("Add", size, found) if size else found
    delta = g.op("Unsqueeze", g.op("ReduceL1", slope, axes=[1]), g.integers(2))
    none = g.op("Equal", delta, g.constant(0.0))
    size = g.op("Div", size, g.op("Where", none, g.constant(1.0), delta))
    reach = g.op("Mul", g.op("Mul", step, g.constant(kappa)), size)
    reach = g.op("Mul", reach, g.op("Max", delta, g.constant(1.0)))
    scale = g.op("Div", g.constant(1.0), g.op("Max", reach, g.constant(1.0)))
    return {
        name: Gradient(times(g, gradient.vector, scale), gradient.matrix)
        for name, gradient in gradients.items()
    }


def bounded(g: Graph, spec: Spec, gradients: dict[str, Gradient]) -> dict[str, Gradient]:
    """The gradients of all groups, clipped as the spec says."""
    match spec.clip:
        case ClipNorm(limit):
            full = {name: gradient.full(g) for name, gradient in gradients.items()}
            squares = [g.op("ReduceSumSquare", value, axes=[1, 2]) for value in full.values()]
            norm = squares[0]
            for square in squares[1:]:
                norm = g.op("Add", norm, square)
            bound = g.constant(limit)
            scale = g.op("Div", bound, g.op("Max", g.op("Sqrt", norm), bound))
            return {name: Gradient(scale, value) for name, value in full.items()}
        case ClipValue():
            return {
                name: Gradient("", credit.clipped(g, gradient.full(g), spec.clip))
                for name, gradient in gradients.items()
            }
    return gradients


def _average(g: Graph, moment: str, share: float, value: str, numbers: Numbers) -> str:
    """A running average that moves by `share` of the way to a value, where something is learned."""
    part = g.op("Mul", g.constant(share), numbers.learned)
    return g.op("Add", moment, g.op("Mul", part, g.op("Sub", value, moment)))


def _scaled(g: Graph, gradient: str, root: str, eps: float) -> str:
    return g.op("Div", gradient, g.op("Add", root, g.constant(eps)))
