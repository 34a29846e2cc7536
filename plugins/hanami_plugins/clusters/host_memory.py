"""How much memory all networks of a host have together, and those of each user.

A network counts with what it takes: what it took when it was stored, and what it grows by. Owns the counts. Must not
know networks, nor how one leaves the memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from hanami_core.compute.memory import LEAST, limit
from hanami_core.errors import Unavailable, Unprocessable
from hanami_core.machine_memory import memory
from hanami_core.settings import Settings
from hanami_core.sizes import size_text

__all__ = ["HOST_SETTING", "USER_SETTING", "HostMemory"]

HOST_SETTING, USER_SETTING = "clusters.memory", "clusters.user_memory"
RETRY_SECONDS = 5


class HostMemory:
    """The memory of one sidecar. Keys stand for networks; any thread may call."""

    def __init__(self, of_all: int, of_user: int) -> None:
        """Limit the networks of all users, and of each, to so many bytes."""
        self._of_all, self._of_user = of_all, of_user
        self._reclaims: list[Callable[[], object]] = []
        self._held: dict[object, tuple[str, int]] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> HostMemory:
        """Take the limits from the settings: three quarters of the machine, and as much as one network for a user."""
        of_all = int(settings[HOST_SETTING]) or max(LEAST, memory().total * 3 // 4)
        return cls(of_all, int(settings[USER_SETTING]) or limit(settings))

    def reclaims(self, reclaim: Callable[[], object]) -> None:
        """Call a function that lets go of networks which nobody needs, whenever there is no room for another one."""
        self._reclaims.append(reclaim)

    def take(self, key: object, owner: str, size: int, *, reclaim: bool = False) -> None:
        """Let a network have so many bytes from now on; one that does not grow always may.

        With `reclaim`, those that nobody needs leave if there is no room; the caller holds no lock that they need.

        Raises:
            Unprocessable: if no user may have as much.
            Unavailable: if others leave too little; the network has what it had.
        """
        if self._take(key, owner, size) is None:
            return
        if size > min(self._of_user, self._of_all):
            most = size_text(min(self._of_user, self._of_all))
            raise Unprocessable("network_too_big", needed=size_text(size), limit=most, setting=USER_SETTING)
        if reclaim:
            for function in self._reclaims:
                function()
        refusal = self._take(key, owner, size)
        if refusal is not None:
            raise refusal

    def _take(self, key: object, owner: str, size: int) -> Unavailable | None:
        with self._lock:
            before = self._held.get(key, ("", 0))[1]
            all_others = sum(held for _, held in self._held.values()) - before
            others = sum(held for who, held in self._held.values() if who == owner) - before
            for code, used, most in (
                ("user_memory_exhausted", others, self._of_user),
                ("host_memory_exhausted", all_others, self._of_all),
            ):
                if size > before and used + size > most:
                    numbers = {"needed": size_text(size), "used": size_text(used), "limit": size_text(most)}
                    return Unavailable(code, retry_after=RETRY_SECONDS, **numbers)
            self._held[key] = owner, size
            return None

    def note(self, key: object, size: int) -> None:
        """Note what a network takes now, which can not be refused any more."""
        with self._lock:
            if key in self._held:
                self._held[key] = self._held[key][0], size

    def held(self, key: object) -> int:
        """Return what a network has."""
        with self._lock:
            return self._held.get(key, ("", 0))[1]

    def release(self, key: object) -> None:
        """Forget a network; doing it again is fine."""
        with self._lock:
            self._held.pop(key, None)
