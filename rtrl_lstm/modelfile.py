"""`.rtrl` files: a safetensors file with the block of numbers and, as JSON, what they are.

The one tensor is "block", the learner's bytes; a Model that has not begun has none, and one that
has begun has two rows: the learner and the one that it may have to step back to, or as many for
each of them as an ensemble has members. An Ensemble by itself has a row for each of them, and a
Panel those of all its Models behind each other, in one row. The one metadata key is "rtrl_lstm": a
JSON object with sorted keys (safetensors keeps no order of its own) with
`format`, `kind`, `spec`, for a Model `model`, and `checksum`, a SHA-256 of all the rest. No
pickle, no clock, no path: equal content, equal bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import glob
import hashlib
import json
import math
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rtrl_lstm.core import Core, layout_of
from rtrl_lstm.ensemble import RATES, AnyLearner, Ensemble, checked_rates
from rtrl_lstm.fleet import Fleet
from rtrl_lstm.forecaster import Forecaster, kind_of
from rtrl_lstm.learner import Learner
from rtrl_lstm.parallel import Parallel
from rtrl_lstm.spec import Spec

if TYPE_CHECKING:
    from rtrl_lstm.models.delayed import Delayed
    from rtrl_lstm.models.driven import Driven
    from rtrl_lstm.models.model import Model
    from rtrl_lstm.models.panel import Panel

    Saved: TypeAlias = Learner | Forecaster | Ensemble | Model | Panel | Delayed | Fleet | Parallel

FORMAT = 1
_KEY = "rtrl_lstm"
_NO_MODEL = "not an rtrl-lstm model file, or damaged"
_LONGEST_REASON = 200


class ModelFileError(ValueError):
    """A file is not a model file, or is damaged."""


def write_whole(path: str | Path, content: bytes, previous: str | Path | None = None) -> None:
    """Write a file whole or not at all: whoever opens `path` finds the old content or the new.

    The content goes to a temporary file in the same folder and reaches the disk before it takes
    the file's name.

    Args:
        previous: a name in the same folder under which the old content is kept.

    Raises:
        OSError: it cannot be written; `path` is as it was.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not target.parent.is_dir():  # said of it, and not of the temporary file
        raise FileNotFoundError(errno.ENOENT, "No such folder", str(target.parent))
    temporary = _temporary(target)
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and target.exists():
            _keep(target, Path(previous))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def remove_parts(path: str | Path) -> None:
    """Remove what was not finished when a process that wrote `path` was killed.

    Only for who knows that nobody is writing it now.
    """
    target = Path(path)
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        with contextlib.suppress(OSError):
            left.unlink()


