"""The list of compute hosts."""

from __future__ import annotations

from typing import Any

from hanami_core import hookimpl
from hanami_core.routes import Call, Empty, Route, Table, table
from hanami_core.runtime import Runtime


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the list of hosts."""
    return [Route("GET", "/v1.0alpha/host/all", "hosts.list", Empty, Table, list_all)]


def list_all(call: Call, request: Empty) -> dict[str, Any]:
    """List all hosts: identity and kind."""
    return table(("uuid", "type"), [[host.uuid, host.kind] for host in call.runtime.hosts.values()])
