"""How many processes answer REST, and what each of them takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hanami_sdk import Client
from tests.local import LocalServer
from tests.service.processes import command_line, family, own_memory

pytestmark = pytest.mark.usefixtures("fresh")


@pytest.mark.long
def test_as_many_processes_as_cores_answer_rest_in_little_memory(tmp_path: Path) -> None:
    with (
        LocalServer(tmp_path / "data", "--set=http.workers=0") as server,
        Client(server.address, server.user, server.passphrase) as client,
    ):
        watching, *workers = [pid for pid in family(server.pid) if b"hanami_server.api" in command_line(pid)]
        assert len(workers) == min(len(os.sched_getaffinity(0)), 4)
        for _ in range(50 * len(workers)):
            client.clusters()
        assert all(own_memory(pid) < 100e6 for pid in (watching, *workers))
