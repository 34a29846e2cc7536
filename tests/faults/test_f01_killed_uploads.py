"""F01: a process is killed at any call that makes something durable during an upload.

The n-th sync, rename or write of the api, of the sidecar that takes the file, or of the worker that makes a table of it
is the last one. The client, which only tries again, ends with a dataset of the right content; nothing is left behind.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from hanami_sdk import Client, ConnectionFailedException, Dataset
from hanami_server.local import LocalServer
from tests.faults.campaign import Campaign, times
from tests.faults.shims import Killer
from tests.faults.victims import QUICK, UNHURRIED, connect, findings, idx_digits, leftovers, served

PROGRAMS = {
    "api": "hanami_server.api",
    "sidecar": "hanami_server.sidecar",
    "worker": "hanami_server.worker_process",
}
"""Who takes part in an upload, and what its command line tells it by."""
ROWS = 2000
"""So many that a file is sent in more than one piece."""
ATTEMPTS = 3
BETWEEN_STARTS = 10

Point = tuple[str, str, int]


def points(client: Client, killer: Killer, files: tuple[bytes, bytes]) -> Iterator[Point]:
    """Tell by undisturbed uploads at which calls of which program one can be disturbed."""
    for program in PROGRAMS.values():
        killer.arm(program)
        client.delete_dataset(client.upload_mnist("counted", *files))
        for call, count in killer.disarm().items():
            yield from ((program, call, number) for number in range(1, count + 1))


def upload(client: Client, files: tuple[bytes, bytes]) -> Dataset:
    """Upload as somebody who begins again if the announcement, which a client does not repeat, got no answer."""
    for _ in range(ATTEMPTS - 1):
        try:
            return client.upload_mnist("disturbed", *files)
        except ConnectionFailedException:
            continue
    return client.upload_mnist("disturbed", *files)


def content(client: Client, dataset: Dataset) -> list[object]:
    columns = {name: client.dataset_content(dataset, name, ROWS) for name in ("picture", "label")}
    return [dataset.number_of_rows, dict(dataset.columns), columns]


@UNHURRIED
def test_an_upload_gets_through_whatever_dies(tmp_path: Path) -> None:
    files = idx_digits(ROWS)
    server = LocalServer(tmp_path / "data", *QUICK)
    with (
        Campaign("F01", "SIGKILL at the n-th fsync, fdatasync, rename or pwrite of an upload") as campaign,
        Killer(tmp_path, server.data_dir) as killer,
        killer.loaded(),
        server,
    ):
        with connect(server) as client:
            whole = content(client, client.upload_mnist("undisturbed", *files))
            known = list(points(client, killer, files))
        random.Random(1).shuffle(known)
        planned = list(islice(cycle(known), times(7, max(40, len(known)))))
        for start in range(0, len(planned), BETWEEN_STARTS):
            for point in planned[start : start + BETWEEN_STARTS]:
                disturb(server, killer, point, files, whole, campaign)
            server.stop()
            server.resume()
            assert (findings(server), leftovers(server)) == ([], [])
        campaign.remark = f"{len(known)} different calls"


def disturb(
    server: LocalServer,
    killer: Killer,
    point: Point,
    files: tuple[bytes, bytes],
    whole: list[object],
    campaign: Campaign,
) -> None:
    """Upload while somebody is killed, and look at what came of it."""
    with connect(server) as client:
        client.datasets()  # is logged in now
        killer.arm(*point)
        dataset = upload(client, files)
        campaign.repetitions += killer.killed
        killer.disarm()
        different = content(client, dataset) != whole
        campaign.lost += different
        assert not different, point
        client.delete_dataset(dataset)
        served(server, "api")
        campaign.survived += killer.killed
