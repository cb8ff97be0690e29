"""Optimisers, clips and schedules: the parts of a `Spec` that have numbers of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rtrl_lstm.checks import require, require_count, require_fraction, require_positive


@dataclass(frozen=True)
class SGD:
    """w -= rate * g."""

    name: ClassVar[str] = "sgd"
    moments: ClassVar[int] = 0


@dataclass(frozen=True)
class Momentum:
    """v = momentum * v + g; w -= rate * v (PyTorch's SGD with momentum)."""

    momentum: float = 0.9
    name: ClassVar[str] = "momentum"
    moments: ClassVar[int] = 1

    def __post_init__(self) -> None:
        require_fraction(self, "momentum")


@dataclass(frozen=True)
class RMSprop:
    """v = alpha * v + (1 - alpha) * g^2; w -= rate * g / (sqrt(v) + eps)."""

    alpha: float = 0.99
    eps: float = 1e-8
    name: ClassVar[str] = "rmsprop"
    moments: ClassVar[int] = 1

    def __post_init__(self) -> None:
        require_fraction(self, "alpha")
        require_positive(self, "eps")


@dataclass(frozen=True)
class AdaGrad:
    """v += g^2; w -= rate * g / (sqrt(v) + eps)."""

    eps: float = 1e-10
    name: ClassVar[str] = "adagrad"
    moments: ClassVar[int] = 1

    def __post_init__(self) -> None:
        require_positive(self, "eps")


@dataclass(frozen=True)
class Adam:
    """Kingma & Ba 2015, as PyTorch writes it: eps is added to the corrected sqrt(v)."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    name: ClassVar[str] = "adam"
    moments: ClassVar[int] = 2

    def __post_init__(self) -> None:
        require_fraction(self, "beta1", "beta2")
        require_positive(self, "eps")


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): w -= rate * decay * w first."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01
    name: ClassVar[str] = "adamw"
    moments: ClassVar[int] = 2

    def __post_init__(self) -> None:
        require_fraction(self, "beta1", "beta2", "weight_decay")
        require_positive(self, "eps")


@dataclass(frozen=True)
class ObGD:
    """Overshooting-bounded gradient descent (Elsayed et al. 2024), for one label at a time.

    With g the gradient, d the sum of |dL/dy| over the outputs and M = rate kappa max(d, 1) |g|_1/d,
    w -= rate / max(M, 1) * g: no update goes past the label, whatever the rate. The sum over all
    weights costs a sweep of them.
    """

    kappa: float = 2.0
    name: ClassVar[str] = "obgd"
    moments: ClassVar[int] = 0

    def __post_init__(self) -> None:
        require_positive(self, "kappa")


Optimizer = SGD | Momentum | RMSprop | AdaGrad | Adam | AdamW | ObGD
OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind for kind in (SGD, Momentum, RMSprop, AdaGrad, Adam, AdamW, ObGD)
}


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How the learning rate changes: it is multiplied by a factor of t.

    t counts the optimiser's steps from 0. In the first `warmup` of them the factor is multiplied
    by (t + 1) / warmup. With `restart`, t starts anew at each `reset()`.
    """

    warmup: int = 0
    restart: bool = False
    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        require_count(self, "warmup", 0)
        require(isinstance(self.restart, bool), "restart must be True or False")

    @property
    def numbers(self) -> tuple[float, float]:
        """The two numbers that a kernel needs."""
        raise NotImplementedError


@dataclass(frozen=True)
class Exponential(Schedule):
    """gamma ** t, with 0 < gamma <= 1."""

    gamma: float = 1.0
    name: ClassVar[str] = "exponential"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "gamma")
        require(self.gamma <= 1, f"gamma must be at most 1, not {self.gamma!r}")

    @property
    def numbers(self) -> tuple[float, float]:
        return self.gamma, 0.0


@dataclass(frozen=True)
class InverseTime(Schedule):
    """(1 + t / tau) ** -power: 1 / t with power 1, 1 / sqrt(t) with power 0.5."""

    tau: float = 1.0
    power: float = 1.0
    name: ClassVar[str] = "inverse_time"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "tau", "power")

    @property
    def numbers(self) -> tuple[float, float]:
        return self.tau, self.power


@dataclass(frozen=True)
class Linear(Schedule):
    """From 1 straight to `final` at t = steps, and `final` from there on."""

    steps: int = 1
    final: float = 0.0
    name: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self, "steps", 1)
        require_fraction(self, "final")

    @property
    def numbers(self) -> tuple[float, float]:
        return float(self.steps), self.final


@dataclass(frozen=True)
class Cosine(Linear):
    """From 1 to `final` at t = steps along half a cosine, and `final` from there on."""

    name: ClassVar[str] = "cosine"


SCHEDULES: dict[str, type[Schedule]] = {
    kind.name: kind for kind in (Exponential, InverseTime, Linear, Cosine)
}


@dataclass(frozen=True)
class Clip:
    """A bound on the gradient; `limit` is positive."""

    limit: float
    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        require_positive(self, "limit")


@dataclass(frozen=True)
class ClipNorm(Clip):
    """All gradients together are scaled down to a norm of `limit`; costs a sweep of the weights."""

    name: ClassVar[str] = "norm"


@dataclass(frozen=True)
class ClipValue(Clip):
    """Every number of the gradient is cut to [-limit, limit]; costs a sweep of the weights."""

    name: ClassVar[str] = "value"


@dataclass(frozen=True)
class ClipCredit(Clip):
    """dL/dy of each output is cut to [-limit, limit]. Costs nothing.

    With `scale_target` the unit is the target's running standard deviation.
    """

    name: ClassVar[str] = "credit"


CLIPS: dict[str, type[Clip]] = {kind.name: kind for kind in (ClipNorm, ClipValue, ClipCredit)}
