"""`.rtrl` files: a safetensors file with the block of numbers and, as JSON, what they are.

The one tensor is "block", the learner's bytes; a Model that has not begun has none. The one
metadata key is "rtrl_lstm": a JSON object with sorted keys (safetensors keeps no order of its own)
with `format`, `kind`, `spec`, for a Model `model`, and `checksum`, a SHA-256 of all the rest. No
pickle, no clock, no path: equal content, equal bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors

from rtrl_lstm.core import Core, layout_of
from rtrl_lstm.fleet import Fleet
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner
from rtrl_lstm.spec import Spec

if TYPE_CHECKING:
    from rtrl_lstm.model import Model

FORMAT = 1
_KEY = "rtrl_lstm"


class ModelFileError(ValueError):
    """A file is not a model file, or is damaged."""


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all: whoever opens `path` finds the old content or the new.

    The content goes to a temporary file in the same folder and reaches the disk before it takes
    the file's name.

    Raises:
        OSError: it cannot be written; `path` is as it was.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last; Windows has no such thing for folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def save(thing: Learner | Forecaster | Model | Fleet | Core, path: str | Path) -> None:
    """Write a learner, forecaster, model or fleet to a file, whole or not at all."""
    write_whole(path, to_bytes(thing))


def to_bytes(thing: Learner | Forecaster | Model | Fleet | Core) -> bytes:
    """The content of a model file."""
    document: dict[str, Any] = {"format": FORMAT}
    block = np.empty(0, np.uint8)
    learner: Core | None = None
    if isinstance(thing, Fleet):
        document |= {"kind": "fleet", "spec": thing.spec.to_json()}
        block = thing.blocks()
    elif isinstance(thing, Core):
        learner = thing
        document["kind"] = type(thing).__name__.lower()
    else:
        learner = thing.learner
        document |= {"kind": "model", "model": thing.to_json()}
    if learner is not None:
        learner.finish()
        block = learner.block
        document["spec"] = learner.spec.to_json()
    document["checksum"] = _checksum(document, block.tobytes())
    return bytes(write_tensors({"block": block}, metadata={_KEY: _dump(document)}))


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=True)


def _checksum(document: dict[str, Any], block: bytes) -> str:
    rest = {key: value for key, value in document.items() if key != "checksum"}
    return hashlib.sha256(_dump(rest).encode() + b"\0" + block).hexdigest()


def load(path: str | Path) -> Learner | Forecaster | Model | Fleet:
    """What was saved: a Learner, a Forecaster, a Model or a Fleet.

    Raises:
        ModelFileError: the file is not a model file, is damaged, or is of another format.
        OSError: it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        return from_bytes(content)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def from_bytes(content: bytes) -> Learner | Forecaster | Model | Fleet:
    """What a model file of this content holds.

    Raises:
        ModelFileError: see `load`.
    """
    document, block = _parse(content)
    try:
        return _revive(document, block)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"not a model this version can read ({error})") from error


def _parse(content: bytes) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """The JSON and the block, both as they were written."""
    try:
        tensors = read_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        document = json.loads(header["__metadata__"][_KEY])
        block = tensors["block"]
        known, version = document.get("checksum"), document["format"]
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelFileError("not an rtrl-lstm model file, or damaged") from None
    if version != FORMAT:
        raise ModelFileError(f"format {version}; this version of rtrl-lstm reads format {FORMAT}")
    if known != _checksum(document, block.tobytes()):
        raise ModelFileError("the file is damaged: its checksum does not fit")
    return document, block


def _revive(
    document: dict[str, Any], block: np.ndarray[Any, Any]
) -> Learner | Forecaster | Model | Fleet:
    learner: Learner | Forecaster | None = None
    if "spec" in document:
        spec = Spec.from_json(document["spec"])
        if document["kind"] == "fleet":
            _check_size(spec, block.shape[1])
            return Fleet.of(spec, block)
        _check_size(spec, block.nbytes)
        learner = Forecaster.of(spec, block) if spec.horizon else Learner.of(spec, block)
    if document["kind"] == "model":
        from rtrl_lstm.model import Model

        return Model.from_json(document["model"], learner)
    if learner is None or document["kind"] != type(learner).__name__.lower():
        raise ValueError(f"kind {document['kind']!r}")
    return learner


def _check_size(spec: Spec, nbytes: int) -> None:
    """Refuse a block of the wrong size, before anything of the size that a forged spec names."""
    least = spec.num_layers * spec.hidden_size + spec.hidden_size * spec.output_size
    least += (1 + spec.horizon) * spec.input_size
    if spec.rule == "full":
        least *= spec.num_layers * spec.hidden_size
    if least > nbytes or layout_of(spec).nbytes != nbytes:
        raise ValueError("the block of numbers has another size than the spec asks for")
