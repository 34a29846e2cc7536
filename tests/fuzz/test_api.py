"""Requests made of the API's own description: none of them may end with an internal error.

``tox -e fuzz`` sends 20,000; the tests that always run send as many as fit into some seconds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hanami_core.ids import new_uuid
from hanami_core.queue import Partition, Task
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster
from hanami_plugins.datasets import Dataset
from tests.lengths import choose
from tests.whole import Whole

CASES = int(os.environ.get("HANAMI_FUZZ_CASES", choose("1", "10")))
"""Requests to each operation that its description allows, and as many that it forbids."""
CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance, status_code_conformance]
OWNED = {"owner_id": "asdf", "project_id": "admin", "name": "a name"}

Known = dict[str, str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    unlimited = {"users__attempts": 1_000_000, "users__address_attempts": 1_000_000}
    with Whole(tmp_path_factory.mktemp("fuzz"), **unlimited) as whole:
        # There is no sidecar, so nobody would ever settle what a call waits for.
        whole.runtime.queue.wait = lambda uuid, timeout: "queued"  # type: ignore[method-assign]
        yield whole


@pytest.fixture(scope="module")
def descriptions(whole: Whole) -> list[Any]:
    """What every Api for clients says of itself; a page for a collector of metrics is none."""
    names = sorted({bound.api.name for bound in whole.runtime.routes if bound.api.hides_unknown})
    assert {"native", "control_v1"} <= set(names)
    return [schemathesis.openapi.from_wsgi(f"/openapi.json?api={name}", whole.http.app) for name in names]


def resources(whole: Whole) -> Known:
    """Return the identities of a dataset, a cluster, a checkpoint and a task, new ones where they were deleted."""
    dataset = Dataset.active().first() or Dataset.create(**OWNED, format="csv")
    checkpoint = Checkpoint.active().first() or Checkpoint.create(**OWNED, blob=new_uuid())
    cluster = Cluster.active().first() or Cluster.create(**OWNED, template="", seed=1, host="cpu0")
    Partition.insert(key=cluster.uuid, host="cpu0").on_conflict_ignore().execute()
    task = Task.active().where(Task.partition == cluster.uuid).first() or Task.create(
        **OWNED, kind="train", partition=cluster.uuid, payload="{}", total_cycles=1
    )
    host = next(iter(whole.runtime.host_uuids.values()))
    by_path = {"dataset": dataset.uuid, "checkpoint": checkpoint.uuid, "task": task.uuid, "cluster": cluster.uuid}
    return by_path | {
        "cluster_uuid": cluster.uuid,
        "checkpoint_uuid": checkpoint.uuid,
        "reference_uuid": dataset.uuid,
        "result_uuid": dataset.uuid,
        "dataset_uuid": dataset.uuid,
        "host_uuid": host,
    }


def aim(case: Any, known: Known) -> None:
    """Replace about half of the identities by ones that exist, or no request would get far."""
    noun = next((part for part in case.path.split("/") if part in known), "")
    for fields in (case.query, case.body):
        if isinstance(fields, dict):
            for name, value in fields.items():
                if isinstance(value, str) and value[:1] in tuple("01234567"):
                    fields[name] = known.get(noun if name == "uuid" else name, value)


def attack(whole: Whole, operation: Any, mode: GenerationMode) -> int:
    """Send requests that the description allows, or that it forbids, and return their number."""
    count = 0

    @settings(
        max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        nonlocal count
        count += 1
        aim(case, resources(whole))
        case.call_and_validate(headers={"X-Auth-Token": whole.token}, checks=CHECKS)

    with contextlib.suppress(Unsatisfiable):  # nothing is forbidden where there are no fields
        send()
    return count


@pytest.mark.filterwarnings("default")
@pytest.mark.timeout(3600)
def test_no_request_breaks_the_server(whole: Whole, descriptions: list[Any]) -> None:
    operations = [found.ok() for description in descriptions for found in description.get_all_operations()]
    sent = sum(attack(whole, operation, mode) for operation in operations for mode in GenerationMode)
    print(f"{sent} requests to {len(operations)} operations")
    assert sent >= len(operations)
