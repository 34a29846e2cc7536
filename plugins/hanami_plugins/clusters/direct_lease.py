"""How long direct mode lasts: as long as a client is connected, and a while before the first and after the last one.

The row of a cluster says until when. Who switches to direct mode writes it, the sidecar renews it while sockets are
open and shortens it when the last one has closed (`renew`, `shorten`), and a schedule ends what is over. Must not know
how a mode is switched.
"""

from __future__ import annotations

import time

import msgspec

from hanami_core.clock import stamp
from hanami_core.errors import Unavailable
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_core.storage.database import ACTIVE, compare_and_set, relaxed
from hanami_plugins.clusters.models import DIRECT_MODE, Cluster

__all__ = ["CALL", "SETTINGS", "has_sessions", "held", "holder", "is_over", "pause_of", "renew", "shorten"]

LEASE, GRACE = "clusters.direct_lease", "clusters.direct_grace"
"""Names of settings."""
SETTINGS = [
    Setting(LEASE, float, 600.0, "Seconds that direct mode waits for its first client", 0.1),
    Setting(GRACE, float, 30.0, "Seconds that direct mode goes on after its last client has left", 0.1),
]
CALL = "clusters.sessions"
"""Name of the call of the host that tells how many sessions a cluster has."""
LEAVING_SECONDS = 0.3
"""How long a socket that was closed a moment ago may count as open."""
ANSWER_SECONDS = 2.0


def held(runtime: Runtime, user: str, cluster: Cluster) -> dict[str, object]:
    """Return the columns of a cluster that goes to direct mode now, or is in it and shared by one more client."""
    now = runtime.clock.now()
    begun = {} if cluster.mode == DIRECT_MODE else {"direct_by": user, "direct_since": now}
    return begun | {"direct_until": now + runtime.settings[LEASE]}


def holder(cluster: Cluster) -> dict[str, str]:
    """Return who holds a cluster in direct mode and since when, as parameters of an error."""
    since = "an unknown time" if cluster.direct_since is None else f"{stamp(cluster.direct_since)} UTC"
    return {"user": cluster.direct_by or cluster.owner_id, "since": since}


def renew(runtime: Runtime, cluster: Cluster) -> None:
    """Let the lease of a cluster with an open socket begin anew, but write that only from time to time."""
    lease: float = runtime.settings[LEASE]
    now = runtime.clock.now()
    if cluster.direct_until is None or cluster.direct_until - now < 0.75 * lease:
        with relaxed():
            compare_and_set(Cluster, _direct(cluster.uuid), direct_until=now + lease)


def shorten(runtime: Runtime, uuid: str) -> None:
    """Let direct mode of a cluster end soon, because its last socket has closed."""
    until = runtime.clock.now() + runtime.settings[GRACE]
    later = Cluster.direct_until.is_null() | (Cluster.direct_until > until)
    with relaxed():
        compare_and_set(Cluster, _direct(uuid) & later, direct_until=until)


def pause_of(runtime: Runtime) -> float:
    """Return the seconds between two looks for leases that are over."""
    lease, grace = float(runtime.settings[LEASE]), float(runtime.settings[GRACE])
    return max(0.05, min(5.0, lease / 4, grace / 4))


def is_over(runtime: Runtime) -> object:
    """Return the condition of clusters whose direct mode is to end; one without a lease gets one first."""
    now = runtime.clock.now()
    without = Cluster.direct_until.is_null() & (Cluster.status == ACTIVE) & (Cluster.mode == DIRECT_MODE)
    compare_and_set(Cluster, without, direct_until=now + runtime.settings[LEASE])
    return (Cluster.status == ACTIVE) & (Cluster.mode == DIRECT_MODE) & (Cluster.direct_until < now)


def has_sessions(runtime: Runtime, cluster: Cluster) -> bool:
    """Tell whether clients are connected to a cluster; one that has just left does not count."""
    end = time.monotonic() + LEAVING_SECONDS
    while True:
        try:
            (answer,) = runtime.host_calls.ask(str(cluster.host), CALL, [str(cluster.uuid).encode()], ANSWER_SECONDS)
        except Unavailable:
            return False  # a host that is not there has no clients either
        if not msgspec.msgpack.decode(answer, type=int):
            return False
        if time.monotonic() > end:
            return True
        time.sleep(0.02)


def _direct(uuid: str) -> object:
    return (Cluster.uuid == uuid) & (Cluster.status == ACTIVE) & (Cluster.mode == DIRECT_MODE)
