"""Losses on the readout's sums ``a``: the forecast they imply, their value, and dL/da.

Each class has three methods on arrays of one row:
  forecast(a)     what the learner says, of a's shape (before a scaled target is scaled back)
  value(a, y)     the loss of each output: (O,), summed by whoever wants one number
  gradient(a, y)  dL/da: (O,)
``y`` has the shape that ``labels`` names: "each" one number per output, "one" a single number for
all outputs, "class" the index of the true class.
"""

import numpy as np

from .cell import Array, sigmoid


class SquaredError:
    """L = (a - y)^2 / 2."""

    labels = "each"

    def forecast(self, a: Array) -> Array:
        return a

    def value(self, a: Array, y: Array) -> Array:
        return 0.5 * (a - y) ** 2

    def gradient(self, a: Array, y: Array) -> Array:
        return a - y


class AbsoluteError:
    """L = |a - y|."""

    labels = "each"

    def forecast(self, a: Array) -> Array:
        return a

    def value(self, a: Array, y: Array) -> Array:
        return np.abs(a - y)

    def gradient(self, a: Array, y: Array) -> Array:
        return np.sign(a - y)


class Huber:
    """L = r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2), with r = a - y (Huber 1964)."""

    labels = "each"

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def forecast(self, a: Array) -> Array:
        return a

    def value(self, a: Array, y: Array) -> Array:
        r = np.abs(a - y)
        return np.where(r <= self.delta, 0.5 * r**2, self.delta * (r - 0.5 * self.delta))

    def gradient(self, a: Array, y: Array) -> Array:
        return np.clip(a - y, -self.delta, self.delta)


class Quantile:
    """L_q = max(q (y - a_q), (q - 1) (y - a_q)): the pinball loss (Koenker and Bassett 1978).

    There is one output per quantile, and all have the same label.
    """

    labels = "one"

    def __init__(self, quantiles: tuple[float, ...]) -> None:
        self.quantiles = np.array(quantiles)

    def forecast(self, a: Array) -> Array:
        return a

    def value(self, a: Array, y: Array) -> Array:
        r = y - a
        return np.maximum(self.quantiles * r, (self.quantiles - 1.0) * r)

    def gradient(self, a: Array, y: Array) -> Array:
        return np.where(y > a, -self.quantiles, np.where(y < a, 1.0 - self.quantiles, 0.0))


class ThroughSigmoid:
    """Another loss of y_hat = sigmoid(a), for targets between 0 and 1."""

    def __init__(self, loss) -> None:
        self.loss = loss
        self.labels = loss.labels

    def forecast(self, a: Array) -> Array:
        return sigmoid(a)

    def value(self, a: Array, y: Array) -> Array:
        return self.loss.value(sigmoid(a), y)

    def gradient(self, a: Array, y: Array) -> Array:
        y_hat = sigmoid(a)
        return self.loss.gradient(y_hat, y) * y_hat * (1.0 - y_hat)


class Poisson:
    """L = e^a - y a: the negative log likelihood of a count y with mean e^a, but for a constant."""

    labels = "each"

    def forecast(self, a: Array) -> Array:
        return np.exp(a)

    def value(self, a: Array, y: Array) -> Array:
        return np.exp(a) - y * a

    def gradient(self, a: Array, y: Array) -> Array:
        return np.exp(a) - y


class LogLoss:
    """L = log(1 + e^a) - y a: the negative log likelihood of y in {0, 1} with chance sigmoid(a)."""

    labels = "each"

    def forecast(self, a: Array) -> Array:
        return sigmoid(a)

    def value(self, a: Array, y: Array) -> Array:
        return np.logaddexp(0.0, a) - y * a

    def gradient(self, a: Array, y: Array) -> Array:
        return sigmoid(a) - y


class CrossEntropy:
    """L = log(sum_k e^{a_k}) - a_y: the negative log likelihood of class y with chances softmax(a).

    The loss of the row is put at output y; the others have none of it.
    """

    labels = "class"

    def forecast(self, a: Array) -> Array:
        e = np.exp(a - a.max())
        return e / e.sum()

    def value(self, a: Array, y: Array) -> Array:
        return self._one_hot(a, y) * (np.logaddexp.reduce(a) - a)

    def gradient(self, a: Array, y: Array) -> Array:
        return self.forecast(a) - self._one_hot(a, y)

    @staticmethod
    def _one_hot(a: Array, y: Array) -> Array:
        return (np.arange(a.size) == int(y)).astype(float)
