"""Leases of things that are to go with this process: a thread renews them, so they end when the process has crashed.

Of servers without leases it asks nothing. It knows no estimator.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from hanami_sdk._forks import separate
from hanami_sdk._http import knows_not
from hanami_sdk.hanami_exceptions import (
    BadRequestException,
    ConflictException,
    HanamiException,
    NotFoundException,
    UnauthorizedException,
)

if TYPE_CHECKING:
    from hanami_sdk._client import Client
    from hanami_sdk._models import Cluster

T = TypeVar("T")

SECONDS = 6 * 3600
"""How long things stay that nobody renews: a machine that sleeps for a while still finds them."""
RENEWALS = 36
"""How often a lease is renewed in that time."""

_known: weakref.WeakKeyDictionary[Client, Leases] = weakref.WeakKeyDictionary()


def leases_of(client: Client) -> Leases:
    """Return what renews the leases of a client's things."""
    found = _known.get(client)
    return _known.setdefault(client, Leases(client)) if found is None else found


class Leases:
    """The clusters of a client that this process holds, and whether the server knows leases at all."""

    def __init__(self, client: Client) -> None:
        self._client = weakref.ref(client)
        self._offered = True
        self._start()
        separate(self)

    def _start(self) -> None:
        self._clusters: dict[str, bool] = {}  # whether the lease is still renewed
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def _after_fork(self) -> None:
        """Hold nothing in a forked process: what there is belongs to the parent, whose thread goes on there."""
        self._start()

    def granted(self, make: Callable[..., T]) -> T:
        """Return what `make(lease=…)` makes, or what it makes without if the server knows no leases."""
        if self._offered:
            try:
                return make(lease=SECONDS)
            except BadRequestException as error:
                if not knows_not(error, "lease"):
                    raise
                self._offered = False
        return make()

    def cluster(self, make: Callable[..., Cluster]) -> Cluster:
        """Return the cluster that `make` makes, with a lease that is renewed from now on if the server knows them."""
        made, client = self.granted(make), self._client()
        if client is None or not self._offered:
            return made
        try:
            client.lease_cluster(made, SECONDS)
        except UnauthorizedException:  # by a policy that is older than leases: nobody could renew it
            self._offered = False
            client.delete_cluster(made)
            return make()
        with self._changed:
            self._clusters[made.uuid] = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, name="hanami-leases", daemon=True)
                self._thread.start()
        return made

    def keep(self, cluster: str) -> None:
        """Let a cluster stay for good."""
        client = self._client()
        if self._let_go(cluster) and client is not None:
            client.keep_cluster(cluster)

    def delete(self, cluster: str) -> None:
        """Delete a cluster, unless somebody has decided meanwhile that it stays."""
        client, leased = self._client(), self._let_go(cluster)
        if client is not None and not (leased and is_kept(client, "cluster", cluster)):
            client.delete_cluster(cluster)

    def _let_go(self, cluster: str) -> bool:
        """Know nothing of a cluster any more, and tell whether it was made with a lease."""
        with self._changed:
            leased = self._clusters.pop(cluster, None) is not None
            self._changed.notify()
        return leased

    def _renewed(self) -> list[str]:
        return [cluster for cluster, goes_on in self._clusters.items() if goes_on]

    def _renew_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._renewed(), SECONDS / RENEWALS)
                client, clusters = self._client(), self._renewed()
                if client is None or not clusters:
                    self._thread = None
                    return
            for cluster in clusters:
                self._renew(client, cluster)
            del client  # or it would never go

    def _renew(self, client: Client, cluster: str) -> None:
        with suppress(HanamiException):  # there are further renewals before the lease is over
            try:
                client.lease_cluster(cluster, SECONDS)
            except (NotFoundException, ConflictException):  # it is gone, or somebody has decided that it stays
                with self._changed:
                    if cluster in self._clusters:
                        self._clusters[cluster] = False


def is_kept(client: Client, noun: str, uuid: str) -> bool:
    """Tell whether somebody has decided that a thing stays which had a lease, as far as the server knows leases."""
    return client._get_in_detail(f"/{noun}", uuid=uuid).get("lease", 0) is None
