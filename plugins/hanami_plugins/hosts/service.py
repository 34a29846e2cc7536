"""Which compute hosts there are and how they are, apart from HTTP."""

from __future__ import annotations

from typing import NamedTuple

from hanami_core.compute import HostDescription, descriptions
from hanami_core.runtime import Runtime


class ListedHost(NamedTuple):
    """A host as others see it; `description` is None if its sidecar has told nothing within the last seconds."""

    name: str
    kind: str
    uuid: str
    description: HostDescription | None


def list_hosts(runtime: Runtime) -> list[ListedHost]:
    """Return all hosts in the order in which clusters are offered to them."""
    told = descriptions.load_all(runtime.settings.data_dir, runtime.hosts)
    return [
        ListedHost(name, host.kind, runtime.host_uuids[name], told.get(name)) for name, host in runtime.hosts.items()
    ]
