"""Optimisers, each as PyTorch defines it (torch.optim, version 2), one named array at a time.

``step(name, w, g, learning_rate)`` gives the new value of the array called ``name``. What an
optimiser remembers lies in ``moments[kind][name]``, zero where nothing was remembered yet.
``count`` is the number of learning steps, the one under way included; the learner raises it before
it asks for the first array.
"""

from collections import defaultdict

import numpy as np

from .cell import Array

Moments = defaultdict[str, dict[str, Array]]


class Optimiser:
    """w -= learning_rate * direction(g)."""

    kinds: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.count = 0
        self.moments: Moments = defaultdict(dict)

    def step(self, name: str, w: Array, g: Array, learning_rate: float) -> Array:
        return w - learning_rate * self.direction(name, g)

    def direction(self, name: str, g: Array) -> Array:
        raise NotImplementedError

    def bound(self, gradients: dict[str, Array], learning_rate: float, delta: float) -> float:
        """What a step of all gradients together is shortened by; delta is sum |dL/da|."""
        return 1.0

    def _remembered(self, kind: str, name: str, g: Array) -> Array:
        return self.moments[kind].get(name, np.zeros_like(g))


class SGD(Optimiser):
    """Plain gradient descent."""

    def direction(self, name: str, g: Array) -> Array:
        return g


class ObGD(SGD):
    """Overshooting-bounded gradient descent (Elsayed et al. 2024, without eligibility traces).

    Their z is the gradient of the prediction, g / delta, and their alpha the learning rate.
    """

    def __init__(self, kappa: float = 2.0) -> None:
        super().__init__()
        self.kappa = kappa

    def bound(self, gradients: dict[str, Array], learning_rate: float, delta: float) -> float:
        if delta == 0.0:
            return 1.0
        z = np.concatenate([g.ravel() for g in gradients.values()]) / delta
        M = learning_rate * self.kappa * max(delta, 1.0) * np.abs(z).sum()
        return min(1.0, 1.0 / M) if M > 0 else 1.0


class Momentum(Optimiser):
    """v_t = mu v_{t-1} + g (Polyak's heavy ball, as torch.optim.SGD(momentum=mu))."""

    kinds = ("v",)

    def __init__(self, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = momentum

    def direction(self, name: str, g: Array) -> Array:
        v = self.momentum * self._remembered("v", name, g) + g
        self.moments["v"][name] = v
        return v


class RMSprop(Optimiser):
    """v_t = alpha v_{t-1} + (1 - alpha) g^2, direction g / (sqrt(v_t) + eps) (Hinton 2012)."""

    kinds = ("v",)

    def __init__(self, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__()
        self.alpha, self.eps = alpha, eps

    def direction(self, name: str, g: Array) -> Array:
        v = self.alpha * self._remembered("v", name, g) + (1.0 - self.alpha) * g**2
        self.moments["v"][name] = v
        return g / (np.sqrt(v) + self.eps)


class AdaGrad(Optimiser):
    """v_t = v_{t-1} + g^2, direction g / (sqrt(v_t) + eps) (Duchi, Hazan and Singer 2011)."""

    kinds = ("v",)

    def __init__(self, eps: float = 1e-10) -> None:
        super().__init__()
        self.eps = eps

    def direction(self, name: str, g: Array) -> Array:
        v = self._remembered("v", name, g) + g**2
        self.moments["v"][name] = v
        return g / (np.sqrt(v) + self.eps)


class Adam(Optimiser):
    """Kingma and Ba 2015: both moments corrected for their start at zero."""

    kinds = ("m", "v")

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        super().__init__()
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def direction(self, name: str, g: Array) -> Array:
        m = self.beta1 * self._remembered("m", name, g) + (1.0 - self.beta1) * g
        v = self.beta2 * self._remembered("v", name, g) + (1.0 - self.beta2) * g**2
        self.moments["m"][name], self.moments["v"][name] = m, v
        m_hat = m / (1.0 - self.beta1**self.count)
        v_hat = v / (1.0 - self.beta2**self.count)
        return m_hat / (np.sqrt(v_hat) + self.eps)


class AdamW(Adam):
    """Adam on weights that decay first, by learning_rate weight_decay (Loshchilov, Hutter 2019)."""

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(beta1, beta2, eps)
        self.weight_decay = weight_decay

    def step(self, name: str, w: Array, g: Array, learning_rate: float) -> Array:
        return super().step(name, w * (1.0 - learning_rate * self.weight_decay), g, learning_rate)
