"""Where the bytes of an upload come from: paths, file objects, bytes, arrays. It knows no server.

A source is read at any position, because an upload may have to go back; it is never held in memory as a whole unless
the caller has it there.
"""

from __future__ import annotations

import io
import os
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeAlias, cast

_BLOCK = 1 << 20


class SupportsArray(Protocol):
    """An array of NumPy, or what can give one."""

    def __array__(self) -> Any:
        """Return the NumPy array."""


if TYPE_CHECKING:
    Part: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | array[int] | IO[bytes] | SupportsArray


@dataclass(frozen=True)
class Source:
    """Bytes of known length.

    Attributes:
        size: number of bytes.
        read: returns at most the given number of bytes from a position on, none at the end.
    """

    size: int
    read: Callable[[int, int], bytes]


@contextmanager
def open_sources(parts: Mapping[str, Part], *, idx: bool = False) -> Iterator[dict[str, Source]]:
    """Open all parts of a dataset and close again those that were opened here.

    Args:
        parts: what to read, by the name of the part.
        idx: the parts are IDX files: unpack a path that ends in `.gz`, and give an array the header of such a file.

    Raises:
        OSError: a file cannot be read.
        TypeError: a part is nothing that bytes can be read from.
        ValueError: a file is not the gzip file that its name says.
    """
    with ExitStack() as stack:
        yield {name: _open(part, stack, idx) for name, part in parts.items()}


def _open(part: Part, stack: ExitStack, idx: bool) -> Source:
    if isinstance(part, (str, os.PathLike)):
        file: IO[bytes] = stack.enter_context(open(part, "rb"))  # noqa: SIM115 - the stack closes it
        return _from_file(_unpacked(file, stack) if idx and os.fspath(part).endswith(".gz") else file, stack)
    if isinstance(part, io.TextIOBase):
        raise TypeError("the file was opened as text, open it in binary mode")
    if hasattr(part, "read"):
        return _from_file(cast("IO[bytes]", part), stack)
    if idx and hasattr(part, "__array__"):
        return _from_memory(*_idx_blocks(part.__array__()))
    return _from_memory(memoryview(cast("bytes", part)).cast("B"))


def _from_file(file: IO[bytes], stack: ExitStack) -> Source:
    """Take a file from where it stands; a pipe, whose length nobody knows, is copied to a temporary file first."""
    if not file.seekable():
        file = _spooled(file, stack)
    start = file.tell()
    size = file.seek(0, os.SEEK_END) - start

    def read(position: int, count: int) -> bytes:
        file.seek(start + position)
        return file.read(count)

    return Source(size, read)


def _spooled(file: IO[bytes], stack: ExitStack) -> IO[bytes]:
    import tempfile

    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    while block := file.read(_BLOCK):
        copy.write(block)
    copy.seek(0)
    return copy


def _unpacked(file: IO[bytes], stack: ExitStack) -> IO[bytes]:
    """Unpack to a temporary file: the server wants the length before the first byte."""
    import gzip
    import zlib

    try:
        with gzip.GzipFile(fileobj=file) as packed:
            return _spooled(cast("IO[bytes]", packed), stack)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{file.name} is not a complete gzip file: {error}") from error


def _idx_blocks(values: Any) -> tuple[bytes, memoryview]:
    """Return header and memory of an IDX file of bytes (http://yann.lecun.com/exdb/mnist, "The IDX file format")."""
    if values.dtype.name != "uint8":
        raise TypeError(f"images and labels must be arrays of uint8, not of {values.dtype.name}")
    magic = bytes((0, 0, 0x08, values.ndim))
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return magic + sizes, memoryview(values.astype("u1", order="C", copy=False)).cast("B")


def _from_memory(*blocks: bytes | memoryview) -> Source:
    views = [memoryview(block) for block in blocks]

    def read(position: int, count: int) -> bytes:
        for view in views:
            if position < len(view):
                return bytes(view[position : position + count])
            position -= len(view)
        return b""

    return Source(sum(map(len, views)), read)
