"""Slows down guessing: failed logins are counted by address and by user, for all processes of a server together.

An address has so many failed logins a minute, whatever users it tries. A user has so many, wherever they come from;
once they are used up, an address that did not fail for that user within the last minute still has one attempt. So
nobody can lock a user out by failing in their name, and many addresses together guess hardly faster than one.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from hanami_plugins.users.buckets import Bucket, Buckets, SharedBuckets

__all__ = ["Attempt", "Throttle", "network"]

NETWORK_BITS = 64
"""What one client of IPv6 usually has to itself: the addresses of such a network count as one."""


@dataclass(frozen=True)
class Attempt:
    """One attempt. It is not allowed if `wait` is not 0: the seconds until one is. `taken` says what it cost."""

    wait: int
    taken: tuple[tuple[Bucket, float], ...] = ()


class Throttle:
    """Attempts by address and by user; successful ones are given back."""

    def __init__(self, buckets: SharedBuckets, by_user: int, by_address: int) -> None:
        """Allow so many failed logins a minute."""
        self._buckets, self._by_user, self._by_address = buckets, by_user, by_address

    def take(self, user_id: str, address: str) -> Attempt:
        """Use up one attempt, if there is one."""
        place = network(address)
        of_address = Bucket(("address", place), self._by_address)
        of_user = Bucket(("user", user_id), self._by_user)
        of_both = Bucket(("both", user_id, place), 1)

        def take(buckets: Buckets) -> Attempt:
            wait = max(buckets.seconds(of_address), min(buckets.seconds(of_user), buckets.seconds(of_both)))
            if wait:
                return Attempt(wait)
            return Attempt(0, tuple((bucket, buckets.take(bucket)) for bucket in (of_address, of_user, of_both)))

        return self._buckets.use(take)

    def give_back(self, attempt: Attempt) -> None:
        """Return an attempt that succeeded, or that told nothing about the secret."""

        def give_back(buckets: Buckets) -> None:
            for bucket, taken in attempt.taken:
                buckets.add(bucket, taken)

        self._buckets.use(give_back)


def network(address: str) -> str:
    """Return what an address is counted as; a text that is not an address counts as itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    inner = found.ipv4_mapped
    return str(inner or ipaddress.ip_network((int(found), NETWORK_BITS), strict=False))
