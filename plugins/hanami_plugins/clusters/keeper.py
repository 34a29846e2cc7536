"""The thread that stores what direct mode trained, every few seconds, and evicts networks that nobody needs.

It is a thread of the sidecar and no schedule, because the networks are in the memory of that process alone. Owns when
that is done; how it is done is known to `live`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from hanami_core.errors import Conflict, VisibleError
from hanami_core.priority import step_back
from hanami_core.runtime import Runtime
from hanami_core.storage.database import reset
from hanami_plugins.clusters.live_cluster import LiveCluster

if TYPE_CHECKING:
    from hanami_plugins.clusters.live import LiveClusters

__all__ = ["Keeper"]

LONGEST_WAIT = 1.0
"""Seconds that one network which is being stored by somebody else keeps all others waiting."""
END_SECONDS = 5.0
AGAIN_SECONDS = 0.05
"""Seconds until a network that somebody waits for is looked at again, because another thread stores it."""

log = logging.getLogger("hanami.clusters")


class _Wish(NamedTuple):
    """Somebody waits until a network is stored as it was after so many changes."""

    live: LiveCluster
    changes: int
    future: Future[None]

    def fulfilled(self) -> bool:
        """Answer if there is something to say, and tell whether there was."""
        try:
            if self.live.lost:
                raise Conflict("frames_dropped")
            if self.live.stored < self.changes:
                self.live.require_storable()
                return False
            self.future.set_result(None)
        except VisibleError as error:
            self.future.set_exception(error)
        return True


class Keeper:
    """Keeps the live clusters of a sidecar."""

    def __init__(self, clusters: LiveClusters, runtime: Runtime) -> None:
        """Start the thread."""
        self._clusters = clusters
        self._runtime = runtime
        self._hurry = threading.Event()
        self._ended = False
        self._wishes: deque[_Wish] = deque()
        self._urgent: deque[LiveCluster] = deque()
        self._thread = threading.Thread(target=self._keep, name="live-clusters", daemon=True)
        self._thread.start()

    def hurry(self, live: LiveCluster) -> None:
        """Store a network now, if there is something to store."""
        self._urgent.append(live)
        self._hurry.set()

    def request(self, live: LiveCluster) -> Future[None]:
        """Store a network soon; the future tells what came of it. Never blocks."""
        wish = _Wish(live, live.changes, Future())
        wish.future.set_running_or_notify_cancel()  # whoever asks may go away, but cannot take the wish back
        self._wishes.append(wish)
        self.hurry(live)
        return wish.future

    def _answer(self) -> None:
        """Answer those who can be answered; the others wait for the next turn."""
        for _ in range(len(self._wishes)):
            wish = self._wishes.popleft()
            if not wish.fulfilled():
                self._wishes.append(wish)

    def _keep(self) -> None:
        step_back()
        idle: float = self._runtime.settings["clusters.idle"]
        pause = min(self._runtime.settings["clusters.store"], idle)
        while not self._ended:
            self._hurry.wait(AGAIN_SECONDS if self._wishes else pause)
            self._hurry.clear()
            if not self._ended:
                try:
                    self.flush(all=False)
                    self._clusters.evict_idle(idle)
                except BaseException:
                    log.exception("storing live clusters failed")
                    reset(self._runtime.database)
                self._answer()
        self._runtime.database.disconnect()

    def flush(self, *, all: bool = True) -> None:
        """Store the networks that frames have trained; of those that rest, only the ones that somebody waits for."""
        urgent = {wish.live for wish in list(self._wishes)}
        while self._urgent:
            urgent.add(self._urgent.popleft())
        now = time.monotonic()
        for live in self._clusters.unsaved():
            if not (all or live in urgent or live.rests_until <= now):
                continue
            known = live.unstorable is not None
            if live.storing.acquire(timeout=LONGEST_WAIT):
                try:
                    self._clusters.store_beside_frames(live)
                except BaseException:
                    if not known:
                        log.exception("storing a live cluster failed", extra={"cluster": live.uuid})
                    reset(self._runtime.database)
                finally:
                    live.storing.release()

    def close(self) -> None:
        """End the thread and store what is left."""
        self._ended = True
        self._hurry.set()
        self._thread.join(END_SECONDS)
        self.flush()
        self._answer()
