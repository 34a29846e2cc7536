"""Where a new cluster goes: what plugins say (hook ``hanami_placement``), then the setting ``compute.placement``.

The setting is ``first``, the first host that can run the cluster; ``least_loaded``, the one with the fewest open
tasks, and of those the one with the fewest clusters; or the name of a host. A cluster without a template can go
anywhere, and is placed again if the template that its first training gives it cannot run there.

No cluster goes to a host that says that it cannot run networks now. One that is there on request (`OnRequest`) is
chosen only by its name, or if no other one is left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from hanami_core.access import Actor
from hanami_core.compute import descriptions
from hanami_core.compute.hosts import ComputeHost, HostDescription, is_on_request
from hanami_core.errors import BadRequest, Conflict, SettingsError, Unavailable
from hanami_core.network import Template

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = [
    "FIRST",
    "LEAST_LOADED",
    "SETTING",
    "Candidate",
    "HostLoad",
    "PlacementRequest",
    "check",
    "place",
    "require_healthy",
    "unhealthy",
]

SETTING = "compute.placement"
RETRY_SECONDS = 30
FIRST, LEAST_LOADED = "first", "least_loaded"

log = logging.getLogger("hanami.compute")


class HostLoad(NamedTuple):
    """Workload of a host: the open tasks of its clusters, and the number of clusters."""

    tasks: int
    clusters: int


@dataclass(frozen=True)
class Candidate:
    """A host for a cluster.

    Attributes:
        name: name of the host.
        kind: kind of the host.
        uuid: uuid of the host, as clients see it.
        refusal: why no rule set can run the template there, None if one can.
        on_request: whether it should get only clusters that are meant for it, see `hanami_core.compute.OnRequest`.
    """

    name: str
    kind: str
    uuid: str
    refusal: str | None = None
    on_request: bool = False


def unhealthy(host: str, reason: str) -> Unavailable:
    """Return the error of who wants a host to do what it cannot do at the moment."""
    return Unavailable("host_unhealthy", host=host, reason=reason, retry_after=RETRY_SECONDS)


def require_healthy(runtime: Runtime, host: ComputeHost) -> None:
    """Raise if a host says that it cannot run networks.

    Raises:
        Unavailable: with the reason.
    """
    found = descriptions.load(runtime.settings.data_dir, host.name)
    if found is not None and not found.healthy:
        raise unhealthy(host.name, found.reason)


@dataclass(frozen=True)
class PlacementRequest:
    """A cluster that needs a host.

    Attributes:
        template: the template to run; None for a cluster that waits for its first training or a checkpoint.
        actor: owner of the cluster.
        hosts: all hosts in their order, including those that refuse the template.
    """

    template: Template | None
    actor: Actor
    hosts: tuple[Candidate, ...]
    _runtime: Runtime

    @property
    def possible(self) -> tuple[Candidate, ...]:
        """Hosts that run the template."""
        return tuple(host for host in self.hosts if host.refusal is None)

    @cached_property
    def loads(self) -> Mapping[str, HostLoad]:
        """Workload of each host by its name; reads the database on first access."""
        found = self._runtime.queue.loads()
        return {host.name: HostLoad(*found.get(host.name, (0, 0))) for host in self.hosts}

    @cached_property
    def descriptions(self) -> Mapping[str, HostDescription]:
        """State of each host that has reported it within the last seconds, by its name; reads a small file for each."""
        return descriptions.load_all(self._runtime.settings.data_dir, [host.name for host in self.hosts])

    def outage(self, host: Candidate) -> str | None:
        """Return why a host cannot run networks at the moment, None if it can or has not reported its state."""
        found = self.descriptions.get(host.name)
        return None if found is None or found.healthy else found.reason


def check(setting: str, hosts: Sequence[str]) -> None:
    """Check the setting at the start of a server.

    Raises:
        SettingsError: if it names neither a way to choose nor a host.
    """
    if setting not in (FIRST, LEAST_LOADED, *hosts):
        known = ", ".join(hosts) or "none"
        raise SettingsError(
            f"{SETTING} must be '{FIRST}', '{LEAST_LOADED}' or the name of a host, not '{setting}'; hosts are: {known}"
        )


def require_hosts(runtime: Runtime) -> None:
    """Raise `Conflict` if there is no host at all."""
    if not runtime.hosts:
        raise Conflict("hosts_missing")


def place(runtime: Runtime, actor: Actor, template: Template | None) -> ComputeHost:
    """Return the host for a cluster.

    Raises:
        BadRequest: with every reason, if no host, or not the one that the setting names, runs the template.
        Conflict: if there is no host, or not the one that the setting names.
        Unavailable: if those that run the template cannot do so at the moment.
    """
    require_hosts(runtime)
    refusal_of = _refusals(runtime, template)
    hosts = tuple(
        Candidate(name, host.kind, runtime.host_uuids[name], refusal_of[host.kind], is_on_request(host))
        for name, host in runtime.hosts.items()
    )
    request = PlacementRequest(template, actor, hosts, runtime)
    return runtime.hosts[_wanted_by_plugins(runtime, request) or _by_setting(runtime.settings[SETTING], request)]


def _refusals(runtime: Runtime, template: Template | None) -> dict[str, str | None]:
    """Return for each kind of host why no rule set runs the template there."""
    return {
        kind: None if template is None else _refusal(runtime, template, kind)
        for kind in dict.fromkeys(host.kind for host in runtime.hosts.values())
    }


def _refusal(runtime: Runtime, template: Template, kind: str) -> str | None:
    try:
        runtime.rules_for(template, kind)
    except BadRequest as error:
        return str(error)
    return None


def _wanted_by_plugins(runtime: Runtime, request: PlacementRequest) -> str | None:
    name = runtime.plugins.placement(runtime, request)
    if name is None or name in {host.name for host in request.possible if request.outage(host) is None}:
        return name
    log.error("a plugin placed a cluster on a host that cannot run it, %s decides", SETTING, extra={"host": name})
    return None


def _by_setting(setting: str, request: PlacementRequest) -> str:
    if setting not in _CHOICES:
        return _named(setting, request)
    if not request.possible:
        # Hosts of one kind have one reason.
        reasons = dict.fromkeys(str(host.refusal) for host in request.hosts)
        raise BadRequest("\n".join(reasons))
    return _CHOICES[setting](request, _offered(request)).name


def _offered(request: PlacementRequest) -> Sequence[Candidate]:
    """Return the hosts that a cluster can go to which was not meant for one of them."""
    working = [host for host in request.possible if request.outage(host) is None]
    if not working:
        raise _unavailable(request, request.possible[0])
    return [host for host in working if not host.on_request] or working


def _unavailable(request: PlacementRequest, host: Candidate) -> Unavailable:
    return unhealthy(host.name, str(request.outage(host)))


def _named(name: str, request: PlacementRequest) -> str:
    host = next((host for host in request.hosts if host.name == name), None)
    if host is None:
        raise Conflict("placement_host_missing", setting=SETTING, host=name)
    if host.refusal is not None:
        raise BadRequest(host.refusal)
    if request.outage(host) is not None:
        raise _unavailable(request, host)
    return name


def _first(_request: PlacementRequest, hosts: Sequence[Candidate]) -> Candidate:
    return hosts[0]


def _least_loaded(request: PlacementRequest, hosts: Sequence[Candidate]) -> Candidate:
    return min(hosts, key=lambda host: request.loads[host.name])


_CHOICES: Mapping[str, Callable[[PlacementRequest, Sequence[Candidate]], Candidate]] = {
    FIRST: _first,
    LEAST_LOADED: _least_loaded,
}
