"""How frames and their answers are written. Clients of one server may use several formats, each socket one.

Other plugins bring formats by the hook ``direct_io_formats``. Who has opened a socket says which one it uses; where
that says nothing, its first frame does. Must not know a network.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hanami_core import hookspec
from hanami_core.access import Actor
from hanami_core.runtime import Runtime
from hanami_plugins.direct_io.messages import Frame, acknowledgement, read_frame, write_results

__all__ = ["NATIVE", "Hooks", "MessageFormat", "formats_of", "recognised"]


@runtime_checkable
class MessageFormat(Protocol):
    """One format. Its methods are called in the event loop and in threads; none of them may wait."""

    def used_by(self, actor: Actor) -> bool:
        """Tell whether the sockets of an actor use this format, whatever they send."""

    def recognises(self, message: bytes) -> bool:
        """Tell whether a first frame is surely of this format."""

    def read(self, message: bytes | str, inputs: Collection[str], outputs: Collection[str]) -> Frame:
        """Return what a frame says to a cluster with these inputs and outputs.

        Raises:
            BadRequest: if it is not a frame, or contradicts itself.
        """

    def acknowledgement(self, *, trained: bool) -> bytes:
        """Return the answer to values, or to a training with them."""

    def results(self, output: str, values: npt.NDArray[np.float32]) -> bytes:
        """Return the answer to a request; `output` is the name of the first output, `values` are those of all."""


class Hooks:
    """What other plugins may add to direct IO."""

    @staticmethod
    @hookspec
    def direct_io_formats() -> list[MessageFormat]:  # type: ignore[empty-body]
        """Return further formats."""


class _Native:
    def used_by(self, actor: Actor) -> bool:
        return False

    def recognises(self, message: bytes) -> bool:
        return True

    def read(self, message: bytes | str, inputs: Collection[str], outputs: Collection[str]) -> Frame:
        return read_frame(message)

    def acknowledgement(self, *, trained: bool) -> bytes:
        return acknowledgement(trained=trained)

    def results(self, output: str, values: npt.NDArray[np.float32]) -> bytes:
        return write_results(output, values)


NATIVE = _Native()


def formats_of(runtime: Runtime, actor: Actor) -> Sequence[MessageFormat]:
    """Return the format that an actor's sockets use, or all that the first frame may be of, the native one last."""
    answers = (found.item for found in runtime.plugins.extension("direct_io_formats"))
    found = [item for answer in answers for item in answer if isinstance(item, MessageFormat)]
    used = [one for one in found if one.used_by(actor)]
    return used[:1] or [*found, NATIVE]


def recognised(formats: Sequence[MessageFormat], message: bytes | str) -> MessageFormat:
    """Return the first of some formats that recognises a frame; a text is of none, which the last one says best."""
    if isinstance(message, str):
        return formats[-1]
    return next((one for one in formats if one.recognises(message)), formats[-1])
