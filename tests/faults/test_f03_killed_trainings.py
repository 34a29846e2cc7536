"""F03: the sidecar is killed at any moment of a training.

All trainings go on from their last stored state and finish, and the networks end bit-identical to twins that nobody
disturbed: section growth narrow, wide and over several hidden hexagons, and synapse growth.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo.scenario import TEMPLATE, WIDE_TEMPLATE
from hanami_server.local import LocalServer
from tests.faults.campaign import Campaign, times
from tests.faults.victims import (
    DEEP_TEMPLATE,
    QUICK,
    SIDECAR,
    SYNAPSE_TEMPLATE,
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

TEMPLATES = {"narrow": TEMPLATE, "wide": WIDE_TEMPLATE, "deep": DEEP_TEMPLATE, "synapse": SYNAPSE_TEMPLATE}
WINDOW = 8
"""Rows that are one input: with many, a training takes long enough to be disturbed."""
LONGEST = 0.5
"""Seconds at the most between the return of a sidecar, or the first sign of its work, and its next end."""


class Trainings:
    """Clusters of all kinds, and how many trainings each has got."""

    def __init__(self, client: Client, dataset: Dataset, clusters: list[Cluster]) -> None:
        self.client = client
        self.dataset = dataset
        self.open = {cluster: [begin_training(client, cluster, dataset, WINDOW)] for cluster in clusters}
        self.count = dict.fromkeys(clusters, 1)

    def refill(self) -> None:
        """See to it that every cluster has work."""
        for cluster, tasks in self.open.items():
            tasks[:] = [task for task in tasks if not self.client.task(task).finished]
            if not tasks:
                tasks.append(begin_training(self.client, cluster, self.dataset, WINDOW))
                self.count[cluster] += 1

    def finish(self) -> int:
        """Wait for all trainings and return how many there were."""
        for tasks in self.open.values():
            for task in tasks:
                assert self.client.wait(task).finished
        return sum(self.count.values())


def work_done(server: LocalServer) -> list[tuple[object, ...]]:
    return query(server, "SELECT uuid, state, cursor FROM task WHERE kind = 'train' ORDER BY sequence")


def waiting(server: LocalServer) -> int:
    """Return how many trainings have not ended."""
    return int(query(server, "SELECT count(*) FROM task WHERE state IN ('queued', 'active')")[0][0])


def endangered(server: LocalServer) -> int:
    """Return how many trainings would be taken for the cause if the process died once more before they get on."""
    begun = "(state = 'queued' AND attempts > 0) OR (state = 'active' AND attempts > 1)"
    return int(query(server, f"SELECT count(*) FROM task WHERE {begun}")[0][0])


def interrupted(server: LocalServer) -> int:
    """Return how many trainings have a stored state that is not their last one."""
    return int(
        query(server, "SELECT count(*) FROM task WHERE kind = 'train' AND state = 'active' AND cursor > 0")[0][0]
    )


@UNHURRIED
def test_trainings_of_killed_sidecars_end_bit_identical(tmp_path: Path) -> None:
    chance = random.Random(3)
    with (
        Campaign("F03", "SIGKILL of the sidecar at a random moment of trainings") as campaign,
        LocalServer(tmp_path / "data", *QUICK) as server,
        connect(server) as client,
    ):
        dataset = client.upload_mnist("digits", *idx_digits(1000))
        pairs = [twins(client, name, template) for name, template in TEMPLATES.items()]
        trainings = Trainings(client, dataset, [disturbed for disturbed, _ in pairs])
        trainings.finish()  # kernels are compiled before anybody dies
        middle = 0
        for number in range(times(5, 40)):
            trainings.refill()
            if number % 2:  # a process that always ends before it gets anything done is not a fault of this kind
                before = work_done(server)
                until(lambda before=before: work_done(server) != before or not waiting(server), 60)
            time.sleep(chance.uniform(0, LONGEST))
            until(lambda: not endangered(server), 120)
            former = kill_child(server, SIDECAR)
            campaign.repetitions += 1
            middle += interrupted(server)
            served(server, SIDECAR, former)
            campaign.survived += 1
        finished = trainings.finish()
        for disturbed, twin in pairs:
            tasks = [begin_training(client, twin, dataset, WINDOW) for _ in range(trainings.count[disturbed])]
            assert client.wait(tasks[-1]).finished
            different = state_of(server, "cluster", disturbed.uuid) != state_of(server, "cluster", twin.uuid)
            campaign.lost += different
            assert not different, disturbed.name
        campaign.remark = f"{finished} trainings, resumed midway {middle} times"
        server.stop()
        server.resume()
        assert (findings(server), leftovers(server)) == ([], [])
