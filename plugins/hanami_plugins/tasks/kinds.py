"""What train and request tasks do in the sidecar."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from hanami_core.compute import Columns, Rows, Run
from hanami_core.datasets import Table, TableWriter
from hanami_core.decoding import DecodeResult
from hanami_core.errors import TaskError
from hanami_core.network import Array
from hanami_core.queue import FINISHED, Job, Task
from hanami_core.runtime import Runtime
from hanami_plugins.clusters import LIVE, Cluster, LiveCluster, Told, add_training, report_metrics
from hanami_plugins.datasets import add_result, finalise_result
from hanami_plugins.tasks.models import OUTLIERS
from hanami_plugins.tasks.planning import require_weights
from hanami_plugins.tasks.plans import TableBinding, TaskPlan
from hanami_plugins.tasks.training import Ended, Lesson, train_epochs
from hanami_plugins.tasks.validation import release_best
from hanami_plugins.tasks.windows import Means, rows_of

ENTRY_ROWS = 200
ENTRIES = 500
"""A training records how it goes after so many rows, but not more often than that."""
RECORDED = ("running_loss", "running_accuracy", "blocks", "sections", OUTLIERS)
"""What it records, as far as the network tells."""
REPORT_SECONDS = 0.5
"""Time between two reports of metrics of a running training."""
SUSPECT_SECONDS = 0.5
"""Time after which a training whose process has died stores its first state."""
BYTES_OF_VALUE = 4
"""What a value of a result takes on the disk."""
REQUEST_VALUES = 1 << 20
"""Output values that a request holds in memory before they are written."""


def train(job: Job) -> None:
    """Train a cluster, storing its state and the cursor every few seconds."""
    plan = job.payload(TaskPlan)
    live_clusters = job.runtime.stash[LIVE]
    fit = plan.fit
    working = live_clusters.working(job.task.partition, plan.template, None if fit is None else fit.seed)
    with _lesson(job.runtime, plan) as lesson, working as live:
        rows = lesson.rows
        if fit is not None and fit.weighs:
            # The cluster may have gone to another host since the task was queued.
            cluster = Cluster.get(Cluster.uuid == job.task.partition)
            require_weights(job.runtime, cluster, live.network.head.template)
        live.fit(*rows.sizes())
        keeper = _Keeper(job, live, 1 if fit is None else fit.epochs)
        total, ended = int(job.task.total_cycles), Ended()
        if fit is None:
            live.network.train(rows, Run(keeper.step, job.start))
        else:
            ended = train_epochs(job, fit, lesson, live, keeper.step)
        keeper.record()
        if job.aborted:
            live_clusters.store(live, force=True)
            job.leave(keeper.cycle)
        elif job.interrupted and (keeper.cycle < total or ended.cut) and not ended.early:
            live_clusters.store(live, job, keeper.cycle)
        elif not ended.with_best():
            live_clusters.store(live, job, total, final=True)


def settings_of(plan: TaskPlan) -> dict[str, Told]:
    """Return what a training was told besides its datasets, as the lineage of its cluster shows it."""
    if plan.fit is None:
        return {"time_length": plan.time_length}
    told = {"time_length": plan.time_length, **msgspec.structs.asdict(plan.fit)}
    classes, sample = told.pop("class_weight"), told.pop("sample_weight")
    if classes is not None:
        told["class_weight"] = classes if isinstance(classes, str) else msgspec.json.encode(classes).decode()
    return told | ({} if sample is None else {"sample_weight": sample.column})


def trained(runtime: Runtime, task: Task) -> None:
    """Let go of the best state, and add the training to the lineage of its cluster, in the transaction that ends it."""
    plan = msgspec.json.decode(task.payload, type=TaskPlan)
    best = release_best(runtime, task)
    # The network of the best epoch has not seen the rows of those behind it.
    kept = best.epoch * (task.total_cycles // plan.fit.epochs) if best and plan.fit and task.state == FINISHED else None
    datasets = [(source.uuid, source.name) for source in plan.sources]
    add_training(runtime, task, datasets, settings_of(plan), kept)


class _Keeper:
    """Reports progress and metrics and stores the state of a running training from time to time."""

    def __init__(self, job: Job, live: LiveCluster, epochs: int = 1) -> None:
        self._job, self._live = job, live
        self._epoch = max(1, job.task.total_cycles // epochs)
        interval: float = job.runtime.settings["queue.store"]
        # What a process has died under shows soon that it goes on, or is taken for the cause.
        self._interval = interval if job.task.attempts <= 1 else min(interval, SUSPECT_SECONDS)
        self._stored = self._reported = time.monotonic()
        self._rows = max(ENTRY_ROWS, job.task.total_cycles // ENTRIES)
        self.cycle = self._recorded = job.start

    def step(self, cycle: int) -> bool:
        """Return whether to go on."""
        self.cycle = cycle
        go_on = self._job.step(cycle)
        if cycle - self._recorded >= self._rows:
            self.record()
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            report_metrics(self._live.uuid, self._live.network.metrics())
            self._reported = time.monotonic()
        now = time.monotonic()
        if go_on and now - self._stored >= self._interval and now >= self._live.rests_until:
            self._job.runtime.stash[LIVE].store(self._live, self._job, cycle)
            self._stored = time.monotonic()
            self._interval = self._job.runtime.settings["queue.store"]
        return go_on

    def record(self) -> None:
        """Add what is known of the network now to the history of the task."""
        if self.cycle > self._recorded:
            known = self._live.network.metrics()
            measures = {name: known[name] for name in RECORDED if name in known}
            self._job.record(self.cycle, measures, epoch=-(-self.cycle // self._epoch))
            self._recorded = self.cycle


def request(job: Job) -> None:
    """Ask a cluster and write the answers to a new dataset with the task's uuid."""
    plan, runtime = job.payload(TaskPlan), job.runtime
    working = runtime.stash[LIVE].working(job.task.partition)
    with _rows(runtime, plan) as rows, working as live, runtime.blobs.staging() as path:
        before = dict(live.network.head.inputs)
        live.fit(rows.sizes()[0], {})
        if _write_answers(job, plan, rows, live, path):
            shape = finalise_result(runtime, path)
            with job.commit(rows.cycles, final=True):
                _add_result(job, plan, path, shape)
        if live.network.head.inputs != before:
            # A request changes nothing, and not everybody who may ask a cluster may change it.
            runtime.stash[LIVE].evict(live)


