"""Looks again, every few seconds, whether those who have open sockets, or answers that last, may still have them.

Opening a socket passes identity, action and row; a message passes none of them, or each frame would cost a query. The
same is true of an answer that is made while it is sent. So a thread puts the questions of the opening to all of them,
to those of one actor and target at once, and closes what is refused now. Must not know targets nor the protocol.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import falcon

from hanami_core.access import Access, Action, Actor
from hanami_core.errors import ClientError
from hanami_core.http import Api
from hanami_core.priority import step_back
from hanami_core.runtime import Runtime
from hanami_core.sockets import OpenSession, SocketTarget
from hanami_core.storage.database import reset
from hanami_server.authorization import identify_again

__all__ = ["PERIOD", "Permit", "Permits"]

PERIOD = 2.0
"""Seconds from one look to the next."""
WITHDRAWN = "access was withdrawn"
END_SECONDS = 5.0

log = logging.getLogger("hanami.sockets")


@dataclass(frozen=True, eq=False)
class Permit:
    """What a session, or the answer to a call, was opened with; an answer has no target that could be asked."""

    api: Api
    request: falcon.Request
    actor: Actor
    action: Action
    target: SocketTarget | None = None
    opened: OpenSession | None = None

    @property
    def name(self) -> str:
        """What it is about, for the log."""
        return self.action.name if self.target is None else self.target.name

    @property
    def group(self) -> tuple[object, ...]:
        """What permits have in common that can be asked about together."""
        who = self.actor.principal or id(self)
        return who, self.actor.scheme, tuple(sorted(self.actor.attributes.items())), self.name, self.action


class Permits:
    """The permits of all that is open in a process, and the thread that looks at them."""

    def __init__(self, runtime: Runtime, period: float = PERIOD) -> None:
        """Prepare; nothing runs before `start`."""
        self._runtime = runtime
        self._period = period
        # Held for a few instructions only: the event loop adds and removes.
        self._lock = threading.Lock()
        self._held: dict[Permit, Callable[[str], object]] = {}
        self._any = threading.Event()
        self._ended = threading.Event()
        self._started = False
        self._thread = threading.Thread(target=self._watch, name="permits", daemon=True)

    def add(self, permit: Permit, close: Callable[[str], object]) -> None:
        """Look at a session from now on; `close` ends its socket with a reason and may be called from any thread."""
        with self._lock:
            self._held[permit] = close
            self._any.set()

    def discard(self, permit: Permit) -> None:
        """Look at a session no more."""
        with self._lock:
            self._held.pop(permit, None)
            if not self._held:
                self._any.clear()

    def start(self) -> None:
        """Begin to look; doing it again is fine."""
        with self._lock:
            started, self._started = self._started, True
        if not started:
            self._thread.start()

    def stop(self) -> None:
        """End the thread; never blocks."""
        self._ended.set()
        self._any.set()

    def _watch(self) -> None:
        step_back()
        while self._any.wait() and not self._ended.wait(self._period):
            for permits in self._groups():
                if not self._ended.is_set():
                    self._look(permits)
            self._runtime.database.disconnect()

    def _groups(self) -> list[list[Permit]]:
        with self._lock:
            held = list(self._held)
        groups: dict[tuple[object, ...], list[Permit]] = defaultdict(list)
        for permit in held:
            groups[permit.group].append(permit)
        return list(groups.values())

    def _look(self, permits: Sequence[Permit]) -> None:
        try:
            lost = self._lost(permits)
        except BaseException:
            # Who cannot be asked about, for example because the database is locked, is asked about again.
            log.exception("it is not known whether sockets may stay open", extra={"target": permits[0].name})
            reset(self._runtime.database)
            return
        for permit in lost:
            with self._lock:
                close = self._held.pop(permit, None)
            if close is not None:
                log.info("access was withdrawn", extra={"target": permit.name, "user": permit.actor.user_id})
                close(WITHDRAWN)

    def _lost(self, permits: Sequence[Permit]) -> Sequence[Permit]:
        first, runtime = permits[0], self._runtime
        try:
            actor = identify_again(runtime, first.api, first.request, first.actor)
            access = Access(actor, first.action, runtime.plugins.access_rules)
            access.require()
            if first.target is None:
                return []
            opened = [one.opened for one in permits if one.opened is not None]
            lost = {id(one) for one in first.target.withdrawn(runtime, access, opened)}
        except ClientError:
            return permits
        return [one for one in permits if id(one.opened) in lost]
