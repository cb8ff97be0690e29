"""The state of a step graph going round inside onnxruntime, from output back to input."""

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .errors import GraphFileError

Array = NDArray[np.floating]


class Loop:
    """A session with everything bound in place: no dict, no allocation and no copy per step.

    Two banks of state take turns: what one step writes is what the next one reads. On a GPU the
    state stays there. Takes a third off the time of ``InferenceSession.run`` on the CPU.

    Parameters
    ----------
    runtime : onnxruntime.InferenceSession
        Of a step graph whose states have no initialiser: onnxruntime binds no others.
    state : dict of name -> array of shape (B, n)
        Where to begin.
    input_size, output_size : int
        I and O.

    Attributes
    ----------
    x : array of shape (B, I)
        To be written before each `advance`.
    y : array of shape (B, O)
        To be read after it.
    """

    def __init__(
        self,
        runtime: ort.InferenceSession,
        state: dict[str, Array],
        input_size: int,
        output_size: int,
    ) -> None:
        self._runtime = runtime
        self._names = list(state)
        self._device = "cuda" if "CUDA" in runtime.get_providers()[0] else "cpu"
        first = next(iter(state.values()))
        self.x: Array = np.zeros((len(first), input_size), first.dtype)
        self.y: Array = np.zeros((len(first), output_size), first.dtype)
        # onnxruntime uses the memory of an array on the CPU as it is: it must be ours alone.
        banks = [
            [ort.OrtValue.ortvalue_from_numpy(v.copy(), self._device) for v in state.values()]
            for _ in range(2)
        ]
        self._here, self._there = banks
        self._turn, self._next_turn = self._bind(*banks), self._bind(*banks[::-1])

    @property
    def state(self) -> dict[str, Array]:
        """The state after the last step, a copy."""
        return {name: value.numpy() for name, value in zip(self._names, self._here, strict=True)}

    def advance(self) -> None:
        """One step: x and the state make y and the next state."""
        if self._device != "cpu":
            self._turn.bind_cpu_input("x", self.x)
        try:
            self._runtime.run_with_iobinding(self._turn)
        # Its exceptions have no common class of their own.
        except Exception as error:
            raise GraphFileError(f"onnxruntime does not run the graph: {error}") from error
        self._turn, self._next_turn = self._next_turn, self._turn
        self._here, self._there = self._there, self._here

    def rows(self, X: Array) -> Array:
        """Many steps: X (T, B, I), and Y (T, B, O) is returned."""
        Y: Array = np.empty((*X.shape[:2], self.y.shape[1]), self.y.dtype)
        for t, x in enumerate(X):
            self.x[:] = x
            self.advance()
            Y[t] = self.y
        return Y

    def _bind(self, before: list[ort.OrtValue], after: list[ort.OrtValue]) -> ort.IOBinding:
        binding = self._runtime.io_binding()
        binding.bind_input("x", "cpu", 0, self.x.dtype, self.x.shape, self.x.ctypes.data)
        binding.bind_output("y", "cpu", 0, self.y.dtype, self.y.shape, self.y.ctypes.data)
        for name, old, new in zip(self._names, before, after, strict=True):
            binding.bind_ortvalue_input(name, old)
            binding.bind_ortvalue_output(f"{name}_out", new)
        return binding
