"""The list of compute hosts."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Call, Listing, Paging, Route, paged
from hanami_core.runtime import Runtime


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the list of hosts."""
    return [Route("GET", "/host/all", "hosts.list", Paging, Listing, list_all)]


def list_all(call: Call, request: Paging) -> Listing:
    """List all hosts: identity and kind."""
    uuids = call.runtime.host_uuids
    rows = ([uuids[name], host.kind] for name, host in call.runtime.hosts.items())
    return paged(("uuid", "type"), enumerate(rows, 1), request)
