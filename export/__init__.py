"""Out of the engine and into onnxruntime, and the way back in.

`to_onnx` writes a graph, `Session` and `ModelSession` run it, `describe` says what a file is;
`from_onnx` and `from_torch` make learners of networks from elsewhere.

The names are loaded when they are first used: a session needs no Numba, and the command line's
help nothing that is in here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .describing import describe
    from .errors import ExportError, GraphFileError, ProviderError, UnsupportedError
    from .incoming.graphs import from_onnx
    from .incoming.modules import from_torch
    from .incoming.network import Scaling
    from .model_session import ModelSession
    from .session import Session
    from .write import to_onnx

__all__ = [
    "ExportError",
    "GraphFileError",
    "ModelSession",
    "ProviderError",
    "Scaling",
    "Session",
    "UnsupportedError",
    "describe",
    "from_onnx",
    "from_torch",
    "to_onnx",
]

_HOMES = {
    "describe": "describing",
    "ExportError": "errors",
    "GraphFileError": "errors",
    "ProviderError": "errors",
    "UnsupportedError": "errors",
    "from_onnx": "incoming.graphs",
    "from_torch": "incoming.modules",
    "Scaling": "incoming.network",
    "ModelSession": "model_session",
    "Session": "session",
    "to_onnx": "write",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
