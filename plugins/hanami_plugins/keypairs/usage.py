"""When key pairs were last used: noted by requests, stored by a thread of its own, so that no request waits for it."""

from __future__ import annotations

import logging
import threading

from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_core.storage.database import relaxed, reset
from hanami_plugins.keypairs.models import KeyPair

__all__ = ["USAGE", "Usage"]

PERIOD = 60.0
"""Seconds between two writes about the same pair, in all processes together."""
MOST_NOTED = 10_000
"""Pairs that a process remembers having noted; after more of them, it may ask the database once more than it has to."""
END_SECONDS = 5.0

log = logging.getLogger("hanami.keypairs")


class Usage:
    """What this process has to store about the use of pairs."""

    def __init__(self, runtime: Runtime) -> None:
        """Begin with nothing; there is no thread before something is noted."""
        self._runtime = runtime
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}
        self._waiting: dict[str, float] = {}
        self._any = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def note(self, access_key: str, last: float | None) -> None:
        """Have it stored that a pair is used now; `last` is when the database says that it was used."""
        now = self._runtime.clock.now()
        if abs(now - max(self._noted.get(access_key, 0.0), last or 0.0)) < PERIOD:
            return
        with self._lock:
            if len(self._noted) >= MOST_NOTED:
                self._noted.clear()
            self._noted[access_key] = self._waiting[access_key] = now
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._work, name="keypair-usage", daemon=True)
                self._thread.start()
        self._any.set()

    def close(self) -> None:
        """Store what is noted, and end the thread."""
        with self._lock:
            self._ended, thread = True, self._thread
        self._any.set()
        if thread is not None:
            thread.join(END_SECONDS)

    def _work(self) -> None:
        ended = False
        while not ended:
            self._any.wait()
            self._any.clear()
            with self._lock:
                waiting, self._waiting, ended = self._waiting, {}, self._ended
            try:
                for access_key, moment in waiting.items():
                    _store(access_key, moment)
            except Exception:
                log.exception("it could not be stored when key pairs were used")
                reset(self._runtime.database)
            self._runtime.database.disconnect()


def _store(access_key: str, moment: float) -> int:
    """Store it, unless another process has done so within the period; tell whether it was stored."""
    long_ago = KeyPair.last_used_at.is_null() | (KeyPair.last_used_at <= moment - PERIOD)
    with relaxed():
        this = (KeyPair.access_key == access_key) & long_ago
        return int(KeyPair.update(last_used_at=moment).where(this).execute())


USAGE: StashKey[Usage] = StashKey("keypairs.usage")
