"""Direct IO: a websocket to the live network of one cluster."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.access import Access, Action, Actor
from hanami_core.runtime import Runtime
from hanami_plugins.clusters import LIVE, MISSING, Cluster, template_of
from hanami_plugins.direct_io.session import DirectSession

requires = ("clusters",)

ACTION = Action("direct_io.open", "PUT", "v1.0alpha/cluster/set_mode", "write", ("admin", "member"))


class ClusterTarget:
    """The websocket target ``cluster``."""

    name = "cluster"

    def host(self, runtime: Runtime, uuid: str) -> str | None:
        """Return the host where the cluster lives."""
        row = Cluster.get_or_none(Cluster.uuid == uuid.lower())
        return None if row is None else row.host

    def open(self, runtime: Runtime, actor: Actor, uuid: str) -> DirectSession:
        """Open a session for a cluster that the actor may change."""
        access = Access(actor, ACTION, runtime.plugins.access_rules)
        cluster = access.get(Cluster, uuid, MISSING.format(uuid).replace("uuid", "UUID", 1))
        template_of(cluster)
        clusters = runtime.stash[LIVE]
        return DirectSession(clusters, clusters.attach(cluster.uuid))


@hookimpl
def hanami_socket_targets() -> list[ClusterTarget]:
    """Add the target."""
    return [ClusterTarget()]
