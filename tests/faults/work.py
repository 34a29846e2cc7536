"""A client that works all the time while a server is harmed, and remembers what the server has acknowledged."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from hanami_sdk import Client, Cluster, ConnectionFailedException, HanamiException
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.faults.victims import connect, state_of

__all__ = ["Work"]

ROWS = 40
ROUNDS_OF_A_CLUSTER = 5


class Work:
    """Uploads, trains and saves in a thread of its own. As a context manager it begins and ends.

    What fails because the server is gone is not a surprise; everything else that fails is kept in `surprises`.
    """

    def __init__(self, server: LocalServer) -> None:
        """Work on a server, wherever it listens."""
        self.server = server
        self.surprises: list[Exception] = []
        self.datasets: dict[str, list[list[float]]] = {}
        self.cycles: dict[str, int] = {}
        self.tasks: dict[str, str] = {}
        self.checkpoints: dict[str, str] = {}
        self._rounds = 0
        self._cluster: Cluster | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def count(self) -> int:
        """How much the server has acknowledged."""
        return len(self.datasets) + len(self.cycles) + len(self.tasks) + len(self.checkpoints)

    def __enter__(self) -> Self:
        """Begin."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Client(self.server.address, self.server.user, self.server.passphrase, retry=0.2) as client:
                    while not self._stop.is_set():
                        self._round(client)
            except ConnectionFailedException:
                self._stop.wait(0.05)
            except HanamiException as error:
                self.surprises.append(error)

    def _round(self, client: Client) -> None:
        """Do a little of everything, and note each thing when it is acknowledged."""
        self._rounds += 1
        values = [[float(self._rounds + row)] for row in range(ROWS)]
        content = "value,kind\n" + "".join(f"{value:.0f},{value % 2:.0f}\n" for (value,) in values)
        dataset = client.upload_csv(f"table {self._rounds}", content.encode())
        self.datasets[dataset.uuid] = values
        if self._cluster is None or self._rounds % ROUNDS_OF_A_CLUSTER == 0:
            self._cluster = client.create_cluster(f"cluster {self._rounds}", TEMPLATE)
            self.cycles[self._cluster.uuid] = 0
        cluster = self._cluster
        inputs, outputs = {"picture_hex": dataset["value"]}, {"label_hex": dataset["kind"]}
        task = client.train(cluster, inputs, outputs, wait=False)
        self.tasks[task.uuid] = cluster.uuid
        client.wait(task)
        self.cycles[cluster.uuid] += ROWS
        checkpoint = client.save(cluster, f"save {self._rounds}").uuid
        self.checkpoints[checkpoint] = state_of(self.server, "checkpoint", checkpoint)

    def lost(self) -> list[str]:
        """Return what was acknowledged and is missing or different now, and wait for what is still to be done."""
        with connect(self.server) as client:
            return [
                *(f"dataset {uuid}" for uuid in self.datasets if not self._has_dataset(client, uuid)),
                *(f"task {uuid}" for uuid in self.tasks if not self._has_task(client, uuid)),
                *(f"cluster {uuid}" for uuid, cycles in self.cycles.items() if not _has_cycles(client, uuid, cycles)),
                *(f"checkpoint {uuid}" for uuid in self.checkpoints if not self._has_checkpoint(client, uuid)),
            ]

    def _has_dataset(self, client: Client, uuid: str) -> bool:
        try:
            return client.dataset_content(uuid, "value", ROWS) == self.datasets[uuid]
        except HanamiException:
            return False

    def _has_task(self, client: Client, uuid: str) -> bool:
        try:
            return client.wait(client.task(uuid, self.tasks[uuid])).finished
        except HanamiException:
            return False

    def _has_checkpoint(self, client: Client, uuid: str) -> bool:
        try:
            client.checkpoint(uuid)
        except HanamiException:
            return False
        return state_of(self.server, "checkpoint", uuid) == self.checkpoints[uuid]


def _has_cycles(client: Client, uuid: str, cycles: int) -> bool:
    try:
        return (client.cluster(uuid).cycles or 0) >= cycles
    except HanamiException:
        return False
