"""What a graph file says of itself, beside the graph: one JSON string in the file's metadata.

It holds what is needed to feed the graph the rows that the learner was fed, and to know where it
came from. No clock, no path and no host: equal learners give equal bytes.
"""

import json
from dataclasses import dataclass
from typing import Any

from rtrl_lstm import __version__
from rtrl_lstm.spec import Spec

from .errors import GraphFileError

KEY = "rtrl_lstm"
PRODUCER = "rtrl-lstm"
FORMAT = 1
GRAPHS = ("step",)
PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class Provenance:
    """The metadata of a graph.

    Attributes
    ----------
    graph : str
        Which graph: "step".
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
