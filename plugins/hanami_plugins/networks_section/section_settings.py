"""Template settings that section growth declares."""

from __future__ import annotations

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
