"""step.c, compiled with gcc and called from Python."""

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from .memory import LANES, aligned_floats

SOURCE = Path(__file__).with_name("step.c")
FLAGS = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
GATES, ROWS = 4, 7
VARIANTS = ("equations", "by_unit", "fused")  # of step.c


def compiled() -> ctypes.CDLL | None:
    """The library of step.c, or None where there is no gcc."""
    if shutil.which("gcc") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "step.so")
        subprocess.run(["gcc", *FLAGS, str(SOURCE), "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library))


class CTwin:
    """A learner in C that starts from the numbers of one of ours.

    Args:
      library: of `compiled`.
      variant: one of `VARIANTS`.
      weights: a learner's `state_dict()`.
      rate: SGD's learning rate.
    """

    def __init__(
        self, library: ctypes.CDLL, variant: str, weights: dict[str, np.ndarray], rate: float
    ) -> None:
        self.function = getattr(library, variant)
        self.function.restype = None
        hidden = weights["weight_hh_l0"].shape[1]
        bias = (weights["bias_ih_l0"] + weights["bias_hh_l0"])[:, None]
        dense = np.hstack([bias, weights["weight_ih_l0"], weights["weight_hh_l0"]])
        sources = dense.shape[1]
        by_gate = dense.reshape(GATES, hidden, sources)
        if variant == "equations":
            self.width = sources
            self.rows = np.zeros((ROWS, hidden, sources), np.float32)
            self.rows[:GATES] = by_gate
        else:
            self.width = -(-sources // LANES) * LANES  # rows are padded to whole vectors
            memory = aligned_floats(hidden * ROWS * self.width)
            self.rows = memory.reshape(hidden, ROWS, self.width)
            self.rows[:, :GATES, :sources] = by_gate.transpose(1, 0, 2)
        self.V = weights["readout.weight"][0].astype(np.float32)
        self.b = weights["readout.bias"].astype(np.float32)
        self.state = np.zeros((2, hidden), np.float32)
        self.rate, self.sources, self.hidden = rate, sources, hidden

    def run(self, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        """As Learner.run: X (T, I) and Y (T, 1), float32 -> forecasts (T, 1)."""
        forecasts = np.empty_like(Y)
        arrays = (self.rows, self.V, self.b, self.state, X, Y, forecasts)
        inputs = X.shape[1]
        self.function(
            *(ctypes.c_void_p(array.ctypes.data) for array in arrays),
            ctypes.c_long(len(X)),
            *(ctypes.c_int(size) for size in (inputs, self.hidden, self.width)),
            ctypes.c_float(self.rate),
        )
        return forecasts