def _write_answers(job: Job, plan: TaskPlan, rows: Rows, live: LiveCluster, path: Path) -> bool:
    sizes = live.network.head.outputs
    if not sizes:
        raise TaskError("the cluster was never trained")
    widths = [sizes[result.interface] for result in plan.results]
    job.runtime.reserve.require(BYTES_OF_VALUE * rows.cycles * (len(widths) if plan.overlapping else sum(widths)))
    chunk = max(1, REQUEST_VALUES // max(1, sum(widths)))
    means = Means(widths)
    with TableWriter(path) as table:
        shown = [1] * len(widths) if plan.overlapping else widths
        table.begin({result.column: width for result, width in zip(plan.results, shown, strict=True)}, np.float32)
        for start in range(0, rows.cycles, chunk):
            part = _slice(rows, start, min(chunk, rows.cycles - start))
            results = {r.interface: np.zeros((part.cycles, sizes[r.interface]), np.float32) for r in plan.results}
            live.network.request(part, results, Run(lambda done, start=start: job.step(start + done)))  # type: ignore[misc]
            if job.aborted or job.interrupted:
                return False
            answers = [results[result.interface] for result in plan.results]
            table.append(means.add(answers) if plan.overlapping else np.concatenate(answers, axis=1))
        if plan.overlapping:
            table.append(means.rest())
    return True


def _slice(rows: Rows, start: int, count: int) -> Rows:
    end = start + count + rows.time_length - 1
    return replace(rows, inputs=tuple(Columns(item.name, item.values[start:end]) for item in rows.inputs))


def _add_result(job: Job, plan: TaskPlan, path: Path, shape: DecodeResult) -> None:
    task = job.task
    add_result(
        job.runtime,
        uuid=task.uuid,
        name=plan.dataset,
        owner_id=task.owner_id,
        project_id=task.project_id,
        staged=path,
        shape=shape,
    )


@contextmanager
def _rows(runtime: Runtime, plan: TaskPlan) -> Iterator[Rows]:
    """Lend the rows of a task; they are maps of the stored tables, which so stay where they are."""
    with _tables(runtime, plan) as tables:
        yield Rows(_columns(tables, plan.inputs), _columns(tables, plan.outputs), plan.time_length)


@contextmanager
def _lesson(runtime: Runtime, plan: TaskPlan) -> Iterator[Lesson]:
    """Lend all that a training needs of stored tables, as `_rows` does."""
    with _tables(runtime, plan) as tables:
        rows = Rows(_columns(tables, plan.inputs), _columns(tables, plan.outputs), plan.time_length)
        judges = plan.judges
        if judges is None:
            yield Lesson(rows, _sample(tables, plan.weights))
            return
        others = Rows(_columns(tables, judges.inputs), _columns(tables, judges.outputs), plan.time_length)
        yield Lesson(rows, _sample(tables, plan.weights), others, _sample(tables, judges.weights))


def _sample(tables: Mapping[str, Table], binding: TableBinding | None) -> Array | None:
    return None if binding is None else tables[binding.blob].column(binding.column)[:, 0]


@contextmanager
def _tables(runtime: Runtime, plan: TaskPlan) -> Iterator[Mapping[str, Table]]:
    with ExitStack() as leases:
        yield {blob: Table.open(leases.enter_context(runtime.blobs.open(blob))) for blob in plan.blobs}


def _columns(tables: Mapping[str, Table], bindings: tuple[TableBinding, ...]) -> tuple[Columns, ...]:
    return tuple(
        Columns(binding.interface, rows_of(tables[binding.blob].column(binding.column), binding))
        for binding in bindings
    )
