"""Template settings that synapse growth declares."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class SynapseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a template beside the common ones, the same as those of section growth.

    They are known so that one template can be tried with both: `blocks` has no effect, because networks make as many as
    they need, and a `precision` other than ``float`` is refused.
    """

    blocks: Annotated[int, Meta(ge=1, le=1024)] = 1
    precision: Literal["float", "int8"] = "float"
