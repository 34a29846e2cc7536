"""The route that renews or ends a lease, and what answers tell of leases; plugins with such rows use both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.access import Access
from hanami_core.http import Call, Route
from hanami_core.http.labels import LabelledAnswer, Labels
from hanami_core.http.sharing import OwnedAnswer, owned_answer
from hanami_core.ids import Uuid
from hanami_core.leases import LeasedRecord

__all__ = ["Lease", "LeaseAnswer", "LeasedAnswer", "LeasedLabels", "SetLease", "lease_of", "lease_route"]

Lease = Annotated[int, Meta(ge=1, le=31_536_000, examples=[604_800])]
"""Seconds, up to a year."""
ShownLease = Annotated[
    int | msgspec.UnsetType | None,
    Meta(
        description="Seconds without use after which it is deleted, null without a lease; only with `details`.",
        examples=[604_800],
    ),
]
LeaseLeft = Annotated[
    int | msgspec.UnsetType | None,
    Meta(description="Seconds left of the lease, null without one; only with `details`.", examples=[604_321]),
]


class SetLease(msgspec.Struct, forbid_unknown_fields=True):
    """A new lease.

    Attributes:
        uuid: UUID of what the lease is for.
        lease: seconds from now on after which it is deleted unless it is used or renewed, up to a year; null to keep it
            until somebody deletes it.
    """

    uuid: Uuid
    lease: Lease | None


class LeasedLabels(Labels, kw_only=True):
    """What is written on a row, and its lease."""

    lease: ShownLease = msgspec.UNSET
    lease_left: LeaseLeft = msgspec.UNSET


class LeasedAnswer(LabelledAnswer, kw_only=True):
    """A row with an owner, what is written on it, and its lease."""

    lease: ShownLease = msgspec.UNSET
    lease_left: LeaseLeft = msgspec.UNSET


class LeaseAnswer(OwnedAnswer, kw_only=True):
    """A row with an owner, and its lease.

    Attributes:
        lease: seconds without use after which it is deleted; null without a lease.
        lease_left: seconds that are left; null without a lease.
    """

    lease: Annotated[int | None, Meta(examples=[604_800])]
    lease_left: Annotated[int | None, Meta(examples=[604_800])]


def lease_of(row: LeasedRecord) -> dict[str, Any]:
    """Return what an answer tells of a lease."""
    return {"lease": row.lease, "lease_left": row.lease_left}


def lease_route(prefix: str, resource: str, renew: Callable[[Access, str, int | None], LeasedRecord]) -> Route:
    """Return the route ``PUT <prefix>/lease``.

    Args:
        prefix: path of the noun.
        resource: what policies call it, such as ``datasets``.
        renew: takes access, uuid and seconds, and does what `hanami_core.leases.renew` does.
    """

    def set_lease(call: Call, request: SetLease) -> dict[str, Any]:
        """Renew a lease, or end it to keep the row until it is deleted."""
        row = renew(call.access, request.uuid, request.lease)
        return owned_answer(row) | lease_of(row)

    return Route("PUT", f"{prefix}/lease", f"{resource}.lease", SetLease, LeaseAnswer, set_lease)
