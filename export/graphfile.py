"""A graph file: a graph of ours and what it says of itself, to bytes and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from rtrl_lstm.wording import counted

from . import suspicion
from .errors import GraphFileError, brief
from .graph import Graph
from .provenance import KEY, PRODUCER, SETTINGS, Provenance

MAX_BYTES = 2**31 - 1
"""The most that a protocol buffer may hold."""

DOCS = {
    "step": "One row x in, the forecast y {ahead} and the new state out.",
    "sequence": "T rows X of B streams in, the forecasts Y {ahead} and the last state out.",
    "learner": "One row x and its label y in; the forecast y_hat {ahead}, made before y was seen, "
    "and all that was learned from y out. A y of NaN is none.",
}


@dataclass(frozen=True)
class GraphFile:
    """A graph as it lies in a file.

    Attributes:
        data: the whole file, what onnxruntime takes.
        provenance: what it says of itself.
        state: name -> (1, ...), what goes in and comes out anew, and its values at export: the
            recurrent state, and in a learner graph all that learning moves.
        settings: name -> (1, 1), what a learner graph is told at a row, and what it takes for it
            unless it is told.
        numbers: how many the graph holds: weights, state and scaling.
        operator: what goes over a sequence: "LSTM", "GRU", "RNN" or "Scan"; None in a step graph.
    """

    data: bytes
    provenance: Provenance
    state: dict[str, NDArray[np.floating]]
    settings: dict[str, NDArray[np.floating]]
    numbers: int
    operator: str | None

    def without_defaults(self) -> bytes:
        """The graph with its states as plain inputs, which are the only ones that can be bound.

        All free dimensions of rows and states are one and the same: onnxruntime needs less memory.
        """
        model = onnx.ModelProto.FromString(self.data)
        for value in model.graph.input:
            for axis in value.type.tensor_type.shape.dim:
                if axis.dim_param.startswith("batch"):
                    axis.dim_param = "batch"
        inputs = self.state.keys() | self.settings.keys()
        plain = [tensor for tensor in model.graph.initializer if tensor.name not in inputs]
        del model.graph.initializer[:]
        model.graph.initializer.extend(plain)
        data: bytes = model.SerializeToString()
        return data


def pack(graph: Graph, provenance: Provenance) -> bytes:
    """The bytes of a graph file; equal arguments give equal bytes."""
    horizon = provenance.spec.horizon
    ahead = f"{counted(horizon, 'row')} ahead" if horizon else "of the same row"
    model = graph.model(
        producer=PRODUCER,
        version=provenance.version,
        doc=f"{DOCS[provenance.graph].format(ahead=ahead)} Feed each *_out back as the input of "
        "that name; where that is left out, it is what it was at export.",
    )
    onnx.helper.set_model_props(model, {KEY: provenance.to_json()})
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def read_graph(path: str | Path) -> GraphFile:
    """Read a graph file that `to_onnx` wrote.

    Raises:
        OSError: the file cannot be read.
        GraphFileError: it is no ONNX file, not one of ours, or altered.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise GraphFileError("it is larger than an ONNX file can be")
        return unpack(path.read_bytes())
    except GraphFileError as error:
        raise GraphFileError(f"{path}: {brief(error)}") from error


def unpack(data: bytes) -> GraphFile:
    """The inverse of `pack`; what onnxruntime is handed has been looked through before.

    Raises:
        GraphFileError: as `read_graph`.
    """
    model = suspicion.parse(data)
    texts = [entry.value for entry in model.metadata_props if entry.key == KEY]
    if len(texts) != 1:
        raise GraphFileError("an ONNX file, but not one that rtrl-lstm wrote; or it is cut short")
    provenance = Provenance.from_json(texts[0])
    suspicion.check_nodes(model, provenance)
    numbers = suspicion.numbers(model, provenance)
    suspicion.check_standard(model)
    state = suspicion.states(model, numbers, provenance)
    suspicion.check_growth(model, provenance)
    settings = {name: state.pop(name) for name in SETTINGS if name in state}
    size = sum(array.size for array in numbers.values())
    operator = next((n.op_type for n in model.graph.node if n.op_type in suspicion.RECURRENT), None)
    return GraphFile(data, provenance, state, settings, size, operator)
