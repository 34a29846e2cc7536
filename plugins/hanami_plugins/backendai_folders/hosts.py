"""Routes of hosts, which are the storages that folders lie in. Nothing is ever mounted for a client."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.errors import NotFound
from hanami_core.http import Call, Empty, Route
from hanami_plugins import folders
from hanami_plugins.backendai_folders.answers import Host
from hanami_plugins.backendai_folders.routes import FOLDERS, GROUP, folder_route

__all__ = ["host_named", "routes"]

ALIASES = ("_", "-")
"""What stands in paths where others have the name of a folder."""
NOTHING_MOUNTED = "This server mounts nothing: the plugins that it has bring the storages of virtual folders."
FSTAB = f"# {NOTHING_MOUNTED}\n"
MANAGER = "manager"

Hosts = Annotated[list[str], Meta(examples=[["files"]])]
Types = Annotated[list[str], Meta(examples=[["user", "group"]])]
Mounts = Annotated[
    dict[str, Any], Meta(examples=[{"manager": {"success": False, "message": NOTHING_MOUNTED}, "agents": {}}])
]
AnyText = Annotated[str, Meta(max_length=4096, examples=["nfs.example.com:/data"])]


class UsableHosts(msgspec.Struct):
    """Where folders can be created.

    Attributes:
        default: storage of new folders whose creators name none.
        allowed: names of all storages.
        volume_info: an object for each, with its `backend` and its `capabilities`.
    """

    default: Host
    allowed: Hosts
    volume_info: Annotated[
        dict[str, dict[str, Any]], Meta(examples=[{"files": {"backend": "files", "capabilities": []}}])
    ]


class AllHosts(msgspec.Struct):
    """All storages.

    Attributes:
        default: storage of new folders whose creators name none.
        allowed: names of all storages.
    """

    default: Host
    allowed: Hosts


class ByHost(msgspec.Struct, forbid_unknown_fields=True):
    """A storage.

    Attributes:
        folder_host: name of the storage.
    """

    folder_host: Host


class HostMetric(msgspec.Struct):
    """What is known of a storage.

    Attributes:
        metric: numbers by name.
    """

    metric: Annotated[dict[str, int], Meta(examples=[{"folders": 1, "files": 3, "used_bytes": 167_518}])]


class OfAgent(msgspec.Struct, forbid_unknown_fields=True):
    """A compute host.

    Attributes:
        agent_id: name of a compute host; the server itself if null.
    """

    agent_id: Annotated[str, Meta(max_length=254, examples=["cpu0"])] | None = None


class Fstab(msgspec.Struct):
    """A table of file systems.

    Attributes:
        content: a comment, because nothing is mounted.
        node: `manager` or `agent`.
        node_id: name of the compute host, or `manager`.
    """

    content: Annotated[str, Meta(examples=[FSTAB])]
    node: Annotated[str, Meta(examples=[MANAGER])]
    node_id: Annotated[str, Meta(examples=[MANAGER])]


class MountHost(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A file system that somebody would like to mount.

    Attributes:
        name: name of the host.
        fs_location: what would be mounted.
        options: options of the mount.
        edit_fstab: whether it would be mounted after a restart as well.
    """

    name: Host
    fs_location: AnyText
    options: AnyText | None = None
    edit_fstab: bool = False


class UmountHost(msgspec.Struct, forbid_unknown_fields=True):
    """A file system that somebody would like to unmount.

    Attributes:
        name: name of the host.
        edit_fstab: whether that would hold after a restart as well.
    """

    name: Host
    edit_fstab: bool = False


def routes() -> list[Route]:
    """Return the routes."""
    one, mounts = folder_route, f"{FOLDERS}/_/mounts"
    found: list[Route] = [
        one("GET", f"{FOLDERS}/_/perf-metric", "metric", ByHost, HostMetric, metric, "admin"),
        one("GET", f"{FOLDERS}/_/fstab", "fstab", OfAgent, Fstab, fstab, "admin"),
        one("GET", mounts, "mounts", Empty, Mounts, list_mounts, "admin"),
        one("POST", mounts, "mount", MountHost, Mounts, refuse_mount, "admin"),
        one("DELETE", mounts, "umount", UmountHost, Mounts, refuse_mount, "admin"),
    ]
    for alias in ALIASES:
        found += [
            one("GET", f"{FOLDERS}/{alias}/hosts", "hosts", Empty, UsableHosts, list_hosts),
            one("GET", f"{FOLDERS}/{alias}/all_hosts", "all_hosts", Empty, AllHosts, list_all_hosts, "admin"),
            one("GET", f"{FOLDERS}/{alias}/allowed_types", "types", Empty, Types, list_types),
        ]
    return GROUP.of(*found)


def list_hosts(call: Call, request: Empty) -> UsableHosts:
    """List the storages that you can create folders in."""
    found = folders.list_storages(call.runtime, call.access)
    info = {one.name: {"backend": one.name, "capabilities": list(one.capabilities)} for one in found}
    return UsableHosts(_default(found), list(info), info)


def list_all_hosts(call: Call, request: Empty) -> AllHosts:
    """List all storages."""
    call.access.require_admin()
    found = folders.list_storages(call.runtime, call.access)
    return AllHosts(_default(found), [one.name for one in found])


def _default(found: list[folders.StorageInfo]) -> str:
    return next(one.name for one in found if one.is_default)


def list_types(call: Call, request: Empty) -> list[str]:
    """List who folders can belong to."""
    return ["user", "group"]


def metric(call: Call, request: ByHost) -> HostMetric:
    """Tell how much a storage holds, and how much room it has left."""
    call.access.require_admin()
    host_named(call, request.folder_host)
    usage = folders.storage_usage(call.runtime, request.folder_host)
    room = {} if usage.available is None else {"available_bytes": usage.available}
    return HostMetric({"folders": usage.folders, "files": usage.files, "used_bytes": usage.used} | room)


def host_named(call: Call, name: str) -> folders.StorageInfo:
    """Return a storage.

    Raises:
        NotFound: if there is none of that name.
    """
    for one in folders.list_storages(call.runtime, call.access):
        if one.name == name:
            return one
    raise NotFound("folder_host_missing", name=name)


def fstab(call: Call, request: OfAgent) -> Fstab:
    """Tell that nothing is mounted."""
    call.access.require_admin()
    agent = request.agent_id
    return Fstab(FSTAB, "agent" if agent else MANAGER, agent or MANAGER)


def list_mounts(call: Call, request: Empty) -> dict[str, Any]:
    """List the storages, none of which was mounted for a client."""
    call.access.require_admin()
    names = [one.name for one in folders.list_storages(call.runtime, call.access)]
    mounted = {"success": True, "mounts": names, "message": ""}
    return {"manager": mounted, "storage-proxy": mounted, "agents": {}}


def refuse_mount(call: Call, request: MountHost | UmountHost) -> dict[str, Any]:
    """Tell that nothing can be mounted or unmounted."""
    call.access.require_admin()
    return {"manager": {"success": False, "message": NOTHING_MOUNTED}, "agents": {}}
