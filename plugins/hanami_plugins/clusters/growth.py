"""How the network of a cluster grows on a host: by the rule set that runs its template there."""

from __future__ import annotations

from hanami_core.compute import ComputeHost
from hanami_core.errors import BadRequest, Conflict
from hanami_core.network import Template
from hanami_core.runtime import Runtime
from hanami_plugins.clusters.models import Cluster

__all__ = ["require_growth", "runs_where_it_is"]


def require_growth(runtime: Runtime, cluster: Cluster, template: Template, host: ComputeHost) -> None:
    """Raise unless a cluster would grow on a host as it does where it is, so that its stored network can be read there.

    Raises:
        Conflict: if no rule set runs the template there, or another one than that of the stored network.
    """
    try:
        there = runtime.rules_for(template, host.kind).name
    except BadRequest as error:
        raise Conflict("host_refuses", host=host.name, reason=str(error)) from error
    here = _growth(runtime, cluster, template)
    if here not in (None, there):
        reason = f"its network grows by '{here}', a network of its template would grow by '{there}' there"
        raise Conflict("host_refuses", host=host.name, reason=reason)


def _growth(runtime: Runtime, cluster: Cluster, template: Template) -> str | None:
    """Return the rule set of a cluster's stored network, None if it has none or its host cannot run it any more."""
    if cluster.blob is None or not runs_where_it_is(runtime, cluster, template):
        return None
    return runtime.rules_for(template, runtime.hosts[cluster.host].kind).name


def runs_where_it_is(runtime: Runtime, cluster: Cluster, template: Template) -> bool:
    """Tell whether the host of a cluster can run its template."""
    host = runtime.hosts.get(cluster.host)
    try:
        return host is not None and bool(runtime.rules_for(template, host.kind))
    except BadRequest:
        return False
