"""The list of compute hosts. Other plugins read it with what is exported here."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Call, Listing, Paging, Route, paged
from hanami_core.runtime import Runtime
from hanami_plugins.hosts.service import ListedHost, list_hosts

__all__ = ["ListedHost", "list_hosts"]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the list of hosts."""
    return [Route("GET", "/host/all", "hosts.list", Paging, Listing, list_all)]


def list_all(call: Call, request: Paging) -> Listing:
    """List all hosts: identity and kind."""
    rows = ([host.uuid, host.kind] for host in list_hosts(call.runtime))
    return paged(("uuid", "type"), enumerate(rows, 1), request)
