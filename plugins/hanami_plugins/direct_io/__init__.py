"""Direct IO: a websocket to the live network of one cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from hanami_core import hookimpl
from hanami_core.access import Access, Action
from hanami_core.errors import Forbidden, NotFound
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.sockets import POLICY_VIOLATION, OpenSession, SocketConnection, SocketTarget
from hanami_plugins.clusters import LIVE, Cluster, template_of, writable
from hanami_plugins.direct_io.formats import Hooks, MessageFormat, formats_of
from hanami_plugins.direct_io.frames import THREADS, FrameThreads
from hanami_plugins.direct_io.messages import EXPECTED, INPUT, REQUEST, TRAIN, Frame, Schema
from hanami_plugins.direct_io.session import DirectSession

__all__ = ["EXPECTED", "INPUT", "REQUEST", "TRAIN", "Frame", "MessageFormat", "Schema"]

requires = ("clusters",)

ROLES = ("admin", "member")
FRAMES = {TRAIN: "tasks.train", REQUEST: "tasks.request"}
"""What frames do is what tasks do, and needs the same permission, under the names of the Api that opened the socket."""


MISSING = "target_cluster_missing"


class ClusterTarget(SocketTarget):
    """The websocket target ``cluster``."""

    name = "cluster"
    action = Action("direct_io.open", "PUT", "cluster/set_mode", "write", ROLES)

    def host(self, runtime: Runtime, uuid: str) -> str | None:
        """Return the host where the cluster lives."""
        row = Cluster.get_or_none(Cluster.uuid == uuid.lower())
        return None if row is None else row.host

    def open(self, runtime: Runtime, access: Access, uuid: str, connection: SocketConnection) -> DirectSession:
        """Open a session for a cluster that the actor may change."""
        cluster = access.get(Cluster, uuid, MISSING, "write")
        template_of(cluster)

        def check() -> None:
            try:
                access.get(Cluster, uuid, MISSING, "write")
            except NotFound:
                connection.close(POLICY_VIOLATION, "the cluster was withdrawn")

        refused = _refused(runtime, access)
        clusters = runtime.stash[LIVE]
        formats = formats_of(runtime, access.actor)
        attachment = clusters.attach(cluster.uuid, check)
        return DirectSession(clusters, attachment, runtime.stash[THREADS], refused, formats)

    def withdrawn(self, runtime: Runtime, access: Access, opened: Sequence[OpenSession]) -> list[OpenSession]:
        """Return the sessions whose cluster the actor may not change any more; the others learn what is refused now."""
        allowed, refused = writable(access, {one.uuid.lower() for one in opened}), _refused(runtime, access)
        for one in opened:
            if isinstance(one.session, DirectSession):
                one.session.refused = refused
        return [one for one in opened if one.uuid.lower() not in allowed]


def _refused(runtime: Runtime, access: Access) -> dict[int, str]:
    """Return for each kind of frames that the actor may not send why not; a frame itself asks no rule."""
    refused = {}
    for kind, name in FRAMES.items():
        action = runtime.routes.named(name, access.action.api) or replace(access.action, name=name)
        try:
            Access(access.actor, action, runtime.plugins.access_rules).require()
        except Forbidden as error:
            refused[kind] = error.code
    return refused


@hookimpl
def hanami_hookspecs() -> type[Hooks]:
    """Let other plugins bring formats of messages."""
    return Hooks


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """In a sidecar, provide threads for heavy frames, one for each processor."""
    if runtime.role is Role.SIDECAR:
        runtime.stash[THREADS] = FrameThreads(len(os.sched_getaffinity(0)))


@hookimpl
def hanami_shutdown(runtime: Runtime) -> None:
    """End the threads."""
    if THREADS in runtime.stash:
        runtime.stash[THREADS].close()


@hookimpl
def hanami_socket_targets() -> list[ClusterTarget]:
    """Add the target."""
    return [ClusterTarget()]
