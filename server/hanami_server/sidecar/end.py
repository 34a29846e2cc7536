"""How a sidecar ends at once when it can not do its work any more."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

__all__ = ["FAILED", "abort"]

FAILED = 70

log = logging.getLogger("hanami.sidecar")


def abort(reason: str) -> NoReturn:
    """Log the reason and end the process without any clean-up; the supervisor starts a new one."""
    log.critical("sidecar gives up", extra={"reason": reason})
    sys.stderr.flush()
    os._exit(FAILED)
