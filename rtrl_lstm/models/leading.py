"""A recurrent state ahead of a learner's: it has taken rows that the learner has not yet."""

from __future__ import annotations

import copy

import numpy as np

from rtrl_lstm.cells import gates_of
from rtrl_lstm.fields import Array
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import Spec


class Leading:
    """Forecasts with a state of its own, and with the weights and scaling of a learner.

    Args:
        learner: of horizon 0. The state begins where that of the learner stands.
    """

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._bind()
        self._state = [array.copy() for array in self._arrays]

    def step(self, x: list[float], reset: bool) -> list[float]:
        """What the learner would say at this row if it stood here; the state moves on.

        Args:
            x: (input_size,) inputs.
            reset: whether a new sequence begins with the row.
        """
        self._take_over()
        if reset:
            self._copy.reset()
        said: list[float] = self._copy.step(np.array(x)).tolist()
        for kept, array in zip(self._state, self._arrays, strict=True):
            kept[:] = array
        return said

    def at_its_place(self) -> Learner:
        """A copy of the learner that stands where this state does; it learns nothing."""
        self._take_over()
        return self._copy.frozen()

    def to_json(self) -> list[list[float]]:
        """The state, as plain JSON."""
        return [kept.tolist() for kept in self._state]

    def restore(self, saved: list[list[float]]) -> None:
        """Go back to what `to_json` gave. Raises ValueError where it does not fit the learner."""
        state = [np.array(kept, self._state[0].dtype) for kept in saved]
        if [kept.shape for kept in state] != [kept.shape for kept in self._state]:
            raise ValueError("the leading state has another size than the learner")
        self._state = state

    def __getstate__(self) -> tuple[Learner, list[Array]]:
        return self._learner, self._state

    def __setstate__(self, state: tuple[Learner, list[Array]]) -> None:
        self._learner, self._state = state
        self._bind()

    def _bind(self) -> None:
        """Take a copy of the learner to work on; its layout is the same until it grows."""
        self._copy = copy.copy(self._learner)
        layout, block = self._copy.layout, self._copy.block
        self._arrays = [layout.view(block, name) for name in _names(self._copy.spec)]

    def _take_over(self) -> None:
        """Become what the learner is now, but for the state."""
        self._learner.finish()
        if self._copy.spec is self._learner.spec:
            self._copy.block[:] = self._learner.block
        else:
            self._bind()
        for kept, array in zip(self._state, self._arrays, strict=True):
            array[:] = kept


def _names(spec: Spec) -> list[str]:
    """The arrays that a row leaves to the next one."""
    parts = ["h", "s"]
    if spec.gate_recurrence != "none":
        parts += [f"{gate}.gate" for gate in gates_of(spec)]
    return [f"layer{number}.{part}" for number in range(spec.num_layers) for part in parts]
