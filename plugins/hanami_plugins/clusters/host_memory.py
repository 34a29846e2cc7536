"""How much memory all networks of a host have together, and those of each user and of each project.

A network counts with what it takes: what it took when it was stored, and what it grows by. Owns the counts. Must not
know networks, nor how one leaves the memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from hanami_core.compute.memory import LEAST, limit, room
from hanami_core.errors import Unavailable, Unprocessable
from hanami_core.machine_memory import memory
from hanami_core.runtime import Runtime
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

    def __init__(
        self, of_all: int, of_user: int, of_project: int, room: Callable[[], int | None] = lambda: None
    ) -> None:
        """Limit the networks of all, of each user and of each project to so many bytes.

        `room` tells how many all may have at the moment on a host with memory of its own.
        """
        self._of_all, self._of_user, self._of_project = of_all, of_user, of_project
        self._room = room
        self._reclaims: list[Callable[[], object]] = []
        self._held: dict[object, _Held] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, runtime: Runtime) -> HostMemory:
        """Take the limits from the settings, and from the host if it has memory of its own.

        If the settings name none, all have three quarters of the machine, a user has as much as one network may, and a
        project as much as all.
        """
        settings = runtime.settings
        of_all = int(settings[HOST_SETTING]) or max(LEAST, memory().total * 3 // 4)
        of_project = int(settings[PROJECT_SETTING]) or of_all
        return cls(of_all, int(settings[USER_SETTING]) or limit(settings), of_project, partial(_room, runtime))

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
        limits = {USER_SETTING: self._of_user, PROJECT_SETTING: self._of_project, HOST_SETTING: self._of_host()}
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

    def _of_host(self) -> int:
        room = self._room()
        return self._of_all if room is None else min(self._of_all, room)

    def _take(self, key: object, owner: NetworkOwner, size: int) -> Unavailable | None:
        of_host = self._of_host()
        with self._lock:
            before = self._held.get(key, _NOTHING).size
            others = [held for other, held in self._held.items() if other != key]
            of_user = sum(held.size for held in others if held.owner.user == owner.user)
            of_project = sum(held.size for held in others if held.owner.project == owner.project)
            for code, used, most in (
                ("user_memory_exhausted", of_user, self._of_user),
                ("project_memory_exhausted", of_project, self._of_project),
                ("host_memory_exhausted", sum(held.size for held in others), of_host),
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


def _room(runtime: Runtime) -> int | None:
    return None if runtime.compute is None else room(runtime, runtime.compute)
