"""How much memory all networks of a host have together, and those of each user and of each project.

A network counts with what it takes: what it took when it was stored, and what it grows by. Owns the counts. Must not
know networks, nor how one leaves the memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from hanami_core.compute.memory import LEAST, limit
from hanami_core.errors import Unavailable, Unprocessable
from hanami_core.machine_memory import memory
from hanami_core.settings import Settings
from hanami_core.sizes import size_text
from hanami_core.storage.database import OwnedRecord

__all__ = ["HOST_SETTING", "PROJECT_SETTING", "USER_SETTING", "HostMemory", "NetworkOwner"]

HOST_SETTING, USER_SETTING, PROJECT_SETTING = "clusters.memory", "clusters.user_memory", "clusters.project_memory"
RETRY_SECONDS = 5


class NetworkOwner(NamedTuple):
    """Whose network it is."""

    user: str
    project: str

    @classmethod
    def of(cls, row: OwnedRecord) -> NetworkOwner:
        """Return the owner of a row."""
        return cls(str(row.owner_id), str(row.project_id))


class _Held(NamedTuple):
    owner: NetworkOwner
    size: int


_NOTHING = _Held(NetworkOwner("", ""), 0)


class HostMemory:
    """The memory of one sidecar. Keys stand for networks; any thread may call."""

    def __init__(self, of_all: int, of_user: int, of_project: int) -> None:
        """Limit the networks of all, of each user and of each project to so many bytes."""
        self._of_all, self._of_user, self._of_project = of_all, of_user, of_project
        self._reclaims: list[Callable[[], object]] = []
        self._held: dict[object, _Held] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> HostMemory:
        """Take the limits from the settings.

        If they name none, all have three quarters of the machine, a user has as much as one network may, and a project
        as much as all.
        """
        of_all = int(settings[HOST_SETTING]) or max(LEAST, memory().total * 3 // 4)
        return cls(of_all, int(settings[USER_SETTING]) or limit(settings), int(settings[PROJECT_SETTING]) or of_all)

    def reclaims(self, reclaim: Callable[[], object]) -> None:
        """Call a function that lets go of networks which nobody needs, whenever there is no room for another one."""
        self._reclaims.append(reclaim)

    def take(self, key: object, owner: NetworkOwner, size: int, *, reclaim: bool = False) -> None:
        """Let a network have so many bytes from now on; one that does not grow always may.

        With `reclaim`, those that nobody needs leave if there is no room; the caller holds no lock that they need.

        Raises:
            Unprocessable: if no user or no project may have as much.
            Unavailable: if others leave too little; the network has what it had.
        """
        if self._take(key, owner, size) is None:
            return
        limits = {USER_SETTING: self._of_user, PROJECT_SETTING: self._of_project, HOST_SETTING: self._of_all}
        setting = min(limits, key=lambda name: limits[name])
        if size > limits[setting]:
            most = size_text(limits[setting])
            raise Unprocessable("network_too_big", needed=size_text(size), limit=most, setting=setting)
        if reclaim:
            for function in self._reclaims:
                function()
        refusal = self._take(key, owner, size)
        if refusal is not None:
            raise refusal

    def _take(self, key: object, owner: NetworkOwner, size: int) -> Unavailable | None:
        with self._lock:
            before = self._held.get(key, _NOTHING).size
            others = [held for other, held in self._held.items() if other != key]
            of_user = sum(held.size for held in others if held.owner.user == owner.user)
            of_project = sum(held.size for held in others if held.owner.project == owner.project)
            for code, used, most in (
                ("user_memory_exhausted", of_user, self._of_user),
                ("project_memory_exhausted", of_project, self._of_project),
                ("host_memory_exhausted", sum(held.size for held in others), self._of_all),
            ):
                if size > before and used + size > most:
                    numbers = {"needed": size_text(size), "used": size_text(used), "limit": size_text(most)}
                    return Unavailable(code, retry_after=RETRY_SECONDS, **numbers)
            self._held[key] = _Held(owner, size)
            return None

    def note(self, key: object, size: int) -> None:
        """Note what a network takes now, which cannot be refused any more."""
        with self._lock:
            if key in self._held:
                self._held[key] = _Held(self._held[key].owner, size)

    def held(self, key: object) -> int:
        """Return what a network has."""
        with self._lock:
            return self._held.get(key, _NOTHING).size

    def release(self, key: object) -> None:
        """Forget a network; doing it again is fine."""
        with self._lock:
            self._held.pop(key, None)
