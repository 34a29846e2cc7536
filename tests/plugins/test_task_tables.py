"""The tables of a task: verified when it starts, and kept where they are while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.datasets import TableWriter
from hanami_core.errors import CorruptFile
from hanami_core.runtime import Runtime
from hanami_core.storage import blob_stores
from hanami_core.storage.blobs import BlobLease
from hanami_core.storage.database import atomic
from hanami_plugins.tasks.kinds import _rows
from hanami_plugins.tasks.plans import TableBinding, TaskPlan
from tests.plugins.data import Site


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Site(tmp_path) as site:
        yield site.runtime


@pytest.fixture
def plan(runtime: Runtime) -> TaskPlan:
    """A training with a table of three rows."""
    with runtime.blobs.staging() as staged:
        with TableWriter(staged) as table:
            table.begin({"a": 2, "b": 1}, np.float32)
            table.append(np.arange(9).reshape(3, 3))
        with atomic():
            blob = runtime.blobs.link(staged)
    return TaskPlan((TableBinding("in", blob, "a"),), (TableBinding("out", blob, "b"),))


@pytest.fixture
def leases(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> list[BlobLease]:
    """Return the leases that are held, as it happens."""
    held: list[BlobLease] = []
    original = runtime.blobs.open

    class Watched(BlobLease):
        def release(self) -> None:
            super().release()
            held.remove(self)

    def watch(blob: str) -> BlobLease:
        lease = original(blob)
        lease.__class__ = Watched
        held.append(lease)
        return lease

    monkeypatch.setattr(runtime.blobs, "open", watch)
    return held


def test_a_task_holds_its_tables_while_it_runs(runtime: Runtime, plan: TaskPlan, leases: list[BlobLease]) -> None:
    with _rows(runtime, plan) as rows:
        assert len(leases) == 1
        assert rows.inputs[0].values.tolist() == [[0, 1], [3, 4], [6, 7]]
        assert rows.outputs[0].values.tolist() == [[2], [5], [8]]
    assert leases == []
    with pytest.raises(RuntimeError), _rows(runtime, plan):
        raise RuntimeError("the task failed")
    assert leases == []


def test_what_is_wrong_with_a_table_leaves_no_lease(runtime: Runtime, plan: TaskPlan, leases: list[BlobLease]) -> None:
    with pytest.raises(KeyError), _rows(runtime, TaskPlan((TableBinding("in", plan.blobs[0], "zz"),))):
        pass
    assert leases == []


def test_a_table_that_changes_between_two_tasks_is_not_trained_on(
    runtime: Runtime, plan: TaskPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_stores, "_FRESH_SECONDS", 0.0)
    store: Any = runtime.blobs.store
    for _ in range(2):
        with _rows(runtime, plan):
            pass
    path = store.path(plan.blobs[0])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match="was changed"), _rows(runtime, plan):
        pass
