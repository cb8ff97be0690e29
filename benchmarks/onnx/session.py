"""A step of `export.Session` beside a bare `InferenceSession.run` of the same graph, on the CPU.

`python -m benchmarks.onnx.session`, half a minute. The bare session is fed the row and the state
of the row before as arrays, by name, as one writes it by hand; `Session` checks what it is given,
keeps the state inside onnxruntime and copies the forecast out. Expect it to be no slower.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort

import rtrl_lstm as rl
from benchmarks.speed.timing import side_by_side
from rtrl_lstm import export

SIZES, INPUTS = (8, 32, 128), 4
ROWS, REPEATS = 500, 25


def trials(path: Path, graph: str):
    """The two, over the same rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, INPUTS)).astype(np.float32)
    Y = rng.standard_normal((ROWS, 1)).astype(np.float32)
    session = export.Session(path, "cpu")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    bare = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in bare.get_outputs()]
    places = [name.removesuffix("_out") for name in names[1:]]
    learns = graph == "learner"

    def stepped():
        for x, y in zip(X, Y, strict=True):
            session.step(x, y) if learns else session.step(x)
        return ROWS

    def run():
        carried = {}
        for t in range(ROWS):
            row = {"x": X[t : t + 1], "y": Y[t : t + 1]} if learns else {"x": X[t : t + 1]}
            _, *after = bare.run(names, row | carried)
            carried = dict(zip(places, after, strict=True))
        return ROWS

    return {"Session.step": stepped, "InferenceSession.run": run}


def main():
    """Print the table."""
    print("µs a row, float32, 4 inputs, 1 output, the fastest of 25 times 500 rows")
    print("| graph | units | Session.step | InferenceSession.run | ratio |")
    print("|---|---|---|---|---|")
    for graph in ("step", "learner"):
        for units in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "m.onnx"
                export.to_onnx(rl.Learner(INPUTS, units), path, graph=graph)
                found = side_by_side(trials(path, graph), REPEATS)
            ours, bare = (1e6 * timing.minimum for timing in found.values())
            print(
                f"| {graph} | {units} | {ours:.1f} | {bare:.1f} | {ours / bare:.2f} |", flush=True
            )


if __name__ == "__main__":
    sys.exit(main())
