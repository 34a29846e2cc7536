"""Removes rows in small batches, so that nobody waits long for the database."""

from __future__ import annotations

import logging
from collections.abc import Callable

from hanami_core.runtime import Runtime
from hanami_core.storage.database import Record, forget_deleted

__all__ = ["clean_up"]

BATCH = 200
"""Rows that are removed in one transaction, and pages that a database gives back at once."""
SECONDS_OF_DAY = 86_400.0

log = logging.getLogger("hanami.retention")


def clean_up(runtime: Runtime) -> None:
    """Remove what was deleted, or has ended with what it belonged to, so many days ago; then shrink the database."""
    days = runtime.settings["retention.days"]
    if days < 0:
        return
    before = runtime.clock.now() - days * SECONDS_OF_DAY
    removed = {"task": _in_batches(lambda: runtime.queue.forget(before, BATCH))}
    for name, model in runtime.models.items():
        if issubclass(model, Record):
            removed[name] = _in_batches(lambda model=model: forget_deleted(model, before, BATCH))  # type: ignore[misc]
    removed = {name: count for name, count in removed.items() if count}
    if removed:
        log.info("old rows removed", extra={"rows": removed})
    _in_batches(lambda: runtime.database.shrink(BATCH))


def _in_batches(remove: Callable[[], int]) -> int:
    """Call what removes up to a batch until there is less to remove, and return how much that was together."""
    total = 0
    while True:
        count = remove()
        total += count
        if count < BATCH:
            return total
