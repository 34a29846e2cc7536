"""Messages of direct IO as v0.4 has them: they name a brick, which says whether its values are given or expected."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hanami_core.access import Actor
from hanami_core.errors import BadRequest
from hanami_plugins.api_control_v1.api import ATTRIBUTES
from hanami_plugins.direct_io import EXPECTED, INPUT, REQUEST, TRAIN, Frame, message_class

__all__ = ["BrickMessages", "cluster_io"]

_FIELDS = (
    ("brickName", "TYPE_STRING"),
    ("isLast", "TYPE_BOOL"),
    ("processType", "TYPE_ENUM"),
    ("numberOfValues", "TYPE_UINT64"),
    ("values", "TYPE_FLOAT"),
)


class _Frame(NamedTuple):
    """A frame, under the names of `hanami_plugins.direct_io.Frame`."""

    bufferName: str  # noqa: N815 - names of the protocol
    isLast: bool  # noqa: N815
    processType: int  # noqa: N815
    targetBufferType: int  # noqa: N815
    numberOfValues: int  # noqa: N815
    values: Sequence[float]


class BrickMessages:
    """Implements `hanami_plugins.direct_io.MessageFormat`."""

    def used_by(self, actor: Actor) -> bool:
        """Tell whether an actor has logged in at the API of v0.4."""
        return ATTRIBUTES.items() <= actor.attributes.items()

    def recognises(self, message: bytes) -> bool:
        """Tell whether field 5 holds values; in later generations it is a number."""
        try:
            return bool(cluster_io().FromString(message).values)
        except Exception:
            return False

    def read(self, message: bytes | str, inputs: Collection[str], outputs: Collection[str]) -> Frame:
        """Return what a message says."""
        if isinstance(message, str):
            raise BadRequest("frame_is_text")
        try:
            io = cluster_io().FromString(message)
        except Exception as error:
            raise BadRequest("frame_unreadable") from error
        if io.numberOfValues != len(io.values):
            raise BadRequest("frame_count", told=io.numberOfValues, count=len(io.values))
        if io.processType not in (REQUEST, TRAIN):
            raise BadRequest("frame_process_unknown", process=io.processType)
        target = _target(io.brickName, inputs, outputs)
        return _Frame(io.brickName, io.isLast, io.processType, target, io.numberOfValues, io.values)  # type: ignore[return-value]

    def acknowledgement(self, *, trained: bool) -> bytes:
        """Return the message that answers values, or a training with them."""
        answer = cluster_io()(isLast=trained, processType=TRAIN, numberOfValues=1, values=[0.0])
        return answer.SerializeToString()  # type: ignore[no-any-return]

    def results(self, output: str, values: npt.NDArray[np.float32]) -> bytes:
        """Return the message that answers a request."""
        answer = cluster_io()(brickName=output, processType=REQUEST, numberOfValues=len(values), values=values.tolist())
        return answer.SerializeToString()  # type: ignore[no-any-return]


def _target(brick: str, inputs: Collection[str], outputs: Collection[str]) -> int:
    if brick in inputs:
        return INPUT
    if brick in outputs:
        return EXPECTED
    raise BadRequest("buffer_unknown", buffer=brick, known=", ".join([*inputs, *outputs]))


@cache
def cluster_io() -> Any:
    """Return the class of ``ClusterIO_Message`` of v0.4."""
    return message_class(_FIELDS)
