"""The durable task queue: partitions, claims with lease and fence, progress, retries, end; and who runs the tasks.

A *partition* is a FIFO: its tasks run one after the other. The partition of a cluster belongs to the cluster's compute
host, whose sidecar runs its tasks; tasks that need no compute host lie in partitions of their own, which any worker
process serves. A worker claims the oldest open task of a partition; the claim raises the task's *fence*, and every
write of a worker names its fence, so a worker that lost its lease can write nothing more. What a task does is known to
its kind (hook ``hanami_task_kinds``), not here.

Only this package writes rows of partitions and tasks.
"""

from hanami_core.queue.history import TaskEntry, entries_of
from hanami_core.queue.job import Job
from hanami_core.queue.kinds import TaskKind
from hanami_core.queue.models import (
    ABORTED,
    ACTIVE,
    FAILED,
    FINISHED,
    OPEN,
    QUEUED,
    WORKERS,
    Partition,
    RemovedTasks,
    Task,
)
from hanami_core.queue.queue import TaskQueue
from hanami_core.queue.runner import TaskRunner
from hanami_core.queue.withdrawals import WITHDRAWALS

__all__ = [
    "ABORTED",
    "ACTIVE",
    "FAILED",
    "FINISHED",
    "OPEN",
    "QUEUED",
    "WITHDRAWALS",
    "WORKERS",
    "Job",
    "Partition",
    "RemovedTasks",
    "Task",
    "TaskEntry",
    "TaskKind",
    "TaskQueue",
    "TaskRunner",
    "entries_of",
]
