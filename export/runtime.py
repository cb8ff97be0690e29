"""Starting onnxruntime: which provider, how many threads."""

import warnings

import onnxruntime as ort

from .errors import GraphFileError, ProviderError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
REMEDY = {
    "cpu": "install onnxruntime",
    "cuda": "install onnxruntime-gpu in place of onnxruntime, and an NVIDIA driver",
}


def start(data: bytes, provider: str) -> ort.InferenceSession:
    """A session for the bytes of a graph, with one thread: these graphs are too small for two.

    Parameters
    ----------
    data : bytes
        Of a graph file.
    provider : "auto", "cpu" or "cuda"
        "auto" takes CUDA where onnxruntime offers it and the CPU elsewhere.

    Raises
    ------
    ValueError
        There is no such provider.
    ProviderError
        A provider asked for by name cannot be had; the message says what to install.
    GraphFileError
        onnxruntime does not load the graph.
    """
    if provider not in ("auto", *PROVIDERS):
        raise ValueError(f"provider must be auto, {', '.join(PROVIDERS)}, not {provider!r}")
    offered = ort.get_available_providers()
    name = provider
    if provider == "auto":
        name = "cuda" if PROVIDERS["cuda"] in offered else "cpu"
    if PROVIDERS[name] not in offered:
        raise ProviderError(
            f"this onnxruntime has no {name} provider ({', '.join(offered)}): {REMEDY[name]}"
        )
    session = _load(data, [PROVIDERS[name]])
    if session.get_providers()[0] != PROVIDERS[name]:
        trouble = f"onnxruntime offers {name} but could not start it here: {REMEDY[name]}"
        if provider != "auto":
            raise ProviderError(trouble)
        warnings.warn(f"{trouble}; the CPU is used", RuntimeWarning, stacklevel=3)
    return session


def _load(data: bytes, providers: list[str]) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # It keeps quiet: its errors come as exceptions, and it would warn of each initialiser that is
    # an input as well, which is what states are.
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(data, options, providers=providers)
    # Its exceptions have no common class of their own.
    except Exception as error:
        raise GraphFileError(f"onnxruntime does not load the graph: {error}") from error
