"""F02: the sidecar is killed at any moment while checkpoints are made.

Every save that was acknowledged is there afterwards, can be restored, and is bit-equal to the save that a twin, which
nobody disturbed, made after the same trainings.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo.scenario import WIDE_TEMPLATE
from hanami_server.local import LocalServer
from tests.faults.campaign import Campaign, times
from tests.faults.victims import (
    QUICK,
    SIDECAR,
    UNHURRIED,
    begin_training,
    connect,
    findings,
    idx_digits,
    kill_child,
    leftovers,
    query,
    served,
    state_of,
    twins,
)
from tests.server.harness import until

LONGEST = 0.5
"""Seconds at the most between the return of a sidecar, or the first save of it, and its next end."""
WAITING = 6
"""Saves that are queued at the same time."""


def queue_save(client: Client, cluster: Cluster, dataset: Dataset, number: int) -> str:
    """Queue a training and a save behind it, and return the uuid that the checkpoint is going to have."""
    begin_training(client, cluster, dataset)
    body = {"name": f"save {number}", "cluster_uuid": cluster.uuid}
    return str(client.post("/cluster/save", body)["uuid"])


def saved(server: LocalServer) -> int:
    ((count,),) = query(server, "SELECT count(*) FROM task WHERE kind = 'save' AND state = 'finished'")
    return int(count)


@UNHURRIED
def test_acknowledged_saves_outlive_killed_sidecars(tmp_path: Path) -> None:
    chance = random.Random(2)
    with (
        Campaign("F02", "SIGKILL of the sidecar at a random moment while checkpoints are made") as campaign,
        LocalServer(tmp_path / "data", *QUICK) as server,
        connect(server) as client,
    ):
        dataset = client.upload_mnist("digits", *idx_digits(100))
        disturbed, twin = twins(client, "saved", WIDE_TEMPLATE)
        promised: list[str] = []
        for number in range(times(6, 40)):
            before = saved(server)
            while len(promised) < before + WAITING:
                promised.append(queue_save(client, disturbed, dataset, len(promised)))
            if number % 2:  # a process that always ends before it gets anything done is not a fault of this kind
                until(lambda before=before: saved(server) > before, 60)
            time.sleep(chance.uniform(0, LONGEST))
            former = kill_child(server, SIDECAR)
            campaign.repetitions += 1
            served(server, SIDECAR, former)
            campaign.survived += 1
        for number, uuid in enumerate(promised):
            assert client.wait(client.task(uuid, disturbed)).finished
            expected = queue_save(client, twin, dataset, number)
            assert client.wait(client.task(expected, twin)).finished
            different = state_of(server, "checkpoint", uuid) != state_of(server, "checkpoint", expected)
            campaign.lost += different
            assert not different, number
        for uuid in chance.sample(promised, 3):
            client.restore(disturbed, uuid)
            assert state_of(server, "cluster", disturbed.uuid) == state_of(server, "checkpoint", uuid)
        campaign.remark = f"{len(promised)} saves"
        server.stop()
        server.resume()
        assert (findings(server), leftovers(server)) == ([], [])
