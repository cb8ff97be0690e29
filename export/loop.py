"""The state of a graph going round inside onnxruntime, from output back to input."""

from collections.abc import Mapping

import numpy as np
import onnxruntime as ort

from rtrl_lstm.fields import Array

from .errors import GraphFileError


class Loop:
    """A session with everything bound in place: no dict, no allocation and no copy per step.

    Two banks of state take turns: what one step writes is what the next one reads. On a GPU the
    state stays there, and so do the weights of a learner graph, which are part of it. Takes a third
    off the time of ``InferenceSession.run`` on the CPU.

    Args:
        runtime: of a step or learner graph whose states have no initialiser: onnxruntime binds no
            others.
        state: name -> (B, ...), where to begin.
        fed: name -> (B, k), what is fed at each row, the row itself first; the arrays become the
            loop's own.
        said: the name and width of the forecast.

    Attributes:
        fed: name -> array, to be written before each `advance`.
        x: (B, I) the row, one of them.
        y: (B, O) the forecast, to be read after it.
    """

    def __init__(
        self,
        runtime: ort.InferenceSession,
        state: Mapping[str, Array],
        fed: dict[str, Array],
        said: tuple[str, int],
    ) -> None:
        self._runtime = runtime
        self._names = list(state)
        self._device = "cuda" if "CUDA" in runtime.get_providers()[0] else "cpu"
        self.fed = fed
        self.x = next(iter(fed.values()))
        self._said = said[0]
        self.y: Array = np.zeros((len(self.x), said[1]), self.x.dtype)
        # onnxruntime uses the memory of an array on the CPU as it is: it must be ours alone.
        self._arrays = [[value.copy() for value in state.values()] for _ in range(2)]
        banks = [
            [ort.OrtValue.ortvalue_from_numpy(value, self._device) for value in arrays]
            for arrays in self._arrays
        ]
        self._here, self._there = banks
        self._turn, self._next_turn = self._bind(*banks), self._bind(*banks[::-1])

    @property
    def state(self) -> dict[str, Array]:
        """The state after the last step, a copy."""
        return {name: value.numpy() for name, value in zip(self._names, self._here, strict=True)}

    def advance(self) -> None:
        """One step: what is fed and the state make y and the next state."""
        if self._device != "cpu":
            for name, values in self.fed.items():
                self._turn.bind_cpu_input(name, values)
        try:
            self._runtime.run_with_iobinding(self._turn)
        # Its exceptions have no common class of their own.
        except Exception as error:
            raise GraphFileError(f"onnxruntime does not run the graph: {error}") from error
        self._turn, self._next_turn = self._next_turn, self._turn
        self._here, self._there = self._there, self._here
        self._arrays.reverse()

    def flush(self) -> None:
        """Make what is smaller than any normal number 0, where arithmetic with it is slow.

        A trace or moment of a weight whose input has long been 0 decays until rounding holds it
        at the smallest number there is; a processor takes many times as long over such a number.
        """
        if self._device == "cpu":
            for values in self._arrays[0]:
                values[np.abs(values) < np.finfo(values.dtype).tiny] = 0.0

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
        for name, values in self.fed.items():
            binding.bind_input(name, "cpu", 0, values.dtype, values.shape, values.ctypes.data)
        y = self.y
        binding.bind_output(self._said, "cpu", 0, y.dtype, y.shape, y.ctypes.data)
        for name, old, new in zip(self._names, before, after, strict=True):
            binding.bind_ortvalue_input(name, old)
            binding.bind_ortvalue_output(f"{name}_out", new)
        return binding
