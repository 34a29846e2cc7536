"""What can be done with quotas, for routes of any Api and for other plugins. Knows no HTTP.

Everybody sees their own quotas and those of the project that they work in; global admins see and set those of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import peewee

from hanami_core.access import Access
from hanami_core.admission import DISK, UNCOUNTED, Claim, Holder, held, resources_of
from hanami_core.errors import BadRequest, InsufficientStorage, NotFound, TooManyRequests
from hanami_core.runtime import Runtime
from hanami_core.sizes import size_text
from hanami_core.storage.database import exclusive
from hanami_core.storage.prepared import Prepared
from hanami_plugins.projects import find_project
from hanami_plugins.quotas.models import Quota
from hanami_plugins.users import ADMIN_PROJECT, find_user

__all__ = ["UNLIMITED", "QuotaState", "admit", "forget", "get_quotas", "reset_quotas", "set_quota"]

_AMOUNT = Prepared(
    lambda kind, holder, resource: Quota.select(Quota.amount).where(
        (Quota.holder_kind == kind) & (Quota.holder_id == holder) & (Quota.resource == resource)
    )
)

UNLIMITED = -1
"""As a limit: there is none."""


class QuotaState(NamedTuple):
    """How much of a resource somebody has and may have.

    `used` is None for what no database knows. `limit` is negative if there is none; `is_default` tells whether the
    settings say so.
    """

    resource: str
    used: int | None
    limit: int
    is_default: bool


def admit(runtime: Runtime, claim: Claim) -> None:
    """Refuse a claim that exceeds a limit, in the caller's transaction.

    Raises:
        InsufficientStorage: if it is about bytes.
        TooManyRequests: if it is about anything else.
    """
    for holder in claim.holders:
        limit = _limit(runtime, holder, claim.resource)
        if limit >= 0:
            used = _used(runtime, holder, claim)
            if used + claim.amount > limit:
                raise _refusal(holder, claim, used, limit)


def _used(runtime: Runtime, holder: Holder, claim: Claim) -> int:
    if claim.has is not None:
        return claim.has[holder.kind]
    # Until the caller's transaction ends, nobody else counts what the holder has.
    with exclusive(f"quotas.{holder.kind}/{holder.id}"):
        return held(runtime.all_models(), holder, claim.resource)


def _refusal(holder: Holder, claim: Claim, used: int, limit: int) -> InsufficientStorage | TooManyRequests:
    who = {"kind": holder.kind, "id": holder.id}
    if claim.resource == DISK:
        needed, allowed = size_text(used + claim.amount), size_text(limit)
        return InsufficientStorage("quota_space_exhausted", **who, used=size_text(used), needed=needed, limit=allowed)
    return TooManyRequests("quota_exhausted", **who, resource=claim.resource, used=used, limit=limit)


def _limit(runtime: Runtime, holder: Holder, resource: str) -> int:
    rows = _AMOUNT.tuples(holder.kind, holder.id, resource)
    return int(rows[0][0]) if rows else _default(runtime, holder, resource)


def _default(runtime: Runtime, holder: Holder, resource: str) -> int:
    """Return what the settings say; about the resources of other plugins they say nothing."""
    return int(runtime.settings.get(f"quotas.{holder.kind}_{resource}", UNLIMITED))


def get_quotas(
    runtime: Runtime, access: Access, holders: Sequence[Holder] = ()
) -> list[tuple[Holder, list[QuotaState]]]:
    """Return the quotas of users and projects; without any, those of the actor and of the actor's project.

    Raises:
        Forbidden: if a holder is given and the actor is not an admin.
        NotFound: if there is no such user or project.
    """
    if holders:
        access.require_admin()
        for holder in holders:
            _require_existing(holder)
        return [(holder, _states(runtime, holder)) for holder in holders]
    actor = access.actor
    return [
        (own, _states(runtime, own)) for own in (Holder("user", actor.user_id), Holder("project", actor.project_id))
    ]


def _states(runtime: Runtime, holder: Holder) -> list[QuotaState]:
    set_ones = {str(row.resource): int(row.amount) for row in Quota.select().where(_of(holder))}
    models = runtime.all_models()
    return [
        QuotaState(
            name,
            None if name in UNCOUNTED else held(models, holder, name),
            set_ones.get(name, _default(runtime, holder, name)),
            name not in set_ones,
        )
        for name in resources_of(models)
    ]


def set_quota(runtime: Runtime, access: Access, holder: Holder, resource: str, limit: int) -> None:
    """Set a limit; what is there already stays, also if it is more. `UNLIMITED` takes the limit away.

    Raises:
        Forbidden: if the actor is not an admin.
        NotFound: if there is no such user or project.
        BadRequest: if there is no such resource.
    """
    access.require_admin()
    _require_existing(holder)
    known = resources_of(runtime.all_models())
    if resource not in known:
        raise BadRequest("quota_resource_unknown", resource=resource, known=", ".join(known))
    target = [Quota.holder_kind, Quota.holder_id, Quota.resource]
    row = {"holder_kind": holder.kind, "holder_id": holder.id, "resource": resource, "amount": limit}
    Quota.insert(**row).on_conflict(conflict_target=target, update={Quota.amount: limit}).execute()


def reset_quotas(access: Access, holder: Holder, resource: str | None = None) -> None:
    """Let the defaults count again, for one resource or for all.

    Raises:
        Forbidden: if the actor is not an admin.
        NotFound: if there is no such user or project.
    """
    access.require_admin()
    _require_existing(holder)
    mine = _of(holder) if resource is None else _of(holder) & (Quota.resource == resource)
    Quota.delete().where(mine).execute()


def forget(holder: Holder) -> None:
    """Remove the limits of somebody who does not exist any more."""
    Quota.delete().where(_of(holder)).execute()


def _require_existing(holder: Holder) -> None:
    if holder.kind == "user" and find_user(holder.id) is None:
        raise NotFound("user_missing", id=holder.id)
    if holder.kind == "project" and holder.id != ADMIN_PROJECT and find_project(holder.id) is None:
        raise NotFound("project_missing", id=holder.id)


def _of(holder: Holder) -> peewee.Expression:
    condition: peewee.Expression = (Quota.holder_kind == holder.kind) & (Quota.holder_id == holder.id)
    return condition
