"""What plugins say about the tasks that they bring."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hanami_core.access import Access
    from hanami_core.queue.job import Job
    from hanami_core.queue.models import Task
    from hanami_core.runtime import Runtime


@dataclass(frozen=True)
class TaskKind:
    """What the tasks of one kind do, and what happens to them when something goes wrong.

    Attributes:
        name: unique name.
        run: runs a task. It may be called again for the same task, from the cursor on, if an earlier run did not
            finish.
        survives_delete: whether a task still runs after its partition was closed.
        survives_owner: whether a task still runs after its owner was deleted or lost permissions.
        permitted: returns those of the given partitions in which the owner of open tasks may have them. The worker
            calls it repeatedly while they are open; must be quick.
        runs_on: ``host``: in the sidecar of the compute host that the partition belongs to, with its live networks;
            ``worker``: in any worker process. Partitions of the latter come and go with their tasks.
        retries: how often a run that raised an exception is retried, each time after a longer pause. A `ClientError` is
            an answer and is never retried.
        crashes: how often in a row, without stored progress in between, the process may die while it runs a task before
            the task is considered the cause and fails.
        needs_host: whether tasks wait while the compute host of their partition says that it cannot run networks. False
            for a kind that can do without.
        priority: among the first tasks of several partitions, those of the highest priority run first.
        exempt: whether limits on the number of tasks neither refuse nor delay a task, because something else depends on
            it.
        ended: called once for every task of the kind that ends, for whatever reason, in the transaction that ends it;
            `Task.state` and `Task.error` say how it ended. Must not take longer than a query.
    """

    name: str
    run: Callable[[Job], None]
    survives_delete: bool = False
    survives_owner: bool = False
    permitted: Callable[[Access, Collection[str]], Collection[str]] | None = None
    runs_on: Literal["host", "worker"] = "host"
    retries: int = 0
    crashes: int = 1
    needs_host: bool = True
    priority: int = 0
    exempt: bool = False
    ended: Callable[[Runtime, Task], None] | None = None
