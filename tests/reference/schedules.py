"""How a learning rate changes with the optimiser's steps: ``factor(t)`` of the step t, from 0."""

import math


class Schedule:
    """With a warm-up of W steps the factor of step t < W is multiplied by (t + 1) / W."""

    def __init__(self, warmup: int = 0, restart: bool = False) -> None:
        self.warmup, self.restart = warmup, restart

    def factor(self, t: int) -> float:
        warm = (t + 1) / self.warmup if t < self.warmup else 1.0
        return warm * self.shape(t)

    def shape(self, t: int) -> float:
        raise NotImplementedError


class Exponential(Schedule):
    def __init__(self, gamma: float, **more) -> None:
        super().__init__(**more)
        self.gamma = gamma

    def shape(self, t: int) -> float:
        return self.gamma**t


class InverseTime(Schedule):
    def __init__(self, tau: float, power: float, **more) -> None:
        super().__init__(**more)
        self.tau, self.power = tau, power

    def shape(self, t: int) -> float:
        return 1.0 / (1.0 + t / self.tau) ** self.power


class Linear(Schedule):
    def __init__(self, steps: int, final: float, **more) -> None:
        super().__init__(**more)
        self.steps, self.final = steps, final

    def shape(self, t: int) -> float:
        if t >= self.steps:
            return self.final
        return 1.0 + (self.final - 1.0) * t / self.steps


class Cosine(Linear):
    def shape(self, t: int) -> float:
        if t >= self.steps:
            return self.final
        half_way = 0.5 * (1.0 + self.final)
        return half_way + 0.5 * (1.0 - self.final) * math.cos(math.pi * t / self.steps)
