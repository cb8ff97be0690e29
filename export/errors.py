"""What can go wrong on the way out of the engine and back into onnxruntime."""


class ExportError(RuntimeError):
    """The graph does not compute what the learner computes, or cannot; nothing was written."""


class GraphFileError(ValueError):
    """The file is no ONNX graph that rtrl-lstm wrote: damaged, foreign or altered."""


class UnsupportedError(ValueError):
    """A network from elsewhere has something that no cell of the engine can say; it is named."""


class ProviderError(RuntimeError):
    """The execution provider that was asked for by name is not to be had on this machine."""


def brief(error: Exception) -> str:
    """What went wrong, in one line that is fit to print whatever names a file holds."""
    line = " ".join(str(error).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= 200 else f"{line[:199]}…"
