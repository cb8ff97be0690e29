"""What a graph file says of itself, beside the graph: one JSON string in the file's metadata.

It holds what is needed to feed the graph the rows that the learner was fed, and to know where it
came from. No clock, no path and no host: equal learners give equal bytes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rtrl_lstm import __version__
from rtrl_lstm.spec import Spec

from .errors import GraphFileError

KEY = "rtrl_lstm"
PRODUCER = "rtrl-lstm"
FORMAT = 1
GRAPHS = ("step", "sequence")
PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class Provenance:
    """The metadata of a graph.

    Attributes
    ----------
    graph : str
        Which graph: "step" or "sequence".
    precision : str
        "float32" or "float64".
    spec : Spec
        Of the learner; its ``horizon`` says how many rows ahead ``y`` lies.
    model : dict or None
        Where the graph came from a Model: what reads its rows and says its forecasts.
    version : str
        Of the rtrl-lstm that wrote the file.
    """

    graph: str
    precision: str
    spec: Spec
    model: dict[str, Any] | None = None
    version: str = __version__

    @property
    def ends(self) -> tuple[str, str]:
        """The names of the rows that go in and of the forecasts that come out."""
        return ("x", "y") if self.graph == "step" else ("X", "Y")

    @property
    def axes(self) -> list[str]:
        """The free dimensions of both, before the last one."""
        return ["batch"] if self.graph == "step" else ["time", "batch"]

    def states(self) -> Iterator[str]:
        """The names of the recurrent state, in the order of the graph's inputs."""
        for k in range(self.spec.num_layers):
            yield f"h_{k}"
            if self.spec.cell in ("lstm", "elstm"):
                yield f"c_{k}"

    def to_json(self) -> str:
        """One line with sorted keys."""
        document = {
            "format": FORMAT,
            "graph": self.graph,
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
            return cls(
                graph=document["graph"],
                precision=document["precision"],
                spec=Spec.from_json(document["spec"]),
                model=document["model"],
                version=document["version"],
            )
        except GraphFileError:
            raise
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise GraphFileError(f"the graph's metadata is damaged: {error}") from error
