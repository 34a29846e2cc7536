"""F21, F28 tasks that kill their process: after two deaths the task fails and says how, others go on."""

from __future__ import annotations

import re

from tests.server.conftest import env, launch, start_server
from tests.server.test_tasks import create, end

__all__ = ["env", "launch", "start_server"]


def test_a_task_that_kills_its_sidecar_twice_fails_with_signal_memory_and_cycle(start_server) -> None:
    server = start_server()
    lethal = create(server, 1000, mode="lethal", partition="bad")
    other = create(server, 1000, partition="good")
    task = end(server, lethal, 40)
    reason = (
        r"the process that ran it was ended by signal 9 \(memory \d+\.\d GB\) at cycle 500, 2 times without progress"
    )
    assert re.fullmatch(reason, task["error"]), task["error"]
    assert (task["state"], task["fence"]) == ("failed", 3)
    assert end(server, other, 40)["state"] == "finished"
