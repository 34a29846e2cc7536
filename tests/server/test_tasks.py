"""Tasks in real sidecars: they run, fail, are aborted, and survive the death of their process."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator

import pytest

from tests.server.harness import ServerProcess, until


@pytest.fixture(scope="module")
def workshop(launch) -> Iterator[ServerProcess]:
    with launch(server_stub__hosts="cpu0,cpu1", queue__lease=1, queue__workers=4) as server:
        yield server


def create(server: ServerProcess, cycles: int = 10, token: str = "good", **fields: object) -> str:
    status, answer = server.request("POST", "/v1/task", {"cycles": cycles, **fields}, token=token)
    assert status == 200, answer
    return str(answer["uuid"])


def look(server: ServerProcess, uuid: str) -> dict:
    return dict(server.request("GET", f"/v1/task?uuid={uuid}", token="good")[1])


def end(server: ServerProcess, uuid: str, timeout: float = 20) -> dict:
    return until(lambda: (task := look(server, uuid))["state"] not in ("queued", "active") and task, timeout)


def test_a_task_runs_to_its_end(workshop):
    task = end(workshop, create(workshop, 50))
    assert (task["state"], task["cycle"], task["notes"], task["fence"]) == ("finished", 50, 50, 1)


def test_a_task_begins_at_once(workshop):
    begin = time.monotonic()
    for _ in range(10):
        end(workshop, create(workshop, 1))
    assert time.monotonic() - begin < 4, "the notification does not arrive, polling takes half a second for each"


def test_tasks_of_one_partition_run_one_after_the_other(workshop):
    for _ in range(4):
        create(workshop, 30, partition="row")
    states = [""]
    with contextlib.closing(sqlite3.connect(workshop.data_dir / "hanami.db")) as database:
        while set(states) != {"finished"}:
            rows = database.execute("select state from task where partition = 'row' order by sequence")
            states = [state for (state,) in rows]
            assert states.count("active") <= 1
            assert states == sorted(states, key=["finished", "active", "queued"].index)


def test_tasks_of_several_partitions_run_together(workshop):
    uuids = [create(workshop, 300, partition=f"partition {number}") for number in range(3)]
    until(lambda: all(look(workshop, uuid)["state"] == "active" for uuid in uuids))
    assert {end(workshop, uuid)["state"] for uuid in uuids} == {"finished"}


def test_nobody_waits_for_the_end_of_what_somebody_else_runs(start_server):
    """There is room for one task. Two of one user take turns; one of another user runs beside them."""
    server = start_server(queue__workers=1)
    long = [create(server, 100_000, partition=f"long {number}") for number in range(2)]
    until(lambda: "active" in {look(server, uuid)["state"] for uuid in long})
    assert end(server, create(server, 5, token="member", partition="short"), 30)["state"] == "finished"
    assert [look(server, uuid)["state"] for uuid in long] == ["active", "queued"]


@pytest.mark.parametrize("host", ["cpu0", "cpu1"])
def test_a_task_runs_on_the_host_of_its_partition(workshop, host):
    task = end(workshop, create(workshop, 1, partition=f"of {host}", host=host))
    assert task["owner"].startswith(f"{host}/")


@pytest.mark.parametrize(
    ("mode", "error"),
    [("explode", "the data is"), ("unheard of", "no installed plugin runs tasks of kind 'unheard of'")],
)
def test_a_task_that_fails_says_why_and_blocks_nothing(workshop, mode, error):
    first = create(workshop, 1, partition="broken", mode=mode)
    second = create(workshop, 1, partition="broken")
    task = end(workshop, first)
    assert (task["state"], task["error"]) == ("failed", error)
    assert end(workshop, second)["state"] == "finished"


def test_an_aborted_task_stops_and_leaves_its_partition_only_then(workshop):
    first = create(workshop, 100_000, partition="given up")
    second = create(workshop, 1, partition="given up")
    until(lambda: look(workshop, first)["cycle"] > 0)
    assert workshop.request("DELETE", f"/v1/task?uuid={first}", token="good")[0] == 200
    assert look(workshop, first)["state"] == "aborted"
    assert end(workshop, second)["state"] == "finished"
    notes = look(workshop, first)["notes"]
    time.sleep(0.1)
    assert look(workshop, first)["notes"] == notes < 100_000


def test_a_task_that_makes_no_steps_keeps_its_lease(workshop):
    task = end(workshop, create(workshop, 2500, partition="silent", mode="sleep"))
    assert (task["state"], task["fence"]) == ("finished", 1)


def reach(server: ServerProcess, uuid: str, name: str, value: int) -> None:
    until(lambda: look(server, uuid)[name] >= value, what=f"{name} does not become {value}")


def test_a_killed_task_goes_on_where_its_state_was_stored(start_server):
    times = 2
    server = start_server(queue__lease=30)
    uuid = create(server, 200 + 200 * times)
    for fence in range(1, times + 1):
        reach(server, uuid, "cursor", 20 * fence)
        os.kill(server.child("sidecar cpu0"), signal.SIGKILL)
        reach(server, uuid, "fence", fence + 1)
    task = end(server, uuid)
    total = 200 + 200 * times
    assert (task["state"], task["notes"], task["cycle"]) == ("finished", total, total)


def test_a_task_that_is_stopped_with_the_server_goes_on_with_the_next(start_server):
    server = start_server()
    uuid = create(server, 2000)
    until(lambda: look(server, uuid)["cursor"] >= 20)
    assert server.stop() == 0
    with contextlib.closing(sqlite3.connect(server.data_dir / "hanami.db")) as database, database:
        state, cursor = database.execute("select state, cursor from task where uuid = ?", (uuid,)).fetchone()
        database.execute("update task set total_cycles = ? where uuid = ?", (cursor + 20, uuid))
    assert state == "active"
    assert cursor % 20 or cursor > 20, "the state of the last moment was not stored"
    again = start_server(server.data_dir)
    task = end(again, uuid)
    assert (task["state"], task["notes"], task["fence"]) == ("finished", cursor + 20, 2)
