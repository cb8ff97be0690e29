"""What a graph file is, for people: `rtrl-lstm inspect`."""

from pathlib import Path
from typing import Any

from .graphfile import read_graph


def describe(path: str | Path) -> dict[str, Any]:
    """What a graph file says of itself, as plain JSON.

    Returns:
        A dict of graph, operator (ONNX's that goes over a sequence: "LSTM", "GRU", "RNN" or "Scan";
        None for other graphs), networks (how many, whose forecasts are mixed), cell, layers,
        precision, version (of the rtrl-lstm that wrote it), inputs and outputs (name -> shape,
        "time" and "batch" being free), spec, schema (None unless it came from a Model), and
        numbers, how many the graph holds.

    Raises:
        OSError: the file cannot be read.
        GraphFileError: the file is no graph that rtrl-lstm wrote.
    """
    file = read_graph(path)
    found = file.provenance
    carried = {name: ["batch", *value.shape[1:]] for name, value in file.state.items()}
    following = {f"{name}_out": shape for name, shape in carried.items()}
    fed = {name: [*found.axes, width] for name, width in found.fed().items()}
    forecasts = found.ends[1]
    return {
        "graph": found.graph,
        "operator": file.operator,
        "networks": found.members,
        "cell": found.spec.cell,
        "layers": found.spec.num_layers,
        "precision": found.precision,
        "version": found.version,
        "inputs": {**fed, **carried},
        "outputs": {forecasts: [*found.axes, found.spec.output_size], **following},
        "spec": found.spec.to_json(),
        "schema": None if found.model is None else found.model["schema"],
        "numbers": file.numbers,
    }
