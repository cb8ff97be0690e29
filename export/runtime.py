"""Starting onnxruntime: which provider, how many threads."""

import warnings
from pathlib import Path

import onnxruntime as ort

from rtrl_lstm.checks import whole

from .errors import GraphFileError, ProviderError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# Products of float32 numbers, not of their first ten bits.
OPTIONS = {"cpu": {}, "cuda": {"use_tf32": "0"}}
REMEDY = {
    "cpu": "install onnxruntime",
    "cuda": "install onnxruntime-gpu in place of onnxruntime, and an NVIDIA driver",
}


def start(data: bytes, provider: str, threads: int = 1) -> ort.InferenceSession:
    """A session for the bytes of a graph.

    Args:
        data: of a graph file.
        provider: "auto", "cpu" or "cuda"; "auto" takes CUDA where onnxruntime offers it and the CPU
            elsewhere.
        threads: on the CPU; most of these graphs are too small for more than one.

    Raises:
        ValueError: there is no such provider, or no such number of threads.
        ProviderError: a provider asked for by name cannot be had; the message says what to install.
        GraphFileError: onnxruntime does not load the graph.
    """
    if provider not in ("auto", *PROVIDERS):
        raise ValueError(f"provider must be auto, {', '.join(PROVIDERS)}, not {provider!r}")
    whole("threads", threads, 1)
    offered = ort.get_available_providers()
    name = provider
    if provider == "auto":
        name = "cuda" if PROVIDERS["cuda"] in offered else "cpu"
    if PROVIDERS[name] not in offered:
        raise ProviderError(
            f"this onnxruntime has no {name} provider ({', '.join(offered)}): {REMEDY[name]}"
        )
    if provider == "auto" and PROVIDERS["cuda"] not in offered and _has_gpu():
        _warn(
            f"this machine has an NVIDIA GPU that this onnxruntime does not use: {REMEDY['cuda']}"
        )
    session = _load(data, name, threads)
    if session.get_providers()[0] != PROVIDERS[name]:
        trouble = f"onnxruntime offers {name} but could not start it here: {REMEDY[name]}"
        if provider != "auto":
            raise ProviderError(trouble)
        _warn(trouble)
    return session


def _has_gpu() -> bool:
    """Whether an NVIDIA driver says that it is there."""
    return Path("/proc/driver/nvidia/version").exists()


def _warn(trouble: str) -> None:
    # The level of whoever made the session.
    warnings.warn(f"{trouble}; the CPU is used", RuntimeWarning, stacklevel=4)


def _load(data: bytes, name: str, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # It keeps quiet: its errors come as exceptions, and it would warn of each initialiser that is
    # an input as well, which is what states are.
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(data, options, providers=[(PROVIDERS[name], OPTIONS[name])])
    # Its exceptions have no common class of their own.
    except Exception as error:
        raise GraphFileError(f"onnxruntime does not load the graph: {error}") from error
