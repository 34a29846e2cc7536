"""The list of compute hosts. Other plugins read it with what is exported here."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Call, Listing, Paging, Route, RouteGroup, paged, rows_like
from hanami_core.ids import EXAMPLE_UUID
from hanami_core.runtime import Runtime
from hanami_plugins.hosts.service import ListedHost, list_hosts

__all__ = ["ListedHost", "list_hosts"]


GROUP = RouteGroup("hosts", "See which compute hosts clusters can run on.", 800)
LIST_HEADER = ("uuid", "type")
DETAILS_HEADER = (*LIST_HEADER, "name", "state", "threads", "memory", "free_memory")
UNKNOWN, READY = "unknown", "ready"


class ListHosts(Paging, forbid_unknown_fields=True, kw_only=True):
    """The requested part of the hosts.

    Attributes:
        details: whether rows have more columns: `name`, `state` (`ready`, what it prepares, why no cluster can run
            there, or `unknown` if it does not answer), `threads`, and `memory` and `free_memory` in bytes.
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
        return [*_row(host), host.name, UNKNOWN, None, None, None]
    state = found.reason if not found.healthy else f"prepares {found.preparing}" if found.preparing else READY
    return [*_row(host), host.name, state, found.threads, found.memory, found.free_memory]
