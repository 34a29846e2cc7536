"""Template settings that section growth declares, and what Numba itself was told."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class SectionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a template beside the common ones.

    Attributes:
        blocks: blocks of 64 neurons in each hidden hexagon.
        precision: bits of the weights that answer requests of bytes, see `snapshot`.
    """

    blocks: Annotated[int, Meta(ge=1, le=1024)] = 2
    precision: Literal["float", "int8"] = "float"


def compiles() -> bool:
    """Tell whether Numba compiles at all, without importing it."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