def _temporary(target: Path) -> Path:
    """A name beside `target` that nobody else has."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


def _keep(target: Path, previous: Path) -> None:
    """Give the old file a second name: at no moment is `target` missing."""
    temporary = _temporary(previous)
    try:
        os.link(target, temporary)
    except OSError:  # a file system without hard links
        shutil.copyfile(target, temporary)
    os.replace(temporary, previous)
    # Where a crash left `previous` as a second name of this very file, that did nothing.
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last; Windows has no such thing for folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def save(thing: Saved | Core | Driven, path: str | Path) -> None:
    """Write a learner, forecaster, model or fleet to a file, whole or not at all."""
    write_whole(path, to_bytes(thing))


def to_bytes(thing: Saved | Core | Driven) -> bytes:
    """The content of a model file."""
    document: dict[str, Any] = {"format": FORMAT}
    from rtrl_lstm.models.driven import Driven

    block = np.empty(0, np.uint8)
    learner: Core | Ensemble | None = None
    good: Core | Ensemble | None = None
    if isinstance(thing, Driven):
        specs, block = _of_all(thing)
        kind = type(thing).__name__.lower()
        document |= {"kind": kind, kind: thing.to_json(), "specs": specs}
    elif isinstance(thing, Fleet | Parallel):
        document |= {"kind": type(thing).__name__.lower(), "spec": thing.spec.to_json()}
        block = thing.blocks()
    elif isinstance(thing, Core | Ensemble):
        learner = thing
        document["kind"] = type(thing).__name__.lower()
        if isinstance(thing, Ensemble):
            document |= {"rates": thing.rates, "mixture": thing.mixture.to_json()}
    else:
        learner, good = thing.learner, thing.good
        document |= {"kind": "model", "model": thing.to_json()}
    if learner is not None:
        learner.finish()
        block = learner.block
        document["spec"] = learner.spec.to_json()
        if good is not None:
            block = np.concatenate([np.atleast_2d(block), np.atleast_2d(good.block)])
    content = block.tobytes()
    return _header(_signed(document, content), block.shape) + content


def _of_all(panel: Driven) -> tuple[list[Any], np.ndarray[Any, Any]]:
    """What the learners of a panel are, None where there is none yet, and their numbers."""
    specs: list[Any] = []
    parts = [np.empty(0, np.uint8)]
    for model in panel.models.values():
        specs.append(None if model.spec is None else model.spec.to_json())
        if model.learner is not None and model.good is not None:
            model.learner.finish()
            parts += [model.learner.block.ravel(), model.good.block.ravel()]
    return specs, np.concatenate(parts)


def _all_of(document: dict[str, Any], block: np.ndarray[Any, Any]) -> Panel | Delayed:
    """The inverse of `_of_all`."""
    from rtrl_lstm.models.delayed import Delayed
    from rtrl_lstm.models.model import Model
    from rtrl_lstm.models.panel import Panel

    models, whole = [], document[document["kind"]]
    for (_, saved), described in zip(whole["models"], document["specs"], strict=True):
        if described is None:
            models.append(Model.from_json(saved, None))
            continue
        spec = Spec.from_json(described)
        rows = 2 * saved["members"] * len(_rates(spec, saved))
        _check_size(spec, len(block), rows)
        own, block = np.split(block, [rows * layout_of(spec).nbytes])
        models.append(Model.from_json(saved, *_halves(spec, own.reshape(rows, -1), saved)))
    if len(block):
        raise ValueError("the block of numbers is larger than the specs ask for")
    kind_of_all = Panel if document["kind"] == "panel" else Delayed
    return kind_of_all.from_json(whole, models)


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=True)


def _signed(document: dict[str, Any], block: bytes) -> str:
    """The document as JSON, its checksum added: "checksum" sorts before all other keys."""
    rest = _dump(document)
    checksum = hashlib.sha256(rest.encode() + b"\0" + block).hexdigest()
    return f'{{"checksum":"{checksum}",{rest[1:]}'


def load(path: str | Path) -> Saved:
    """What was saved: a Learner, a Model, a Fleet or another of those that can be.

    Raises:
        ModelFileError: the file is not a model file, is damaged, or is of another format.
        OSError: it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        return from_bytes(content)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def from_bytes(content: bytes) -> Saved:
    """What a model file of this content holds.

    Raises:
        ModelFileError: see `load`.
    """
    document, block = _parse(content)
    try:
        return _revive(document, block)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError,
            AssertionError, MemoryError) as error:  # fmt: skip
        raise ModelFileError(f"not a model this version can read ({_line(error)})") from error


def _line(error: BaseException) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _LONGEST_REASON else said[:_LONGEST_REASON] + "..."


