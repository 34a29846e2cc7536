"""Routes about the server itself: its version, its announcement, and whether it takes new work."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import peewee
from msgspec import Meta

from hanami_core.errors import BadRequest, NotFound
from hanami_core.http import Call, Empty, Route, RouteGroup
from hanami_core.queue import ACTIVE, Task
from hanami_core.storage.database import atomic, exclusive
from hanami_plugins import hosts
from hanami_plugins.api_backendai import notes
from hanami_plugins.api_backendai.api import route

GROUP = RouteGroup("backendai_manager", "Ask the server what it is, announce something, or stop new work.", 910)
MANAGE = "manager.control"
"""Action of what stays possible while the server is frozen."""
VERSION, MANAGER_VERSION = "v6.20220315", "22.03.2"
"""What released clients are told: they choose by the former how they speak."""
FROZEN, RUNNING = "frozen", "running"
KILLED = "the server was frozen by an administrator"
INCLUDE, EXCLUDE = "include-agents", "exclude-agents"


Message = Annotated[str, Meta(max_length=10_000, examples=["Maintenance on Sunday from 8:00 UTC."])]


class ApiVersions(msgspec.Struct):
    """The versions of this API.

    Attributes:
        version: version of the API.
        manager: release of Backend.AI whose behaviour it has.
    """

    version: Annotated[str, Meta(examples=[VERSION])]
    manager: Annotated[str, Meta(examples=[MANAGER_VERSION])]


class ReadStatus(msgspec.Struct, forbid_unknown_fields=True):
    """A question for the status.

    Attributes:
        status: has no effect; released clients send it.
    """

    status: Annotated[str, Meta(examples=[RUNNING])] = ""


class ManagerStatus(msgspec.Struct):
    """What the server does.

    Attributes:
        status: `running`, or `frozen` if nothing may be created or changed.
        active_sessions: number of tasks that run.
        nodes: this server.
    """

    status: Annotated[str, Meta(examples=[RUNNING])]
    active_sessions: Annotated[int, Meta(examples=[0])]
    nodes: Annotated[list[dict[str, Any]], Meta(examples=[[{"id": "hanami", "version": MANAGER_VERSION}]])]


class SetStatus(msgspec.Struct, forbid_unknown_fields=True):
    """The status that the server should have.

    Attributes:
        status: `frozen` stops new work, `running` allows it again.
        force_kill: whether tasks that run are aborted as well.
    """

    status: Annotated[str, Meta(examples=[FROZEN])]
    force_kill: bool = False


class Announce(msgspec.Struct, forbid_unknown_fields=True):
    """A new announcement.

    Attributes:
        enabled: false removes the announcement.
        message: text of the announcement, in Markdown.
    """

    enabled: Annotated[bool, Meta(examples=[True])] = True
    message: Message | None = None


class SchedulerOperation(msgspec.Struct, forbid_unknown_fields=True):
    """Which compute hosts get new clusters.

    Attributes:
        op: `exclude-agents` or `include-agents`.
        args: names of compute hosts.
    """

    op: Annotated[str, Meta(examples=[EXCLUDE])]
    args: Annotated[list[str], Meta(max_length=1000, examples=[["cpu0"]])]


def routes() -> list[Route]:
    """Return the routes."""
    admins = ("admin",)
    return GROUP.of(
        route("GET", "", "manager.version", Empty, ApiVersions, version, anonymous=True),
        route("GET", "/manager/status", "manager.status", ReadStatus, ManagerStatus, status, anonymous=True),
        route("PUT", "/manager/status", MANAGE, SetStatus, None, set_status, admins),
        route("GET", "/manager/announcement", "manager.announcement", Empty, notes.Announcement, read, anonymous=True),
        route("POST", "/manager/announcement", MANAGE, Announce, None, announce, admins, example=("message",)),
        route("POST", "/manager/scheduler/operation", MANAGE, SchedulerOperation, None, operate, admins),
    )


def version(call: Call, request: Empty) -> ApiVersions:
    """Tell the versions; clients negotiate with it."""
    return ApiVersions(VERSION, MANAGER_VERSION)


def status(call: Call, request: ReadStatus) -> ManagerStatus:
    """Tell whether the server takes new work."""
    state = FROZEN if notes.is_frozen() else RUNNING
    return ManagerStatus(state, _running().count(), [{"id": "hanami", "version": MANAGER_VERSION}])


def set_status(call: Call, request: SetStatus) -> None:
    """Freeze or unfreeze the server: tasks that run go on, but nothing new begins, at no API."""
    call.access.require_admin()
    if request.status not in (FROZEN, RUNNING):
        raise BadRequest("field_invalid", field="status", reason=f"it must be '{FROZEN}' or '{RUNNING}'")
    notes.write(notes.FROZEN, request.status == FROZEN)
    if request.force_kill and request.status == FROZEN:
        with atomic():
            for task in _running():
                call.runtime.queue.abort(task.partition, [task.uuid], KILLED)


def read(call: Call, request: Empty) -> notes.Announcement:
    """Tell the announcement; every command of the client shows it."""
    return notes.read(notes.ANNOUNCEMENT, notes.Announcement, notes.Announcement())


def announce(call: Call, request: Announce) -> None:
    """Set or remove the announcement."""
    call.access.require_admin()
    if request.enabled and not request.message:
        raise BadRequest("field_invalid", field="message", reason="an announcement needs a message")
    notes.write(notes.ANNOUNCEMENT, notes.Announcement(request.enabled, request.message or ""))


def operate(call: Call, request: SchedulerOperation) -> None:
    """Let compute hosts have new clusters or not."""
    call.access.require_admin()
    if request.op not in (INCLUDE, EXCLUDE):
        raise BadRequest("field_invalid", field="op", reason=f"it must be '{INCLUDE}' or '{EXCLUDE}'")
    known = {host.name for host in hosts.list_hosts(call.runtime)}
    for name in request.args:
        if name not in known:
            raise NotFound("host_missing", uuid=name)
    with exclusive("api_backendai/excluded"):
        _exclude(request)


def _exclude(request: SchedulerOperation) -> None:
    excluded = notes.excluded_hosts()
    changed = excluded | set(request.args) if request.op == EXCLUDE else excluded - set(request.args)
    notes.write(notes.EXCLUDED, sorted(changed))


def _running() -> peewee.ModelSelect[Task]:
    """Select the tasks that run."""
    return Task.active().where(Task.state == ACTIVE)


def gate(called: Route) -> None:
    """Refuse what would create or change something while the server is frozen, but for the way out of it.

    Raises:
        Unavailable: if the server is frozen.
    """
    if called.verb == "write" and not called.anonymous and called.action != MANAGE:
        notes.refuse_if_frozen()
