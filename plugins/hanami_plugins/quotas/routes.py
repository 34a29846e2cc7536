"""Native routes of quotas."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.admission import Holder
from hanami_core.errors import BadRequest
from hanami_core.http import Call, Empty, Route, RouteGroup
from hanami_core.ids import Id, UserId
from hanami_plugins.quotas import service
from hanami_plugins.quotas.service import UNLIMITED

PATH = "/quota"
GROUP = RouteGroup("quotas", "Show and limit how much users and projects may have.", 720)
ADMINS, ALL = ("admin",), ("admin", "member")

ResourceName = Annotated[str, Meta(pattern=r"^[a-z][a-z_]*$", min_length=1, max_length=64, examples=["clusters"])]
Limit = Annotated[int, Meta(ge=UNLIMITED, le=(1 << 62), examples=[100])]


class OfHolder(msgspec.Struct, forbid_unknown_fields=True):
    """A user, a project, or both; you and your project if neither is given.

    Attributes:
        user_id: id of the user; no user if empty.
        project_id: id of the project; no project if empty.
    """

    user_id: UserId = ""
    project_id: Id = ""


class SetQuota(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A limit for a user, a project, or each of both.

    Attributes:
        user_id: id of the user; no user if empty.
        project_id: id of the project; no project if empty.
        resource: what is limited: `disk`, `datasets`, `clusters`, `checkpoints`, `tasks`, `sockets`, `running_tasks`,
            or what a plugin adds.
        limit: maximum, in bytes for `disk`; 0 for nothing at all, -1 for no limit.
    """

    user_id: UserId = ""
    project_id: Id = ""
    resource: ResourceName
    limit: Limit


class ResetQuota(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A user or a project whose limits become the defaults again.

    Attributes:
        user_id: id of the user; no user if empty.
        project_id: id of the project; no project if empty.
        resource: what is limited; all resources if empty.
    """

    user_id: UserId = ""
    project_id: Id = ""
    resource: ResourceName = ""


class QuotaAnswer(msgspec.Struct):
    """How much of a resource a user or a project has and may have.

    Attributes:
        kind: `user` or `project`.
        id: id of the user or the project.
        resource: what is limited.
        used: current amount; null for what each host counts on its own, such as sockets.
        limit: maximum; -1 for no limit.
        is_default: whether the limit comes from the settings of the server.
    """

    kind: Annotated[str, Meta(examples=["user"])]
    id: Annotated[str, Meta(examples=["katherine"])]
    resource: Annotated[str, Meta(examples=["clusters"])]
    used: Annotated[int | None, Meta(examples=[3])]
    limit: Annotated[int, Meta(examples=[1000])]
    is_default: bool


class QuotasAnswer(msgspec.Struct):
    """Quotas of a user, of a project, or of both.

    Attributes:
        quotas: one entry for each resource of each of them.
    """

    quotas: list[QuotaAnswer]


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("GET", PATH, "quotas.get", OfHolder, QuotasAnswer, get, ALL),
        Route("PUT", PATH, "quotas.set", SetQuota, QuotasAnswer, put, ADMINS, example=("user_id",)),
        Route("DELETE", PATH, "quotas.reset", ResetQuota, Empty, reset, ADMINS, example=("user_id", "resource")),
    )


def get(call: Call, request: OfHolder) -> QuotasAnswer:
    """Show how much you have and may have; only an admin may see the quotas of others."""
    return _answer(call, _holders(request))


def put(call: Call, request: SetQuota) -> QuotasAnswer:
    """Set a limit of a user, a project, or both."""
    holders = _required(request)
    for holder in holders:
        service.set_quota(call.runtime, call.access, holder, request.resource, request.limit)
    return _answer(call, holders)


def reset(call: Call, request: ResetQuota) -> Empty:
    """Reset the limits of a user, a project, or both to the defaults."""
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
