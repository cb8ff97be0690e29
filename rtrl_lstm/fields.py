"""Named arrays in a block of numbers: placing them, reading and writing them.

A block is one run of bytes: a head of float64, then a body of some dtype. An array may be *packed*,
as rows of weights are: [vector of lanes][source][lane], so that a sweep over a row reads memory in
one straight line and holds everything else in registers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ALIGNMENT = 64  # bytes: a cache line, and a vector of lanes that is not narrow


@dataclass(frozen=True)
class Field:
    """A named array: its place, and the labels along each axis."""

    offset: int  # in numbers, from the start of head or body
    axes: tuple[tuple[str, ...], ...]
    in_head: bool = False
    packed: bool = False  # rows of weights: [vector of lanes][source][lane]
    groups: int = 1  # cells in a block: each stretch of blocks is padded to whole vectors of lanes

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)


@lru_cache(maxsize=32)  # a layout asks for the same ones many times, and there may be a million
def labels(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{k}" for k in range(count))


class Fields:
    """Arrays that are placed one after the other, and then found by their names.

    Attributes:
        lanes: numbers in a vector of lanes.
        fields: name -> Field.
        head_size, body_size: numbers in head and body.
        nbytes: size of a block; known once everything has its place.
    """

    nbytes: int

    def __init__(self, dtype: str, head_size: int, vector: int = ALIGNMENT) -> None:
        """`vector` is the size of a vector of lanes, in bytes."""
        self.dtype = np.dtype(dtype)
        self.lanes = vector // self.dtype.itemsize
        self.fields: dict[str, Field] = {}
        self.head_size = head_size
        self.body_size = 0

    def _close(self) -> None:
        """Everything has its place."""
        self.head_size += -self.head_size % (ALIGNMENT // 8)
        self.nbytes = 8 * self.head_size + self.body_size * self.dtype.itemsize

    # --- placing ---------------------------------------------------------------------------

    def _place_head(self, name: str, *axes: tuple[str, ...]) -> int:
        offset = self.head_size
        self.fields[name] = Field(offset, axes, in_head=True)
        self.head_size += math.prod(map(len, axes))
        return offset

    def _place(self, name: str, *axes: tuple[str, ...]) -> int:
        """A plain array in the body; its first axis may be padded to whole vectors of lanes."""
        offset = self.body_size
        self.fields[name] = Field(offset, axes)
        self._advance(math.prod(map(len, axes)))
        return offset

    def _place_cells(self, name: str, cells: tuple[str, ...], groups: int) -> int:
        """A number for each cell, or for each number of an output."""
        offset = self.body_size
        self.fields[name] = Field(offset, (cells,), groups=groups)
        self._advance(self.lanes_of(len(cells), groups))
        return offset

    def _place_row_array(
        self, name: str, axes: tuple[tuple[str, ...], ...], groups: int = 1
    ) -> int:
        """An array of the shape of a row of weights, or several: (copies, units, sources)."""
        # From a cache line on: narrow vectors are taken two at a time.
        self.body_size += -self.body_size % (ALIGNMENT // self.dtype.itemsize)
        offset = self.body_size
        self.fields[name] = Field(offset, axes, packed=True, groups=groups)
        copies = math.prod(map(len, axes[:-2]))
        self._advance(copies * self.lanes_of(len(axes[-2]), groups) * len(axes[-1]))
        return offset

    def lanes_of(self, units: int, groups: int = 1) -> int:
        """Lanes of `units` in stretches that are padded each."""
        return groups * self.padded(units // groups)

    def _advance(self, count: int) -> None:
        self.body_size += self.padded(count)

    def padded(self, count: int) -> int:
        """`count`, rounded up to whole vectors of lanes."""
        return count + -count % self.lanes

    # --- reading and writing ---------------------------------------------------------------

    def allocate(self) -> NDArray[np.uint8]:
        """A block of zero bytes, aligned to a cache line."""
        room = np.zeros(self.nbytes + ALIGNMENT, np.uint8)
        start = -room.ctypes.data % ALIGNMENT
        return room[start : start + self.nbytes]

    def head(self, block: NDArray[np.uint8]) -> NDArray[np.float64]:
        return block[: 8 * self.head_size].view(np.float64)

    def body(self, block: NDArray[np.uint8]) -> Array:
        return block[8 * self.head_size :].view(self.dtype)

    def read(self, block: NDArray[np.uint8], name: str) -> Array:
        """A copy of the array called `name`, in the shape that its Field gives."""
        field = self.fields[name]
        numbers = self._numbers(block, field)
        if field.packed:
            copies, lanes = self._packed_shape(field)
            sources = field.shape[-1]
            vectors = numbers.reshape(copies, lanes // self.lanes, sources, self.lanes)
            numbers = vectors.swapaxes(2, 3).reshape(copies, lanes, sources)
            numbers = numbers[:, self._taken(field.shape[-2], field.groups)]
        elif field.groups > 1:
            numbers = numbers[self._taken(field.shape[0], field.groups)]
        return numbers.reshape(field.shape).copy()

    def view(self, block: NDArray[np.uint8], name: str) -> Array:
        """All numbers of the array called `name` as they lie in `block`, with what pads them."""
        return self._numbers(block, self.fields[name])

    def write(self, block: NDArray[np.uint8], name: str, values: Array) -> None:
        """Put `values` of the Field's shape in the place of the array called `name`."""
        field = self.fields[name]
        numbers = self._numbers(block, field)
        values = np.broadcast_to(np.asarray(values, numbers.dtype), field.shape)
        if field.packed:
            copies, lanes = self._packed_shape(field)
            sources = field.shape[-1]
            padded = np.zeros((copies, lanes, sources), self.dtype)
            taken = self._taken(field.shape[-2], field.groups)
            padded[:, taken] = values.reshape(copies, field.shape[-2], sources)
            vectors = padded.reshape(copies, lanes // self.lanes, self.lanes, sources)
            numbers[:] = vectors.swapaxes(2, 3).ravel()
        elif field.groups > 1:
            numbers[self._taken(field.shape[0], field.groups)] = values
        else:
            numbers[:] = values.ravel()

    def _numbers(self, block: NDArray[np.uint8], field: Field) -> Array:
        """All numbers of an array, with those that pad it, as they lie."""
        numbers = self.head(block) if field.in_head else self.body(block)
        return numbers[self._stretch(field)]

    def stretch(self, name: str) -> slice:
        """Where in head or body the array called `name` lies, with what pads it."""
        return self._stretch(self.fields[name])

    def _stretch(self, field: Field) -> slice:
        count = math.prod(field.shape)
        if field.packed:
            copies, lanes = self._packed_shape(field)
            count = copies * lanes * field.shape[-1]
        elif field.groups > 1:
            count = self.lanes_of(field.shape[0], field.groups)
        return slice(field.offset, field.offset + count)

    def _packed_shape(self, field: Field) -> tuple[int, int]:
        """Copies and lanes of a packed array."""
        copies = math.prod(field.shape[:-2])
        return copies, self.lanes_of(field.shape[-2], field.groups)

    def _taken(self, units: int, groups: int) -> NDArray[np.intp]:
        """The lanes that hold numbers."""
        each = units // groups
        return (np.arange(groups)[:, np.newaxis] * self.padded(each) + np.arange(each)).ravel()
