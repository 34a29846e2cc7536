"""The thread that stores what direct mode trained, every few seconds, and evicts networks that nobody needs.

It is a thread of the sidecar and no schedule, because the networks are in the memory of that process alone. Owns when
that is done; how it is done is known to `live`.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from hanami_core.runtime import Runtime
from hanami_core.storage.database import reset

if TYPE_CHECKING:
    from hanami_plugins.clusters.live import LiveClusters

__all__ = ["Keeper"]

LONGEST_WAIT = 1.0
"""Seconds that one network which is being stored by somebody else keeps all others waiting."""
END_SECONDS = 5.0

log = logging.getLogger("hanami.clusters")


class Keeper:
    """Keeps the live clusters of a sidecar."""

    def __init__(self, clusters: LiveClusters, runtime: Runtime) -> None:
        """Start the thread."""
        self._clusters = clusters
        self._runtime = runtime
        self._hurry = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._keep, name="live-clusters", daemon=True)
        self._thread.start()

    def hurry(self) -> None:
        """Store now what is to be stored."""
        self._hurry.set()

    def _keep(self) -> None:
        idle: float = self._runtime.settings["clusters.idle"]
        pause = min(self._runtime.settings["clusters.store"], idle)
        while not self._ended:
            self._hurry.wait(pause)
            self._hurry.clear()
            if not self._ended:
                try:
                    self.flush()
                    self._clusters.evict_idle(idle)
                except BaseException:
                    log.exception("storing live clusters failed")
                    reset(self._runtime.database)
        self._runtime.database.disconnect()

    def flush(self) -> None:
        """Store all networks that frames have trained."""
        for live in self._clusters.unsaved():
            if live.storing.acquire(timeout=LONGEST_WAIT):
                try:
                    self._clusters.store_beside_frames(live)
                except BaseException:
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
