"""Native routes of quotas."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.admission import Holder
from hanami_core.errors import BadRequest
from hanami_core.http import Call, Empty, Route
from hanami_core.ids import Id, UserId
from hanami_plugins.quotas import service
from hanami_plugins.quotas.service import UNLIMITED

PATH = "/quota"
ADMINS, ALL = ("admin",), ("admin", "member")

ResourceName = Annotated[str, Meta(pattern=r"^[a-z][a-z_]*$", min_length=1, max_length=64)]
Limit = Annotated[int, Meta(ge=UNLIMITED, le=(1 << 62))]


class OfHolder(msgspec.Struct, forbid_unknown_fields=True):
    """A user, a project, or both; oneself and one's own project if neither is given."""

    user_id: UserId = ""
    project_id: Id = ""


class SetQuota(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How much of a resource a user, a project, or each of both may have; -1 is no limit."""

    user_id: UserId = ""
    project_id: Id = ""
    resource: ResourceName
    limit: Limit


class ResetQuota(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A user or a project whose limits are to be the defaults again; of all resources if none is given."""

    user_id: UserId = ""
    project_id: Id = ""
    resource: ResourceName = ""


class QuotaAnswer(msgspec.Struct):
    """How much of a resource a user or a project has and may have.

    `used` is null for what is counted only where it is open; a limit of -1 is none.
    """

    kind: str
    id: str
    resource: str
    used: int | None
    limit: int
    is_default: bool


class QuotasAnswer(msgspec.Struct):
    """Quotas of a user, of a project, or of both."""

    quotas: list[QuotaAnswer]


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("GET", PATH, "quotas.get", OfHolder, QuotasAnswer, get, ALL),
        Route("PUT", PATH, "quotas.set", SetQuota, QuotasAnswer, put, ADMINS),
        Route("DELETE", PATH, "quotas.reset", ResetQuota, Empty, reset, ADMINS),
    ]


def get(call: Call, request: OfHolder) -> QuotasAnswer:
    """Tell how much one has and may have; only an admin may ask about others."""
    return _answer(call, _holders(request))


def put(call: Call, request: SetQuota) -> QuotasAnswer:
    """Set a limit of a user, a project, or both."""
    holders = _required(request)
    for holder in holders:
        service.set_quota(call.runtime, call.access, holder, request.resource, request.limit)
    return _answer(call, holders)


def reset(call: Call, request: ResetQuota) -> Empty:
    """Let the defaults count again for a user, a project, or both."""
    for holder in _required(request):
        service.reset_quotas(call.access, holder, request.resource or None)
    return Empty()


def _answer(call: Call, holders: list[Holder]) -> QuotasAnswer:
    found = service.get_quotas(call.runtime, call.access, holders)
    return QuotasAnswer([QuotaAnswer(owner.kind, owner.id, *state) for owner, states in found for state in states])


def _required(request: SetQuota | ResetQuota) -> list[Holder]:
    holders = _holders(request)
    if not holders:
        raise BadRequest("quota_holder_missing")
    return holders


def _holders(request: OfHolder | SetQuota | ResetQuota) -> list[Holder]:
    user, project = Holder("user", request.user_id), Holder("project", request.project_id)
    return [holder for holder in (user, project) if holder.id]
