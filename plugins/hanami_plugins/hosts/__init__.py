"""The list of compute hosts. Other plugins read it with what is exported here."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.compute import HostDescription
from hanami_core.http import Call, Listing, Paging, Route, RouteGroup, paged, rows_like
from hanami_core.ids import EXAMPLE_UUID
from hanami_core.runtime import Runtime
from hanami_plugins.hosts.service import ListedHost, list_hosts

__all__ = ["ListedHost", "list_hosts"]


GROUP = RouteGroup("hosts", "See which compute hosts clusters can run on.", 800)
LIST_HEADER = ("uuid", "type")
DETAILS_HEADER = (*LIST_HEADER, "name", "state", "threads", "memory", "free_memory", "model")
UNKNOWN, READY = "unknown", "ready"


class ListHosts(Paging, forbid_unknown_fields=True, kw_only=True):
    """The requested part of the hosts.

    Attributes:
        details: whether rows have more columns: `name`, `state` (`ready`, what it prepares, `unavailable` and why, or
            `unknown` if it does not answer), `threads`, `memory` and `free_memory` in bytes, and `model`, what it
            computes with, such as the name of a card; empty if it does not say.
    """

    details: bool = False


HostRow = rows_like(Listing, uuid=EXAMPLE_UUID, type="cpu")


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the list of hosts."""
    return GROUP.of(Route("GET", "/host/all", "hosts.list", ListHosts, HostRow, list_all))


def list_all(call: Call, request: ListHosts) -> Listing:
    """List all hosts: identity and kind, and on request how they are."""
    header, row = (DETAILS_HEADER, _detailed_row) if request.details else (LIST_HEADER, _row)
    return paged(header, enumerate(map(row, list_hosts(call.runtime)), 1), request)


def _row(host: ListedHost) -> list[object]:
    return [host.uuid, host.kind]


def _detailed_row(host: ListedHost) -> list[object]:
    found = host.description
    if found is None:
        return [*_row(host), host.name, UNKNOWN, None, None, None, ""]
    numbers = found.threads, found.memory, found.free_memory
    return [*_row(host), host.name, _state(found), *numbers, found.model]


def _state(found: HostDescription) -> str:
    if not found.healthy:
        return f"unavailable: {found.reason}"
    return f"prepares {found.preparing}" if found.preparing else READY
