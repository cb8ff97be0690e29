"""The learner graph on a GPU beside the CPU, and the batch from which on the GPU is faster.

`python -m benchmarks.onnx.cuda`; it needs an NVIDIA GPU with its driver, and onnxruntime-gpu in
place of onnxruntime. Where they are missing it says so, measures nothing and ends well. Weights,
traces and moments stay on the GPU between steps; a row and its label go there at each step.
"""

import sys

import onnxruntime as ort

from rtrl_lstm.export import ProviderError

from .learner_graph import SIZES, of_graph, session

BATCHES = (1, 64, 256, 1024, 4096, 10_000, 100_000)


def obstacle() -> str:
    """Why there is nothing to measure; "" where there is."""
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return f"this onnxruntime {ort.__version__} has no CUDA: it needs onnxruntime-gpu and a GPU"
    try:
        session(8, "sgd", "cuda")
    except ProviderError as error:
        return str(error)
    return ""


def main() -> None:
    """Print a table for each size, or why there is none."""
    if why := obstacle():
        print(f"skipped: {why}")
        return
    print("µs per learner and learning step, float32, Adam, 4 inputs, 1 output")
    print("| units | learners | CPU, 2 threads | CUDA |")
    print("|---|---|---|---|")
    for units in SIZES:
        overtakes = 0
        for batch in BATCHES:
            cpu = of_graph(units, "adam", batch, "cpu", 2)
            gpu = of_graph(units, "adam", batch, "cuda", 1)
            overtakes = overtakes or (batch if gpu < cpu else 0)
            print(f"| {units} | {batch:,} | {cpu:.2f} | {gpu:.2f} |", flush=True)
        where = f"from {overtakes:,} learners on" if overtakes else "at none of these batches"
        print(f"\n{units} units: the GPU is faster {where}\n")


if __name__ == "__main__":
    sys.exit(main())
