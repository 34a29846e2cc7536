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
    """What the tasks of one kind do, and what becomes of them when something goes wrong.

    Attributes:
        name: unique name.
        run: does a task. It may be called again for the same task, from the cursor on, if an earlier run did not end.
        survives_delete: a task still runs after its partition was closed.
        survives_owner: a task still runs after its owner was deleted, or may do less than before.
        permitted: tells in which of some partitions the owner of open tasks may have them. It is asked again and again
            while they are open, in the worker; must be quick.
        runs_on: ``host``: in the sidecar of the compute host that the partition belongs to, with its live networks;
            ``worker``: in any worker process. Partitions of the latter come and go with their tasks.
        retries: how often a run that raised is tried again, each time after a longer pause. A `ClientError` is an
            answer, and never tried again.
        crashes: how often in a row, without progress stored between them, the process may die under a task before the
            task is taken for the cause and fails.
        priority: among the first tasks of several partitions, those of the highest priority run first.
        exempt: whether nobody may refuse a task, nor let it wait, for having too many, because something else depends
            on it.
        ended: called once with every task of the kind that ends, however and wherever it does, in the transaction in
            which it ends; `Task.state` and `Task.error` tell how. Must be quick, and must not run longer than a query.
    """

    name: str
    run: Callable[[Job], None]
    survives_delete: bool = False
    survives_owner: bool = False
    permitted: Callable[[Access, Collection[str]], Collection[str]] | None = None
    runs_on: Literal["host", "worker"] = "host"
    retries: int = 0
    crashes: int = 1
    priority: int = 0
    exempt: bool = False
    ended: Callable[[Runtime, Task], None] | None = None
