"""Ends the process when its event loop no longer turns: a dead process is restarted, a half-dead one is not.

Must not know what the loop does.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import sys
import threading
from collections.abc import Callable

from hanami_server import process_control

__all__ = ["Watchdog"]

PAUSE = 5.0
PATIENCE = 6

log = logging.getLogger("hanami.sidecar")


class Watchdog:
    """Watches one event loop from a thread of its own."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, hung: Callable[[], str] = lambda: "", pause: float = PAUSE
    ) -> None:
        """Ask `loop` every `pause` seconds for a sign of life, and `hung` for what else gives none."""
        self._hung = hung
        self._loop = loop
        self._pause = pause
        self._turned = threading.Event()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            if reason := self._hung():
                self._give_up(reason)
            self._turned.clear()
            self._loop.call_soon_threadsafe(self._turned.set)
            # Several short waits instead of a long one: a machine that was suspended in between costs one of them.
            if not any(self._turned.wait(self._pause) for _ in range(PATIENCE)) and not self._stop.is_set():
                self._give_up("the event loop stands still")

    @staticmethod
    def _give_up(reason: str) -> None:
        faulthandler.dump_traceback(sys.stderr)
        process_control.abort(reason)
