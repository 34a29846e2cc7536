"""Files of named arrays in the safetensors format: a JSON header, then the raw values.

Any safetensors reader opens them. Two things are stricter here than in the format: the values start at a multiple of
64 bytes, and a reader proves every size and offset before it takes memory. Nothing in such a file is ever executed.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from hanami_core.errors import CorruptFile

MAX_HEADER = 64 << 20
MAX_DIMENSIONS = 16
MAX_COUNT = 1 << 48
"""Most values of an array."""
_ALIGNMENT = 64
_TYPES = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
_CODES = {np.dtype(text): code for code, text in _TYPES.items()}


class TensorEntry(NamedTuple):
    """Where an array lies: byte offset from the start of the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """Bytes that the array takes."""
        return self.dtype.itemsize * math.prod(self.shape)


def header_bytes(
    shapes: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]], metadata: Mapping[str, str], reserve: int = 0
) -> bytes:
    """Return length field and JSON header for arrays that follow each other in the order of `shapes`.

    Args:
        shapes: data type and shape of each array.
        metadata: free texts that travel in the header.
        reserve: smallest size of the result in bytes; the rest is filled with blanks.
    """
    head: dict[str, object] = {"__metadata__": dict(metadata)}
    position = 0
    for name, (dtype, shape) in shapes.items():
        size = dtype.itemsize * math.prod(shape)
        head[name] = {"dtype": _CODES[dtype], "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(head, separators=(",", ":")).encode()
    length = max(8 + len(text), reserve)
    length += -length % _ALIGNMENT
    return (length - 8).to_bytes(8, "little") + text.ljust(length - 8)


def write(file: BinaryIO, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write arrays and texts to a binary file."""
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    file.write(header_bytes({name: (a.dtype, a.shape) for name, a in contiguous.items()}, metadata))
    for array in contiguous.values():
        file.write(array.tobytes() if array.ndim == 0 else array.data)


def read_header(file: BinaryIO) -> tuple[dict[str, TensorEntry], dict[str, str]]:
    """Return the arrays' places and the metadata of a file.

    Raises:
        CorruptFile: if the header is broken, or the arrays do not lie inside the file each at a place of its own.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, MAX_HEADER):
        raise CorruptFile("the file ends inside its header")
    try:
        head = json.loads(file.read(length))
        metadata = {str(key): str(value) for key, value in head.pop("__metadata__", {}).items()}
        entries = {name: _entry(item, 8 + length, size) for name, item in head.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise CorruptFile("the file's header is broken") from error
    # Or a small file could ask for any amount of memory, by naming the same values many times.
    places = sorted((entry.offset, entry.offset + entry.size) for entry in entries.values())
    if any(end > begin for (_, end), (begin, _) in itertools.pairwise(places)):
        raise CorruptFile("the file's arrays share values")
    return entries, metadata


def _entry(item: dict[str, Any], start: int, size: int) -> TensorEntry:
    dtype = np.dtype(_TYPES[item["dtype"]])
    shape = tuple(int(value) for value in item["shape"])
    begin, end = (int(value) for value in item["data_offsets"])
    # NumPy multiplies the lengths of an array without values as well.
    if len(shape) > MAX_DIMENSIONS or math.prod(max(1, count) for count in shape) > MAX_COUNT:
        raise ValueError("array too big")
    if min(shape, default=0) < 0 or begin < 0 or end - begin != dtype.itemsize * math.prod(shape) or start + end > size:
        raise ValueError("array outside of the file")
    return TensorEntry(dtype, shape, start + begin)


def read(file: BinaryIO) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return copies of all arrays, and the metadata."""
    entries, metadata = read_header(file)
    arrays = {}
    for name, entry in entries.items():
        file.seek(entry.offset)
        array = np.empty(entry.shape, entry.dtype)
        if array.nbytes and file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:  # type: ignore[attr-defined]
            raise CorruptFile("the file ends inside its values")
        arrays[name] = array
    return arrays, metadata


def open_array(path: str | os.PathLike[str], name: str) -> tuple[np.ndarray, dict[str, str]]:
    """Map one array of a file into memory, read-only and without a copy; also return the metadata."""
    with open(path, "rb") as file:
        entries, metadata = read_header(file)
    if name not in entries:
        raise CorruptFile(f"the file holds no array '{name}'")
    dtype, shape, offset = entries[name]
    if math.prod(shape) == 0:
        return np.empty(shape, dtype), metadata
    return np.memmap(path, dtype, "r", offset, shape), metadata
