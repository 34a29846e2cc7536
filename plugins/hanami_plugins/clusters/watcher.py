"""The thread that reads what happens to clusters outside of this process, and tells it to their networks and sessions.

Modes are switched, clusters deleted and shared by the api; the row tells. It is read when the api sends a notice, every
second anyway, and before a frame is refused: `Watcher.look` promises an answer that is newer than the question, and
looks for all who ask at the same time are one. Looks have a pace, so that frames which are refused cost the same
however many there are. It is a thread of the sidecar and no schedule, because whom it tells is in the memory of that
process alone. Must not know frames, nor the event loop.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hanami_core.errors import NotFound
from hanami_core.priority import step_back
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, reset
from hanami_plugins.clusters import direct_lease
from hanami_plugins.clusters.live_cluster import Attachment, ClusterState
from hanami_plugins.clusters.models import Cluster
from hanami_plugins.clusters.notices import Notices
from hanami_plugins.clusters.service import MISSING

if TYPE_CHECKING:
    from hanami_plugins.clusters.live import LiveClusters

__all__ = ["PACE", "PERIOD", "Watcher"]

PERIOD = 1.0
"""Seconds between two looks at all clusters that sessions are attached to."""
PACE = 0.025
"""Seconds from one look to the next, whoever asks."""
PATIENCE = 0.2
"""Seconds that a question waits for a task which has to notice that it is not wanted any more."""
OPENERS = 4
CHUNK = 500
END_SECONDS = 5.0

log = logging.getLogger("hanami.clusters")


@dataclass(eq=False)
class _Inquiry:
    """Somebody who wants to know what is true now."""

    attachment: Attachment
    future: Future[None] = field(default_factory=Future)
    asked: float = field(default_factory=time.monotonic)

    @property
    def uuid(self) -> str:
        return self.attachment.live.uuid

    def answer(self, error: BaseException | None = None) -> None:
        if self.future.set_running_or_notify_cancel():
            if error is None:
                self.future.set_result(None)
            else:
                self.future.set_exception(error)


class Watcher:
    """Watches the rows of live clusters; begins with the first one that is attached to."""

    def __init__(self, clusters: LiveClusters, runtime: Runtime) -> None:
        """Prepare; nothing runs before `start`."""
        self._clusters = clusters
        self._runtime = runtime
        self._openers = ThreadPoolExecutor(OPENERS, "open-cluster", step_back)
        # Guards the two below, and is held for a few instructions only: the event loop asks questions.
        self._lock = threading.Lock()
        self._questions: list[_Inquiry] = []
        self._opening: dict[str, list[_Inquiry]] = {}
        self._left: set[str] = set()
        self._ended = threading.Event()
        self._notices: Notices | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch, if that was not done yet."""
        assert self._runtime.compute is not None, "only a sidecar keeps live networks"
        with self._lock:
            if self._notices is None:
                self._notices = Notices(self._runtime.settings.data_dir, self._runtime.compute.name)
                self._thread = threading.Thread(
                    target=self._watch, args=(self._notices,), name="watch-clusters", daemon=True
                )
                self._thread.start()

    def look(self, attachment: Attachment) -> Future[None]:
        """Begin to find out what is true for a session now; never blocks."""
        question = _Inquiry(attachment)
        if self._ended.is_set():
            question.future.cancel()
        else:
            self._ask(question)
        return question.future

    def note_left(self, uuid: str) -> None:
        """Take note that the last session of a cluster has ended; never blocks."""
        with self._lock:
            self._left.add(uuid)
        if self._notices is not None and not self._ended.is_set():
            with contextlib.suppress(OSError):  # the process ends
                self._notices.wake()

    def _ask(self, question: _Inquiry) -> None:
        assert self._notices is not None, "nobody is attached yet"
        with self._lock:
            self._questions.append(question)
        self._notices.wake()

    def _watch(self, notices: Notices) -> None:
        due = 0.0
        while not self._ended.is_set():
            named = notices.wait(max(0.0, due - time.monotonic()))
            everything = time.monotonic() >= due
            if everything:
                due = time.monotonic() + PERIOD
            with self._lock:
                questions, self._questions = self._questions, []
                left, self._left = self._left, set()
            self._guarded_look(questions, named, everything)
            self._guarded_leases(left, everything)
            self._ended.wait(PACE)
        self._runtime.database.disconnect()

    def _guarded_look(self, questions: list[_Inquiry], named: set[str], everything: bool) -> None:
        try:
            self._look(questions, named, everything)
        except BaseException as error:
            log.exception("clusters could not be looked at")
            reset(self._runtime.database)
            for question in questions:
                if not question.future.done():
                    question.answer(error)

    def _guarded_leases(self, left: set[str], everything: bool) -> None:
        """Shorten the leases of clusters without sessions, and renew those of others."""
        try:
            attached = (
                {attachment.live.uuid for attachment in self._clusters.attachments()} if left or everything else set()
            )
            for uuid in left - attached:
                direct_lease.shorten(self._runtime, uuid)
            if everything:
                for row in _rows(sorted(attached)):
                    if self._clusters.welcomes(row):
                        direct_lease.renew(self._runtime, row)
        except BaseException:
            log.exception("leases of direct mode could not be renewed")
            reset(self._runtime.database)

    def _look(self, questions: list[_Inquiry], named: set[str], everything: bool) -> None:
        uuids = named | {question.uuid for question in questions}
        if everything:
            uuids |= {attachment.live.uuid for attachment in self._clusters.attachments()}
        works = self._clusters.works(uuids)
        rows = {row.uuid: row for row in _rows(sorted(uuids))}
        for row in rows.values():
            self._clusters.tell(row, works.get(row.uuid, 0))
        for attachment in self._clusters.attachments(set(rows)):
            _tell_change(attachment, rows[attachment.live.uuid])
        for question in questions:
            self._proceed(question, rows.get(question.uuid))

    def _proceed(self, question: _Inquiry, row: Cluster | None) -> None:
        """Answer a question if the answer is known, open the network, or keep the question for the next look."""
        live = question.attachment.live
        if row is None:
            question.answer(NotFound(MISSING.format(question.uuid)))
        elif not self._clusters.welcomes(row) or live.state is ClusterState.DIRECT:
            question.answer()
        elif live.state is ClusterState.EVICTED or (live.state is ClusterState.RESTING and live.version < row.version):
            self._open(question)
        elif time.monotonic() < question.asked + PATIENCE:
            self._ask(question)
        else:
            question.answer()

    def _open(self, question: _Inquiry) -> None:
        with self._lock:
            waiting = self._opening.setdefault(question.uuid, [])
            waiting.append(question)
        if len(waiting) == 1:
            self._openers.submit(self._reopen, question.uuid)

    def _reopen(self, uuid: str) -> None:
        error: BaseException | None = None
        try:
            self._clusters.reopen(uuid)
        except BaseException as failure:
            error = failure
            reset(self._runtime.database)
        with self._lock:
            waiting = self._opening.pop(uuid)
        for question in waiting:
            if error is not None or question.attachment.live.direct:
                question.answer(error)
            else:
                # The row was read while it was opened, which may be before somebody asked who came later.
                self._ask(question)

    def close(self) -> None:
        """End the thread; questions that are still open are cancelled."""
        self._ended.set()
        if self._notices is not None and self._thread is not None:
            self._notices.wake()
            self._thread.join(END_SECONDS)
            self._notices.close()
        self._openers.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for question in self._questions:
                question.future.cancel()


def _rows(uuids: list[str]) -> Iterable[Cluster]:
    columns = (Cluster.uuid, Cluster.mode, Cluster.status, Cluster.host, Cluster.version, Cluster.direct_until)
    facts = (Cluster.owner_id, Cluster.project_id, Cluster.visibility)
    for start in range(0, len(uuids), CHUNK):
        yield from Cluster.select(*columns, *facts).where(Cluster.uuid.in_(uuids[start : start + CHUNK]))


def _tell_change(attachment: Attachment, row: Cluster) -> None:
    facts = str(row.owner_id), str(row.project_id), str(row.visibility)
    if row.status == ACTIVE and attachment.seen != facts:
        attachment.seen = facts
        try:
            attachment.on_change()
        except BaseException:
            log.exception("a session could not be told of a change", extra={"cluster": row.uuid})
