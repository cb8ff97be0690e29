"""The numbers of a foreign file: in the file itself, or in one beside it.

PyTorch's exporter puts them beside it by default. A path to anywhere else is not followed, and of
the file beside it only those bytes are read that a tensor of the stated shape has.
"""

import os
import stat
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ..errors import GraphFileError

PLAIN: dict[int, str] = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
    TensorProto.INT32: "int32_data",
    TensorProto.BOOL: "int32_data",
}
"""The kinds of numbers that are read, and where a file may hold them besides raw bytes."""


def array_of(tensor: TensorProto, folder: Path | None = None) -> NDArray[Any]:
    """A tensor's numbers; `folder` is where the file lies.

    Raises:
        GraphFileError: they are of another kind, not as many as the shape says, or lie neither in
            the file nor beside it.
    """
    name = repr(tensor.name)
    if tensor.data_type not in PLAIN:
        kind = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type else "no type"
        raise GraphFileError(
            f"{name} is of {kind}: floats, doubles, integers and booleans are read"
        )
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    count = prod(tensor.dims) if min(tensor.dims, default=0) >= 0 else -1
    if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
        data = _beside(tensor, folder, count * dtype.itemsize)
        array: NDArray[Any] = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)
        array = array.reshape(tuple(tensor.dims))
    else:
        held = len(tensor.raw_data) / dtype.itemsize
        if not tensor.HasField("raw_data"):
            held = len(getattr(tensor, PLAIN[tensor.data_type]))
        if count != held:
            raise GraphFileError(f"{name} does not hold what its shape promises")
        array = numpy_helper.to_array(tensor)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise GraphFileError(f"{name} has numbers that are not finite")
    return array


def arrays_of(graph: onnx.GraphProto, folder: Path) -> dict[str, NDArray[Any]]:
    """All initialisers."""
    if graph.sparse_initializer:
        raise GraphFileError("sparse tensors are not read")
    return {tensor.name: array_of(tensor, folder) for tensor in graph.initializer}


def _beside(tensor: TensorProto, folder: Path | None, length: int) -> bytes:
    """So many bytes of a tensor in a file beside the model's."""
    name, said = repr(tensor.name), {entry.key: entry.value for entry in tensor.external_data}
    location = said.get("location", "")
    plain = location not in ("", ".", "..") and Path(location).name == location
    if folder is None or not plain or "\\" in location or "\0" in location:
        raise GraphFileError(
            f"the numbers of {name} lie in {location!r}, and only a file beside the model is opened"
        )
    offset = _whole(said, "offset", 0)
    if length < 0 or _whole(said, "length", length) != length:
        raise GraphFileError(f"{name} does not hold what its shape promises")
    return _bytes_of(folder / location, offset, length)


def _whole(said: Mapping[str, str], key: str, default: int) -> int:
    text = said.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise GraphFileError(f"external data with {key} {text!r}")
    return int(text)


def _bytes_of(path: Path, offset: int, length: int) -> bytes:
    # Not through a link, which may lead anywhere; and a pipe would be waited for.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    data = b""
    try:
        file = os.open(path, flags)
        try:
            found = os.fstat(file)
            if stat.S_ISREG(found.st_mode) and offset + length <= found.st_size:
                with os.fdopen(file, "rb", closefd=False) as opened:
                    opened.seek(offset)
                    data = opened.read(length)
        finally:
            os.close(file)
    except OSError as error:
        raise GraphFileError(f"the file of its numbers, {path.name!r}: {error.strerror}") from error
    if len(data) != length:
        raise GraphFileError(f"the file of its numbers, {path.name!r}, is cut short")
    return data
