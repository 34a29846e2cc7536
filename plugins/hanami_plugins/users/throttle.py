"""Slows down guessing: failed logins are counted by address and by user, in the memory of one process.

An address has so many failed logins a minute, whatever users it tries. A user has so many, wherever they come from;
once they are used up, an address that did not fail for that user within the last minute still has one attempt. So
nobody can lock a user out by failing in their name, and many addresses together guess hardly faster than one.
"""

from __future__ import annotations

import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from hanami_core.clock import Clock

CAPACITY = 10_000
"""Buckets kept of a kind; those used longest ago go first, so that made-up users can not fill the memory."""
NETWORK_BITS = 64
"""What one client of IPv6 usually has to itself: the addresses of such a network count as one."""


class Buckets:
    """Buckets of attempts by key, each with `size` attempts, refilled within a minute."""

    def __init__(self, clock: Clock, size: int) -> None:
        """Start with full buckets."""
        self._clock, self._size = clock, size
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of buckets that are kept."""
        return len(self._buckets)

    def left(self, key: Hashable) -> float:
        """Return how many attempts there are."""
        left, then = self._buckets.get(key, (float(self._size), self._clock.monotonic()))
        return min(left + (self._clock.monotonic() - then) * self._size / 60, self._size)

    def add(self, key: Hashable, attempts: float) -> None:
        """Put attempts into a bucket; what does not fit is lost."""
        self._buckets[key] = min(self.left(key) + attempts, self._size), self._clock.monotonic()
        self._buckets.move_to_end(key)
        if len(self._buckets) > CAPACITY:
            self._buckets.popitem(last=False)

    def take(self, key: Hashable) -> float:
        """Take out one attempt, or what there is if that is less, and return how much."""
        taken = min(1.0, self.left(key))
        self.add(key, -taken)
        return taken

    def seconds(self, key: Hashable) -> int:
        """Return after how many whole seconds there is an attempt."""
        return math.ceil(max(0.0, 1 - self.left(key)) * 60 / self._size)


@dataclass(frozen=True)
class Attempt:
    """One attempt. It is not allowed if `wait` is not 0: the seconds until one is. `taken` says what it cost."""

    wait: int
    taken: tuple[tuple[Buckets, Hashable, float], ...] = ()


class Throttle:
    """Attempts by address and by user; successful ones are given back."""

    def __init__(self, clock: Clock, by_user: int, by_address: int) -> None:
        """Allow so many failed logins a minute."""
        self._addresses, self._users = Buckets(clock, by_address), Buckets(clock, by_user)
        self._pairs = Buckets(clock, 1)
        self._lock = threading.Lock()

    def take(self, user_id: str, address: str) -> Attempt:
        """Use up one attempt, if there is one."""
        place = network(address)
        pair = user_id, place
        with self._lock:
            of_user = min(self._users.seconds(user_id), self._pairs.seconds(pair))
            wait = max(self._addresses.seconds(place), of_user)
            if wait:
                return Attempt(wait)
            kinds = (self._addresses, place), (self._users, user_id), (self._pairs, pair)
            return Attempt(0, tuple((buckets, key, buckets.take(key)) for buckets, key in kinds))

    def give_back(self, attempt: Attempt) -> None:
        """Return an attempt that succeeded."""
        with self._lock:
            for buckets, key, taken in attempt.taken:
                buckets.add(key, taken)


def network(address: str) -> str:
    """Return what an address is counted as; a text that is no address counts as itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    inner = found.ipv4_mapped
    return str(inner or ipaddress.ip_network((int(found), NETWORK_BITS), strict=False))
