"""What the websockets of each user take of a sidecar: how many are open, and how much of unfinished messages they hold.

Whether a user may open one more is not decided here, see `hanami_core.admission`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from hanami_core.access import Actor
from hanami_core.admission import HolderKind

__all__ = ["Share", "Shares"]


@dataclass(frozen=True)
class MemoryLimits:
    """Bytes of unfinished messages that the sockets of one user may hold, and those of all users together."""

    of_user: int
    of_all: int


class Shares:
    """The sockets of one sidecar, by user and by project."""

    def __init__(self, of_user: int, of_all: int) -> None:
        """Limit the unfinished messages of the sockets of one user, and of all, to so many bytes."""
        self.limits = MemoryLimits(of_user, of_all)
        self.bytes_of_all = 0
        self.bytes_of: Counter[str] = Counter()
        self._users: Counter[str] = Counter()
        self._projects: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, actor: Actor) -> Share:
        """Count a socket that somebody is about to open; any thread may call this."""
        with self._lock:
            before: dict[HolderKind, int] = {
                "user": self._users[actor.user_id],
                "project": self._projects[actor.project_id],
            }
            self._users[actor.user_id] += 1
            self._projects[actor.project_id] += 1
        return Share(self, actor, before)

    def leave(self, actor: Actor) -> None:
        """Count a socket no more; any thread may call this."""
        with self._lock:
            for counts, key in ((self._users, actor.user_id), (self._projects, actor.project_id)):
                counts[key] -= 1
                if not counts[key]:
                    del counts[key]


class Share:
    """One socket. `before` tells how many the user and the project had without it."""

    def __init__(self, shares: Shares, actor: Actor, before: Mapping[HolderKind, int]) -> None:
        self.before = before
        self._shares = shares
        self._actor = actor
        self._held = 0
        self._left = False

    def hold(self, size: int) -> bool:
        """Note that the socket now holds so many bytes, and tell whether that is allowed; only for the event loop."""
        shares, user = self._shares, self._actor.user_id
        more, self._held = size - self._held, size
        shares.bytes_of_all += more
        shares.bytes_of[user] += more
        if not shares.bytes_of[user]:
            del shares.bytes_of[user]
        limits = shares.limits
        return more <= 0 or (shares.bytes_of_all <= limits.of_all and shares.bytes_of[user] <= limits.of_user)

    def leave(self) -> None:
        """Count the socket no more; doing it again is fine."""
        if not self._left:
            self._left = True
            self._shares.leave(self._actor)
