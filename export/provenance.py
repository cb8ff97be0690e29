"""What a graph file says of itself, beside the graph: one JSON string in the file's metadata.

It holds what is needed to feed the graph the rows that the learner was fed, and to know where it
came from. No clock, no path and no host: equal learners give equal bytes.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtrl_lstm import __version__
from rtrl_lstm.checks import whole
from rtrl_lstm.spec import Spec

from . import plan
from .errors import GraphFileError

KEY = "rtrl_lstm"
PRODUCER = "rtrl-lstm"
FORMAT = 1
GRAPHS = ("step", "sequence", "learner")
PRECISIONS = ("float32", "float64", "float16", "int8")
LEARNING = ("float32", "float64")
"""Precisions in which a graph can learn."""

SETTINGS = ("learning_rate", "sample_weight", "reset")
"""What a learner graph is told at a row, beside the row and its label."""


@dataclass(frozen=True)
class Provenance:
    """The metadata of a graph.

    Attributes:
        graph: which graph: "step", "sequence" or "learner".
        precision: "float32" or "float64"; or "float16" or "int8", in which the weights are stored
            and the arithmetic is float32's.
        spec: of the learner; its ``horizon`` says how many rows ahead ``y`` lies.
        model: where the graph came from a Model: what reads its rows and says its forecasts.
        version: of the rtrl-lstm that wrote the file.
        members: how many networks there are, whose forecasts are mixed; but for seed and rate they
            are of one spec.
    """

    graph: str
    precision: str
    spec: Spec
    model: dict[str, Any] | None = None
    version: str = __version__
    members: int = 1

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Of the arithmetic, of rows, states and forecasts."""
        return np.dtype(np.float64 if self.precision == "float64" else np.float32)

    @property
    def ends(self) -> tuple[str, str]:
        """The names of the rows that go in and of the forecasts that come out."""
        return {"step": ("x", "y"), "sequence": ("X", "Y"), "learner": ("x", "y_hat")}[self.graph]

    @property
    def axes(self) -> list[str]:
        """The free dimensions of both, before the last one."""
        return ["time", "batch"] if self.graph == "sequence" else ["batch"]

    def fed(self) -> dict[str, int]:
        """What is fed at each row, and how wide it is."""
        rows = {self.ends[0]: self.spec.input_size}
        if self.graph != "learner":
            return rows
        return {**rows, "y": self.spec.target_size, **dict.fromkeys(SETTINGS, 1)}

    def carried(self) -> dict[str, plan.Number]:
        """What goes in and comes out anew, in the order of the graph's inputs."""
        if self.graph == "learner":
            return plan.numbers(self.spec)
        states, prefixes = plan.states(self.spec), plan.prefixes(self.members)
        return {f"{of}{name}": number for of in prefixes for name, number in states.items()}

    def to_json(self) -> str:
        """One line with sorted keys."""
        document = {
            "format": FORMAT,
            "graph": self.graph,
            "members": self.members,
            "precision": self.precision,
            "spec": self.spec.to_json(),
            "model": self.model,
            "version": self.version,
        }
        return json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Provenance":
        """Read back what `to_json` wrote.

        Raises:
            GraphFileError: it is not that, or of a later format.
        """
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise GraphFileError(
                    f"the graph's metadata has format {document['format']!r}; "
                    f"this version of rtrl-lstm reads format {FORMAT}"
                )
            if document["graph"] not in GRAPHS or document["precision"] not in PRECISIONS:
                raise ValueError("another kind of graph")
            members = whole("members", document["members"], 1)
            if members > 1 and document["graph"] == "learner":
                raise ValueError("a learner graph has one network")
            return cls(
                graph=document["graph"],
                precision=document["precision"],
                spec=Spec.from_json(document["spec"]),
                model=document["model"],
                version=document["version"],
                members=members,
            )
        except GraphFileError:
            raise
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise GraphFileError(f"the graph's metadata is damaged: {error}") from error
