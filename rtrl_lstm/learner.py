"""Learner: one row at a time, prediction before learning."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from rtrl_lstm import refused
from rtrl_lstm.core import Core
from rtrl_lstm.fields import Array
from rtrl_lstm.kernels import entries, slots
from rtrl_lstm.spec import Spec
from rtrl_lstm.unknown import refuse_unknown


class Learner(Core):
    """A recurrent network that learns one row at a time, in constant time and memory.

    Args:
        input_size: numbers in a row of input, I.
        hidden_size: units, n.
        output_size: outputs, O.
        threads: at most so many work at a row, see `Learner.threads`.
        **options: the other fields of `Spec`, by name.

    Example:
        >>> net = Learner(input_size=3, hidden_size=8)
        >>> y_hat = net.step([0.1, 0.2, 0.3], 0.5)  # what it said before it saw 0.5
        >>> y_hat.shape
        (1,)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 32,
        output_size: int = 1,
        *,
        threads: int = 1,
        **options: Any,
    ) -> None:
        if options.get("horizon"):
            raise ValueError("a Learner has no horizon; use Forecaster(horizon=...)")
        refuse_unknown(options)
        super().__init__(Spec(input_size, hidden_size, output_size, **options))
        self.threads = threads

    def predict(self, x: ArrayLike) -> Array:
        """What `step(x)` would say if nothing were dropped, (output_size,); changes nothing."""
        return self._peeking().step(x)

    def learn(self, y: Any, weight: float = 1.0) -> None:
        """The label of the last step, arriving late.

        Raises:
            RuntimeError: there is no step that waits for a label.
            ValueError: y cannot be taken; nothing has changed.
        """
        if not self._head[slots.H_AWAITS]:
            raise RuntimeError("no step waits for a label: learn(y) belongs after a step without y")
        self._set_label(y)
        self._set_weight(weight)
        code = self._do(entries.LEARN)
        if code > 0:
            raise ValueError(f"weight is {weight}: it must be finite and not negative")
        if code:
            raise ValueError(refused.label(self.spec, code, self._label))
