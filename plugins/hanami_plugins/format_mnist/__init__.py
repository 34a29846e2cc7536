"""The idx files of MNIST: images and labels, see http://yann.lecun.com/exdb/mnist, "The IDX file format".

The column ``picture`` holds the raw pixels, ``label`` one value for each class. Both files are read in step and a block
at a time; every size in their headers is compared with the size of the file before memory is taken for it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from hanami_core import hookimpl
from hanami_core.datasets import MAX_COLUMNS, DatasetFormat, TableWriter
from hanami_core.errors import InvalidFile

CLASSES = 10
_BLOCK = 4 << 20
_GZIP = b"\x1f\x8b"


class MnistFormat:
    """Images of any size with labels from 0 to 9."""

    name = "mnist"
    parts = ("input", "label")

    def decode(self, files: Mapping[str, BinaryIO], table: TableWriter) -> None:
        """Write a row for each image: its pixels, then 1 at the place of its label."""
        images, rows, columns = _sizes("input", files["input"], 3)
        (labels,) = _sizes("label", files["label"], 1)
        if images != labels:
            raise InvalidFile(f"input holds {images} images, but label holds {labels} labels")
        pixels = rows * columns
        table.begin({"picture": pixels, "label": CLASSES}, np.uint8)
        step = max(1, _BLOCK // pixels)
        for start in range(0, images, step):
            count = min(step, images - start)
            block = np.zeros((count, pixels + CLASSES), np.uint8)
            block[:, :pixels] = _read("input", files["input"], count * pixels).reshape(count, pixels)
            block[np.arange(count), pixels + _labels(files["label"], start, count)] = 1
            table.append(block)


def _sizes(part: str, file: BinaryIO, dimensions: int) -> tuple[int, ...]:
    """Read a header and return the sizes of its dimensions, which the length of the file bears out."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    header = file.read(4 + 4 * dimensions)
    if header.startswith(_GZIP):
        raise InvalidFile(f"{part}: the file is packed with gzip, unpack it before the upload")
    if len(header) < 4 + 4 * dimensions:
        raise InvalidFile(f"{part}: the file ends after {len(header)} bytes, inside its header")
    magic, *sizes = struct.unpack(f">{1 + dimensions}I", header)
    if magic != 0x800 + dimensions:
        raise InvalidFile(f"{part}: the file begins with {magic}, an idx file of this kind with {0x800 + dimensions}")
    _check_sizes(part, tuple(sizes), len(header), length)
    return tuple(sizes)


def _check_sizes(part: str, sizes: tuple[int, ...], header: int, length: int) -> None:
    count, width = sizes[0], 1
    for size in sizes[1:]:
        width *= size
    if not count * width:
        raise InvalidFile(f"{part}: the header tells sizes {sizes}, none may be 0")
    if width + CLASSES > MAX_COLUMNS:
        raise InvalidFile(f"{part}: an image has {width} pixels, at most {MAX_COLUMNS - CLASSES} are possible")
    if header + count * width != length:
        raise InvalidFile(
            f"{part}: the header tells sizes {sizes}, that is a file of {header + count * width} bytes, not {length}"
        )


def _read(part: str, file: BinaryIO, count: int) -> npt.NDArray[np.uint8]:
    content = file.read(count)
    if len(content) != count:
        raise InvalidFile(f"{part}: the file became shorter while it was read")
    return np.frombuffer(content, np.uint8)


def _labels(file: BinaryIO, start: int, count: int) -> npt.NDArray[np.intp]:
    labels = _read("label", file, count).astype(np.intp)
    if labels.max() >= CLASSES:
        wrong = int(np.argmax(labels >= CLASSES))
        raise InvalidFile(f"label: number {start + wrong} is {labels[wrong]}, labels go from 0 to {CLASSES - 1}")
    return labels


@hookimpl
def hanami_dataset_formats() -> list[DatasetFormat]:
    """Add the format ``mnist``."""
    return [MnistFormat()]
