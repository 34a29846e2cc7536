"""Routes about what the installation has: groups of hosts, kinds of resources, and the log of errors."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.errors import Unavailable
from hanami_core.http import Call, Empty, Route, RouteGroup
from hanami_plugins import logs
from hanami_plugins.api_backendai.api import NAME, route
from hanami_plugins.api_backendai.identifiers import DEFAULT
from hanami_plugins.api_backendai.owners import group_of

GROUP = RouteGroup("backendai_site", "See what the installation has.", 920)
LACKING = (
    ("GET", "/config/docker-registries"),
    ("GET", "/license"),
    ("GET", "/resource/presets"),
    ("GET", "/resource/usage/month"),
    ("GET", "/resource/usage/period"),
    ("POST", "/config/delete"),
    ("POST", "/config/get"),
    ("POST", "/config/set"),
    ("POST", "/image/import"),
    ("POST", "/resource/check-presets"),
    ("POST", "/resource/recalculate-usage"),
)
"""What released commands ask for and this server does not have."""


Slots = Annotated[dict[str, str], Meta(examples=[{"cpu": "count", "mem": "bytes"}])]
FolderTypes = Annotated[list[str], Meta(examples=[["user", "group"]])]


class OfGroup(msgspec.Struct, forbid_unknown_fields=True):
    """A project.

    Attributes:
        group: id of a project of the caller.
    """

    group: Annotated[str, Meta(max_length=254, examples=[DEFAULT])] = DEFAULT


class ScalingGroups(msgspec.Struct):
    """Groups of compute hosts.

    Attributes:
        scaling_groups: an object with `name` for each.
    """

    scaling_groups: Annotated[list[dict[str, str]], Meta(examples=[[{"name": DEFAULT}]])]


class ErrorPage(msgspec.Struct, forbid_unknown_fields=True):
    """A page of the log of errors.

    Attributes:
        page_no: number of the page, from 1; the newest entries come first.
        page_size: entries of a page.
        mark_read: has no effect, entries are not marked.
    """

    page_no: Annotated[int, Meta(ge=1, le=1_000_000, examples=[1])] = 1
    page_size: Annotated[int, Meta(ge=1, le=100, examples=[20])] = 20
    mark_read: Annotated[str, Meta(examples=["False"])] = "False"


class ErrorEntries(msgspec.Struct):
    """Entries of the log of errors.

    Attributes:
        logs: an object for each entry.
        count: number of all entries.
    """

    logs: Annotated[list[dict[str, Any]], Meta(examples=[[]])]
    count: Annotated[int, Meta(examples=[0])]


def routes() -> list[Route]:
    """Return the routes."""
    return GROUP.of(
        route("GET", "/scaling-groups", "backendai.scaling_groups", OfGroup, ScalingGroups, scaling_groups),
        route("GET", "/config/resource-slots", "backendai.slots", Empty, Slots, resource_slots),
        route("GET", "/config/vfolder-types", "backendai.folder_types", Empty, FolderTypes, folder_types),
        route("GET", "/logs/error", "backendai.errors", ErrorPage, ErrorEntries, errors, ("admin",)),
        *(Route(method, path, "backendai.lacking", None, None, lacking, api=NAME) for method, path in LACKING),
    )


def scaling_groups(call: Call, request: OfGroup) -> ScalingGroups:
    """List the groups of compute hosts that a project can use: all hosts are in one."""
    group_of(call.runtime, call.access, request.group)
    return ScalingGroups([{"name": DEFAULT}])


def resource_slots(call: Call, request: Empty) -> dict[str, str]:
    """List the kinds of resources and their units."""
    return {"cpu": "count", "mem": "bytes"}


def folder_types(call: Call, request: Empty) -> list[str]:
    """List who virtual folders can belong to."""
    return ["user", "group"]


def errors(call: Call, request: ErrorPage) -> ErrorEntries:
    """List internal errors, newest first."""
    first = (request.page_no - 1) * request.page_size
    found = logs.read_errors(call.access, offset=first, limit=request.page_size, newest_first=True)
    return ErrorEntries([_entry(one) for one in found], logs.count_errors(call.access))


def lacking(call: Call, request: object) -> None:
    """Tell that this server does not have the function."""
    raise Unavailable("not_implemented", name=call.req.path)


def _entry(one: logs.ErrorEntry) -> dict[str, Any]:
    return {
        "created_at": one.at.seconds,
        "severity": "error",
        "source": "manager",
        "user": one.user_id,
        "is_read": False,
        "is_cleared": False,
        "message": one.message,
        "context_lang": "python",
        "context_env": {},
        "request_url": one.context,
        "request_status": 500,
        "traceback": one.input_values,
    }
