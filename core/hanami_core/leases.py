"""Things that go by themselves unless somebody renews them in time: what is left behind when their owner has crashed.

A thing with a lease of so many seconds goes when it was not used and not renewed for as long. Only time counts that
the server has watched: a clock that is set, or a server that stands still, ends nothing. A thing without a lease stays.
What a thing is used by, and how it goes, is known to the plugin that has the table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import peewee

from hanami_core.access import Access
from hanami_core.errors import Conflict, NotFound
from hanami_core.labels import LabelledRecord
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, compare_and_set, relaxed

__all__ = ["Expiry", "LeasedRecord", "expired", "renew"]

log = logging.getLogger("hanami.leases")


class LeasedRecord(LabelledRecord):
    """A thing of a user that may have a lease. A plugin with such a table adds both columns.

    `lease` is how many seconds it stays unused, None forever; `lease_used` is how many of them have passed.
    """

    lease = peewee.IntegerField(null=True)
    lease_used = peewee.DoubleField(default=0.0)

    @property
    def lease_left(self) -> int | None:
        """Seconds until the thing goes, if nobody uses or renews it; None if it stays."""
        return None if self.lease is None else max(0, int(self.lease - self.lease_used))


R = TypeVar("R", bound=LeasedRecord)


def renew(access: Access, model: type[R], uuid: str, missing: str, lease: int | None) -> R:
    """Let the lease of a thing begin anew, or end it for good; return the thing.

    Args:
        access: what the actor may do.
        model: kind of the thing.
        uuid: the thing.
        missing: code of the error if there is no such thing that the actor may change.
        lease: seconds from now on; None lets the thing stay until it is deleted.

    Raises:
        NotFound: with the code `missing`.
        Conflict: if there is no lease to renew: somebody has decided that the thing stays.
    """
    row = access.get(model, uuid, missing, "write")
    if row.lease is None and lease is not None:
        raise Conflict("lease_missing", uuid=row.uuid)
    still = (model.sequence == row.sequence) & (model.status == ACTIVE)
    if lease is not None:
        still &= model.lease.is_null(False)
    if not compare_and_set(model, still, lease=lease, lease_used=0.0):
        raise NotFound(missing, uuid=uuid)
    row.lease, row.lease_used = lease, 0.0
    return row


def expired(model: type[R], unused: object) -> Any:
    """Return the condition of things whose lease is over; `unused` is that of things that nothing uses."""
    return (model.status == ACTIVE) & model.lease.is_null(False) & (model.lease_used >= model.lease) & unused


class Expiry(Generic[R]):
    """What is done every so many seconds: leases are used up, and things whose lease is over go.

    Args:
        model: kind of the things.
        seconds: time between two looks.
        unused: returns the condition of things that nothing uses now.
        remove: removes a thing unless it is used or was renewed meanwhile, in a transaction of its own.
    """

    def __init__(
        self,
        model: type[R],
        seconds: float,
        unused: Callable[[], object],
        remove: Callable[[Runtime, R], None],
    ) -> None:
        self._model, self._unused, self._remove = model, unused, remove
        # In more time than this between two looks nobody could have renewed anything.
        self._most = 2 * seconds
        self._last: float | None = None

    def __call__(self, runtime: Runtime) -> None:
        """Look once."""
        now = runtime.clock.monotonic()
        elapsed = 0.0 if self._last is None else min(now - self._last, self._most)
        self._last = now
        model = self._model
        leased = (model.status == ACTIVE) & model.lease.is_null(False)
        if not model.select().where(leased).exists():
            return
        with relaxed():
            model.update(lease_used=model.lease_used + elapsed).where(leased & self._unused()).execute()
        for row in list(model.select().where(expired(model, self._unused()))):
            try:
                self._remove(runtime, row)
            except Exception:  # the others go all the same, and this one is looked at again
                log.exception("what had a lease could not be removed", extra={"uuid": row.uuid})
