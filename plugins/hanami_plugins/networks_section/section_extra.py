"""What a section network notes in the head of its state, besides what every network has there."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hanami_core.network import StateHead

__all__ = ["RANGES", "SectionExtra"]

RANGES = 1
"""Says in the head of a state that it has limits."""


class SectionExtra(msgspec.Struct, forbid_unknown_fields=True):
    """What a section network notes in the head of its state.

    `squashing` tells for each trained output whether its values are classes that exclude each other. `stream` counts
    the cycles of the present stream. `ranges` is 0 in a state of the time before there were limits, else 1.
    """

    squashing: dict[str, str] = msgspec.field(default_factory=dict)
    failure: float = 1.0
    average_failure: float = 1.0
    stream: int = 0
    ranges: int = 0

    @classmethod
    def of(cls, head: StateHead) -> SectionExtra:
        """Return what is noted in a head that was checked, as one of the present version notes it."""
        extra = msgspec.convert(head.extra, cls)
        extra.ranges = RANGES
        return extra

    def see_outputs(self, one_hot: Mapping[str, bool]) -> bool:
        """Note how outputs are squashed after rows that are one-hot or not; tell whether that is new.

        It is by softmax as long as all rows that the output ever was trained with were one-hot, else by a sigmoid.
        """
        new = {
            name: "softmax" if holds and self.squashing.get(name, "softmax") == "softmax" else "sigmoid"
            for name, holds in one_hot.items()
        }
        changed = any(self.squashing.get(name) != squashing for name, squashing in new.items())
        self.squashing.update(new)
        return changed
