"""How the learning rate changes with the optimiser's steps, as nodes in float64.

As `rtrl_lstm.optimizers.Schedule` and its kinds say, and the engine's `kernels/optimisers.py` does.
"""

import math

from rtrl_lstm.optimizers import Cosine, Exponential, InverseTime, Linear, Schedule

from .graph import Graph


def factor(g: Graph, schedule: Schedule, t: str) -> str:
    """What the rate is multiplied by at step t (B, 1), counted from 0; both wide."""
    found = _shape(g, schedule, t)
    if schedule.warmup:
        grown = _times(g, 1.0 / schedule.warmup, g.op("Add", t, _number(g, 1.0)))
        found = g.op("Mul", found, g.op("Min", grown, _number(g, 1.0)))
    return found


def _shape(g: Graph, schedule: Schedule, t: str) -> str:
    match schedule:
        case Exponential():
            return g.op("Pow", _number(g, schedule.gamma), t)
        case InverseTime():
            grown = g.op("Add", _times(g, 1.0 / schedule.tau, t), _number(g, 1.0))
            return g.op("Pow", grown, _number(g, -schedule.power))
        case Linear():  # and Cosine, which is one
            done = g.op("Min", g.op("Div", t, _number(g, schedule.steps)), _number(g, 1.0))
            if isinstance(schedule, Cosine):
                up = g.op("Add", g.op("Cos", _times(g, math.pi, done)), _number(g, 1.0))
                left = _times(g, 0.5, up)
            else:
                left = g.op("Sub", _number(g, 1.0), done)
            return g.op("Add", _times(g, 1.0 - schedule.final, left), _number(g, schedule.final))
    raise ValueError(f"no graph is known for the schedule {schedule!r}")


def _number(g: Graph, value: float) -> str:
    return g.constant(value, wide=True)


def _times(g: Graph, number: float, value: str) -> str:
    return g.op("Mul", _number(g, number), value)
