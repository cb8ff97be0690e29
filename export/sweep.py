"""The state of a sequence graph, carried from one stretch of rows to the next."""

import numpy as np
import onnxruntime as ort

from rtrl_lstm.fields import Array

from .errors import GraphFileError

ROWS = 8192
"""In one call: Ctrl-C is heard between two."""


class Sweep:
    """A session over a sequence graph; what `Loop` is over a step graph.

    Args:
        runtime: of a sequence graph.
        state: name -> (B, n), where to begin.
        fed: name -> (B, I), the row, as the only one.
        said: the name and width of the forecast.

    Attributes:
        fed, x, y: as those of a `Loop`.
    """

    def __init__(
        self,
        runtime: ort.InferenceSession,
        state: dict[str, Array],
        fed: dict[str, Array],
        said: tuple[str, int],
    ) -> None:
        self._runtime = runtime
        self._state = state
        self._outputs = [said[0], *(f"{name}_out" for name in state)]
        self.fed = fed
        (self._row, self.x), *_ = fed.items()
        self.y: Array = np.zeros((len(self.x), said[1]), self.x.dtype)

    @property
    def state(self) -> dict[str, Array]:
        """The state after the last row, a copy."""
        return {name: value.copy() for name, value in self._state.items()}

    def advance(self) -> None:
        """One step: x and the state make y and the next state."""
        self.y[:] = self.rows(self.x[np.newaxis])[0]

    def rows(self, X: Array) -> Array:
        """Many steps: X (T, B, I), and Y (T, B, O) is returned."""
        Y: Array = np.empty((*X.shape[:2], self.y.shape[1]), self.y.dtype)
        # Never without a row: onnxruntime's GRU brings the process down.
        for start in range(0, len(X), ROWS):
            part = slice(start, start + ROWS)
            try:
                y, *after = self._runtime.run(self._outputs, {self._row: X[part], **self._state})
            # Its exceptions have no common class of their own.
            except Exception as error:
                raise GraphFileError(f"onnxruntime does not run the graph: {error}") from error
            shapes = [Y[part].shape, *(value.shape for value in self._state.values())]
            if [value.shape for value in (y, *after)] != shapes:
                raise GraphFileError("altered: it gives arrays of other shapes than it promises")
            Y[part] = y
            self._state = dict(zip(self._state, after, strict=True))
        return Y
