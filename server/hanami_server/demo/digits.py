"""Handwritten digits: where the files are, and how one looks in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hanami_core.errors import InvalidFile

SAMPLE = Path(__file__).parent.parent / "sample"
SIDE = 28
_SHADES = " ░▒▓█"


class Digits(NamedTuple):
    """The four idx files of MNIST, plain or gzipped."""

    train_images: Path
    train_labels: Path
    test_images: Path
    test_labels: Path


def find(directory: Path) -> Digits:
    """Return the files in a directory, whichever of their usual names they have.

    Raises:
        InvalidFile: if one is missing.
    """
    parts = (("train", "images", 3), ("train", "labels", 1), ("t10k", "images", 3), ("t10k", "labels", 1))
    return Digits(*(_file(directory, *part) for part in parts))


def _file(directory: Path, group: str, kind: str, dimensions: int) -> Path:
    names = [f"{group}-{kind}{mark}idx{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (directory / name).exists():
            return directory / name
    raise InvalidFile(f"{directory} holds no file {names[0]} (or {names[1]})")


def draw(pixels: Sequence[float]) -> list[str]:
    """Return a picture of 28 by 28 values (0 to 255) as 14 lines of 28 characters."""
    rows = [pixels[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]
    return [
        "".join(_shade((above + below) / 2) for above, below in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]


def _shade(value: float) -> str:
    return _SHADES[min(len(_SHADES) - 1, int(value * len(_SHADES) / 256))]
