"""Tells of each call of a hook which plugin got what, what it returned, and how long that took.

Nothing of what users have sent is told: of texts and other data only how much there is, of things their class, and of
actions and events their name.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from hanami_core.access import Action

__all__ = ["short", "traced"]

T = TypeVar("T")

_LONGEST = 60

log = logging.getLogger("hanami.hooks")


def traced(plugin: str, hook: str, given: Mapping[str, object], work: Callable[[], T]) -> T:
    """Do a call, log it when it has ended, and return or raise what it does."""
    begin = time.perf_counter()
    result = "nothing"
    try:
        answer = work()
        result = short(answer)
    except BaseException as error:
        result = f"raises {type(error).__name__}"
        raise
    finally:
        fields = {
            "hook": hook,
            "plugin": plugin,
            "arguments": ", ".join(f"{name}={short(value)}" for name, value in given.items()),
            "result": result,
            "milliseconds": round((time.perf_counter() - begin) * 1000, 3),
        }
        log.info("hook called", extra=fields)
    return answer


def short(value: object) -> str:
    """Return what a value is, in a word."""
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    kind = value.__name__ if isinstance(value, type) else type(value).__name__
    if isinstance(value, (list, tuple, set, frozenset)):
        kinds = sorted({type(item).__name__ for item in value})
        return f"{len(value)} {' | '.join(kinds)}"[:_LONGEST] if value else "none"
    if isinstance(value, (str, bytes, dict)):
        return f"{kind} of {len(value)}"
    # Names of other things may be what a user has called them.
    name = value.name if isinstance(value, Action) else getattr(type(value), "name", None)
    return f"{kind} {name}"[:_LONGEST] if isinstance(name, str) and name else kind