def _parse(content: bytes) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """The JSON and the block, both as they were written.

    The file is read here and not by safetensors, because it must be as `to_bytes` writes it to
    the last bit, padding included. Nothing is believed before it is compared with the file's size.
    """
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > len(content) - 8:
        raise ModelFileError(_NO_MODEL)
    try:
        header = json.loads(content[8 : 8 + size])
        text = header["__metadata__"][_KEY]
        document = json.loads(text)
        version = document["format"]
        document.pop("checksum", None)
        shape = tuple(map(int, header["block"]["shape"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelFileError(_NO_MODEL) from None
    if version != FORMAT:
        shown = _line(ValueError(version))
        raise ModelFileError(f"format {shown}; this version of rtrl-lstm reads format {FORMAT}")
    flat = np.frombuffer(content, np.uint8, offset=8 + size)
    fits = text == _signed(document, flat.tobytes())
    if not fits or content[: 8 + size] != _header(text, shape):
        raise ModelFileError("the file is damaged: its checksum does not fit")
    if math.prod(shape) != flat.size:
        raise ModelFileError("the file is damaged: its block has another size")
    return document, flat.reshape(shape).copy()


def _header(text: str, shape: tuple[int, ...]) -> bytes:
    """What a safetensors file begins with: a size, JSON, and blanks up to a multiple of 8."""
    tensor = {"dtype": "U8", "shape": list(shape), "data_offsets": [0, math.prod(shape)]}
    metadata = {"__metadata__": {_KEY: text}, "block": tensor}
    header = json.dumps(metadata, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


def _revive(document: dict[str, Any], block: np.ndarray[Any, Any]) -> Saved:
    kind = document["kind"]
    if kind in ("panel", "delayed"):
        return _all_of(document, block)
    if kind == "model":
        from rtrl_lstm.models.model import Model

        saved = document["model"]
        if "spec" not in document:  # it has seen no row to tell it what its learner is
            return Model.from_json(saved, None)
        spec = Spec.from_json(document["spec"])
        _check_size(spec, block.shape[1])
        return Model.from_json(saved, *_halves(spec, block, saved))
    spec = Spec.from_json(document["spec"])
    if kind == "fleet":
        _check_size(spec, block.shape[1])
        return Fleet.of(spec, block)
    if kind == "parallel":
        _check_size(dataclasses.replace(spec, update="sequence"), block.shape[1])
        return Parallel.of(spec, block)
    if kind == "ensemble":
        return _ensemble(spec, block, document)
    if kind != kind_of(spec).__name__.lower():
        raise ValueError(f"kind {kind!r}")
    _check_size(spec, block.nbytes)
    return kind_of(spec).of(spec, block)


def _ensemble(spec: Spec, block: np.ndarray[Any, Any], document: dict[str, Any]) -> Ensemble:
    _check_size(spec, block.shape[1])
    rates = checked_rates(document["rates"])
    if len(block) % len(rates):
        raise ValueError(f"an ensemble holds so many learners of each rate, not {len(block)}")
    ensemble = Ensemble.of(spec, rates, block)
    ensemble.mixture.restore(document["mixture"])
    return ensemble


def _check_size(spec: Spec, nbytes: int, begins_with: int = 0) -> None:
    """Refuse a block of the wrong size, before anything of the size that a forged spec names.

    begins_with: 0, or how many of that size it need only begin with.
    """
    least = spec.num_layers * spec.hidden_size + spec.hidden_size * spec.output_size
    least += spec.input_size + spec.horizon * spec.seen_size
    if spec.rule == "full":
        least *= spec.num_layers * spec.hidden_size
    if least <= nbytes and 0 < begins_with * layout_of(spec).nbytes <= nbytes:
        return
    if least > nbytes or layout_of(spec).nbytes != nbytes:
        raise ValueError("the block of numbers has another size than the spec asks for")


def _rates(spec: Spec, saved: dict[str, Any]) -> tuple[float, ...]:
    """The learning rates of a model's learners."""
    return RATES if saved["auto"] else (spec.learning_rate,)


def _halves(
    spec: Spec, block: np.ndarray[Any, Any], saved: dict[str, Any]
) -> tuple[AnyLearner, ...]:
    """A model's learner, and the one that it may have to step back to."""
    count, odd = divmod(len(block), 2)
    if odd or not count:
        raise ValueError(f"a model holds two learners, or twice its members, not {len(block)}")
    kind = kind_of(spec)
    halves, rates = (block[:count], block[count:]), _rates(spec, saved)
    return tuple(
        kind.of(spec, half[0]) if count == 1 else Ensemble.of(spec, rates, half) for half in halves
    )
