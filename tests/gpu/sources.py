"""The kernel sources of the GPU host, and the macros that each is compiled with."""

from __future__ import annotations

import re
from pathlib import Path

from hanami_plugins.host_cupy import kernels
from hanami_plugins.host_cupy.synapse_training import SHAPES

DIRECTORY = Path(kernels.__file__).parent
FILES = sorted(file.name for file in DIRECTORY.glob("*.cu") if file.name != kernels.PRELUDE)

VARIANTS: dict[str, tuple[dict[str, int], ...]] = {
    "section_resident.cu": tuple({"CLUSTER": c, "HS": hs} for c, hs in ((1, 8), (1, 64), (2, 64), (4, 32), (8, 16))),
    "synapse_train.cu": tuple(
        {"CLUSTER": shape.cluster, "THREADS": shape.threads, "AT_HAND": shape.at_hand} for _, shape in SHAPES
    ),
    "section_streamed.cu": ({"EACH": 1}, {"EACH": 7}),
}
"""Macros of the files that are compiled with some: the smallest, the usual and the largest values."""

_KERNEL = re.compile(r"^KERNEL\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s+)?(\w+)\s*\(", re.MULTILINE)


def variants(file: str) -> tuple[dict[str, int], ...]:
    """Return the sets of macros that a file is compiled with."""
    return VARIANTS.get(file, ({},))


def names(file: str) -> list[str]:
    """Return the kernels of a file."""
    return _KERNEL.findall((DIRECTORY / file).read_text(encoding="ascii"))


def all_variants() -> list[tuple[str, dict[str, int]]]:
    """Return each file with each of its sets of macros."""
    return [(file, macros) for file in FILES for macros in variants(file)]
