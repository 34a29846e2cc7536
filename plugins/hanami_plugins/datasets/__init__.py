"""Datasets: tables of numbers that clients upload in some format, or that tasks write.

Other plugins work with them through the names exported here. Formats are plugins of their own; how the bytes of their
files arrive is known to the plugin ``uploads``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hanami_core import hookimpl
from hanami_core.deprecation import former_names
from hanami_core.http import Route
from hanami_core.metrics import Sample
from hanami_core.places import Places
from hanami_core.queue import TaskKind
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.storage.database import Record
from hanami_plugins.datasets import decode, leases, routes, service
from hanami_plugins.datasets.arrivals import (
    WAITING,
    DecodingFailed,
    finalise_dataset,
    queue_decoding,
    wait_for_table,
    wait_for_task,
)
from hanami_plugins.datasets.comparison import Comparison, Errors, Pair
from hanami_plugins.datasets.decode import partition_of
from hanami_plugins.datasets.downloads import TableFile, open_file, open_table_file
from hanami_plugins.datasets.leases import renew_lease
from hanami_plugins.datasets.models import DECODING, REFUSED, Dataset
from hanami_plugins.datasets.service import (
    LARGE_ANSWERS,
    RESULT,
    DatasetUploadProgress,
    Description,
    add_result,
    check,
    compare,
    content,
    create_dataset,
    delete_dataset,
    describe,
    finalise_result,
    get_dataset,
    list_datasets,
    open_table,
    results,
    set_labels,
    set_visibility,
    upload_progress,
)

__all__ = [
    "DECODING",
    "REFUSED",
    "RESULT",
    "Comparison",
    "Dataset",
    "DatasetUploadProgress",
    "DecodingFailed",
    "Description",
    "Errors",
    "Pair",
    "TableFile",
    "add_result",
    "check",
    "compare",
    "content",
    "create_dataset",
    "delete_dataset",
    "describe",
    "finalise_dataset",
    "finalise_result",
    "get_dataset",
    "list_datasets",
    "open_file",
    "open_table",
    "open_table_file",
    "partition_of",
    "queue_decoding",
    "renew_lease",
    "results",
    "set_labels",
    "set_visibility",
    "upload_progress",
    "wait_for_table",
    "wait_for_task",
]

requires = ("uploads",)


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how big files and tables may be, and what decoding may cost."""
    limit = 10_000_000_000
    return [
        Setting("datasets.max_upload", int, limit, "Largest file of an upload in bytes", 1, limit),
        Setting("datasets.max_table", int, 20_000_000_000, "Largest table that a format may write in bytes", 1 << 20),
        Setting("datasets.max_values", int, 8_000_000, "Maximum values of one answer (rows times width)", 1),
        Setting("datasets.decode_memory", int, 1 << 30, "Memory of a decoding process in bytes", 1 << 28),
        Setting("datasets.decode_time", float, 600.0, "Seconds that decoding a dataset may take", 1.0),
        Setting(
            "datasets.wait",
            float,
            20.0,
            "Seconds that finalising an upload waits for the table before it answers",
            0.0,
        ),
        leases.SETTING,
    ]


@hookimpl
def hanami_models() -> Iterable[type[Record]]:
    """Add the table of datasets."""
    return [Dataset]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Let at most half of the threads that answer requests wait for tables, and a quarter make large answers."""
    threads = runtime.settings["http.threads"]
    runtime.stash[WAITING] = threading.BoundedSemaphore(max(1, threads // 2))
    most = max(2, threads // 4)
    runtime.stash[LARGE_ANSWERS] = Places("large_answers_busy", 1, most, each=most // 2)


@hookimpl
def hanami_schedules(runtime: Runtime) -> list[Schedule]:
    """Remove datasets whose lease is over."""
    return [leases.schedule(runtime)]


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add decoding."""
    return [decode.KIND]


@hookimpl
def hanami_metrics() -> list[Sample]:
    """Tell how many datasets there are, by state."""
    counts = service.count_by_state()
    return [Sample("hanami_datasets", n, help="Datasets by state", labels={"state": s}) for s, n in counts.items()]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the routes of datasets and of each format."""
    return routes.routes(runtime)


if not TYPE_CHECKING:  # so that mistyped names are still found
    __getattr__ = former_names(
        __name__, "0.1", {"UploadProgress": "DatasetUploadProgress", "seal_result": "finalise_result"}
    )
