"""How often a fault was injected, and what came of it: written down for docs/reliability.md.

A test of a fault counts with `Campaign`. Runs are short in the usual suite; with ``HANAMI_FAULT_SHARE`` they have that
share of their long counts.
With ``HANAMI_FAULT_REPORT`` what was counted goes to that file, a line of JSON for each campaign.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["SHARE", "Campaign", "times"]

SHARE = float(os.environ.get("HANAMI_FAULT_SHARE", "0"))


def times(short: int, long: int) -> int:
    """Return how often something is repeated: `short` times in the usual suite, else a share of `long` times."""
    return max(short, round(SHARE * long))


@dataclass
class Campaign:
    """One fault, injected again and again.

    Attributes:
        fault: number of the fault, such as ``F03``.
        injected: how it was injected.
        repetitions: how often.
        survived: how often the server went on, or was back, as it should.
        lost: how much of what was acknowledged was missing or different afterwards.
        remark: a measured figure or two, such as the time until the server was back.
    """

    fault: str
    injected: str
    repetitions: int = 0
    survived: int = 0
    lost: int = 0
    remark: str = ""

    def __enter__(self) -> Self:
        """Begin to count."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write down what was counted, also if the test fails."""
        if path := os.environ.get("HANAMI_FAULT_REPORT"):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(self)) + "\n")
