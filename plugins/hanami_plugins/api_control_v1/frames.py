"""Messages of direct IO as v0.4 has them: they name a brick, which says whether its values are given or expected."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from hanami_core.access import Actor
from hanami_core.errors import BadRequest
from hanami_plugins.api_control_v1.api import ATTRIBUTES
from hanami_plugins.direct_io import EXPECTED, INPUT, REQUEST, Frame, Schema

__all__ = ["CLUSTER_IO", "BrickMessages"]

CLUSTER_IO = Schema(
    (
        ("brickName", "TYPE_STRING"),
        ("isLast", "TYPE_BOOL"),
        ("processType", "TYPE_ENUM"),
        ("numberOfValues", "TYPE_UINT64"),
    )
)
"""``ClusterIO_Message`` of v0.4."""


class BrickMessages:
    """Implements `hanami_plugins.direct_io.MessageFormat`."""

    def used_by(self, actor: Actor) -> bool:
        """Tell whether an actor has logged in at the API of v0.4."""
        return ATTRIBUTES.items() <= actor.attributes.items()

    def recognises(self, message: bytes) -> bool:
        """Tell whether field 5 holds values; in later generations it is a number."""
        try:
            return bool(CLUSTER_IO.message.FromString(message).values)
        except Exception:
            return False

    def read(self, message: bytes | str, inputs: Collection[str], outputs: Collection[str]) -> Frame:
        """Return what a message says."""
        io, values = CLUSTER_IO.read(message)
        return Frame(io.brickName, io.isLast, io.processType, _target(io.brickName, inputs, outputs), values)

    def acknowledgement(self, *, trained: bool) -> bytes:
        """Return the message that answers values, or a training with them."""
        return CLUSTER_IO.acknowledgement(trained=trained)

    def results(self, output: str, values: npt.NDArray[np.float32]) -> bytes:
        """Return the message that answers a request."""
        return CLUSTER_IO.write(values, brickName=output, processType=REQUEST)


def _target(brick: str, inputs: Collection[str], outputs: Collection[str]) -> int:
    if brick in inputs:
        return INPUT
    if brick in outputs:
        return EXPECTED
    raise BadRequest("buffer_unknown", buffer=brick, known=", ".join([*inputs, *outputs]))
