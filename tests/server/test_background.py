"""Background work of a real server: processes of plugins, schedules, and tasks that need no compute host."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from hanami_server.child import Child
from hanami_server.paths import process_lock_path, worker_lock_path
from tests.server.harness import PROGRAM, ServerProcess, alive, descendants, until
from tests.server.test_tasks import create, end, look


def lines(server: ServerProcess, name: str) -> list[str]:
    file = server.data_dir / name
    return file.read_text().split() if file.exists() else []


# ---------------------------------------------------------------------------------------------------------------------
# Processes of plugins
# ---------------------------------------------------------------------------------------------------------------------


def test_a_process_runs_with_the_server_again_when_it_is_killed_and_ends_with_it(start_server):
    server = start_server(server_stub__processes="good,program")
    (first,) = until(lambda: lines(server, "good.pids"))
    os.kill(int(first), signal.SIGKILL)
    until(lambda: len(lines(server, "good.pids")) == 2 and "process program" in server.state()["children"])
    assert server.request("GET", "/health/ready")[0] == 200
    pid, program = server.child("process good"), server.child("process program")
    assert lines(server, "good.pids") == [first, str(pid)]
    with open(f"/proc/{program}/cmdline") as file:
        assert file.read() == "sleep\x00600\x00"
    assert server.stop() == 0
    assert lines(server, "good.ended") == [str(pid)]
    assert not alive(program)


def test_a_process_runs_once_and_none_survives_a_killed_supervisor(start_server, env):
    server = start_server(server_stub__processes="good,program")
    for name in ("good", "program"):
        runs_once(server, env, name)
    processes = descendants(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not [pid for pid in processes if alive(pid)], 2)


def runs_once(server: ServerProcess, env: dict[str, str], name: str) -> None:
    """Look whether a second one of the same process is refused."""
    until(lambda: f"process {name}" in server.state()["children"] and process_lock_path(server.data_dir, name).exists())
    pid = server.child(f"process {name}")
    until(lambda: process_lock_path(server.data_dir, name).read_text().strip() == str(pid))
    launch = f'{{"name": "{name}", "target": "server_stub:good", "command": [], "ready": 1}}'
    command = [PROGRAM[0], "-P", "-m", "hanami_server.plugin_process", "--data-dir", str(server.data_dir)]
    done = subprocess.run([*command, "--process", launch], env=env, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert f"process {name} is in use by process {pid}" in done.stderr


def test_processes_that_fail_or_do_not_get_ready_are_started_less_and_less_often_and_harm_nothing(start_server):
    server = start_server(server_stub__processes="dies,missing,late,good")
    until(lambda: len(lines(server, "dies.pids")) >= 2)
    assert "RuntimeError: no mail server" in server.text()
    until(lambda: "server_stub has no function no_such_function" in server.text())
    before, begin = len(lines(server, "dies.pids")), time.monotonic()
    until(lambda: len(lines(server, "dies.pids")) >= before + 2)
    assert time.monotonic() - begin > 0.5
    until(lambda: server.text().count("process does not get ready, it is started anew") >= 3)
    assert "Hanami listens at" in server.text()
    assert len(lines(server, "good.pids")) == 1
    assert server.request("GET", "/health/ready")[0] == 200


def test_who_stops_giving_signs_of_life_is_late():
    code = "import os, sys, time; os.write(int(sys.argv[1]), b'+.'); time.sleep(60)"

    def launch(_given, ready):
        os.set_inheritable(ready, True)
        return os.posix_spawn(PROGRAM[0], [PROGRAM[0], "-c", code, str(ready)], os.environ, setpgroup=0)

    child = Child("c", launch, patience=30, silence=0.2)
    child.start()
    try:
        assert not child.ready
        assert child.deadline > time.monotonic() + 20
        until(lambda: child.reported() and child.ready)
        assert child.deadline <= time.monotonic() + 0.2
        child.excuse(10)
        assert child.deadline > time.monotonic() + 9
    finally:
        child.ended()
    assert child.deadline is None


# ---------------------------------------------------------------------------------------------------------------------
# Schedules
# ---------------------------------------------------------------------------------------------------------------------


def test_one_process_runs_the_schedules_and_the_next_worker_goes_on(start_server):
    schedules = "ticks,overruns"
    server = start_server(server_stub__schedules=schedules, server_stub__hosts="cpu0,cpu1", http__workers=2)
    until(lambda: len(lines(server, "ticks")) >= 3)
    worker = server.child("worker")
    assert set(lines(server, "ticks")) == {str(worker)}
    os.kill(worker, signal.SIGKILL)
    until(lambda: len(set(lines(server, "ticks"))) == 2)
    assert lines(server, "ticks")[-1] == str(server.child("worker"))
    assert server.stop() == 0


@pytest.fixture(scope="module")
def clock(launch):
    with launch(server_stub__schedules="ticks,fails,overruns") as server:
        yield server


def test_a_schedule_that_fails_is_run_again_and_others_go_on(clock):
    until(lambda: "schedule works again" in clock.text())
    assert clock.text().count("schedule failed") == 1
    assert "the disk is full" in clock.text()
    until(lambda: len(lines(clock, "ticks")) >= 2)


def test_a_schedule_that_overruns_is_told_once_and_not_started_twice(clock):
    until(lambda: lines(clock, "overruns"))
    before = len(lines(clock, "ticks"))
    until(lambda: len(lines(clock, "ticks")) >= before + 5)
    told = [line for line in clock.text().splitlines() if "schedule overruns" in line]
    assert sum('"server_stub.overruns"' in line for line in told) == 1
    assert len(lines(clock, "overruns")) == 1


def test_a_second_worker_is_refused(server, env):
    command = [PROGRAM[0], "-P", "-m", "hanami_server.worker_process", "--data-dir", str(server.data_dir)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert f"the worker is in use by process {server.child('worker')}" in done.stderr
    assert worker_lock_path(server.data_dir).stat().st_mode & 0o077 == 0


# ---------------------------------------------------------------------------------------------------------------------
# Tasks
# ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workshop(launch):
    with launch(queue__lease=1, queue__silence=1) as server:
        yield server


def background(server: ServerProcess, mode: str, cycles: int = 10, partition: str = "p") -> str:
    return create(server, cycles, mode=mode, partition=partition, host="")


def test_a_task_without_a_host_runs_in_the_worker_at_once(workshop):
    begin = time.monotonic()
    tasks = [end(workshop, background(workshop, "background", 5)) for _ in range(10)]
    assert {(task["state"], task["notes"], task["fence"]) for task in tasks} == {("finished", 5, 1)}
    assert {task["owner"].partition("/")[0] for task in tasks} == {"@workers"}
    assert time.monotonic() - begin < 4, "the notification does not arrive, polling takes half a second for each"


def test_partitions_run_beside_each_other_as_far_as_there_is_room(workshop):
    uuids = [background(workshop, "background", 200, f"p{number}") for number in range(3)]
    until(lambda: [look(workshop, uuid)["state"] for uuid in uuids].count("active") == 2)
    assert {end(workshop, uuid)["state"] for uuid in uuids} == {"finished"}


def test_a_task_that_fails_is_tried_again_as_often_as_its_kind_says(workshop):
    task = end(workshop, background(workshop, "stubborn"))
    assert (task["state"], task["fence"], task["error"]) == ("finished", 3, "")


def test_a_task_goes_on_where_the_worker_died(workshop):
    uuid = background(workshop, "background", 400)
    until(lambda: look(workshop, uuid)["cursor"] >= 20)
    os.kill(workshop.child("worker"), signal.SIGKILL)
    task = end(workshop, uuid)
    assert (task["state"], task["notes"], task["fence"]) == ("finished", 400, 2)


def test_a_task_that_kills_the_worker_is_given_up_and_others_run(workshop):
    poison = background(workshop, "poison", partition="bad")
    other = background(workshop, "background", 5, "good")
    task = end(workshop, poison)
    reason = r"the process that ran it ended with exit code 9 \(memory 0\.\d GB\) at cycle 0, 2 times without progress"
    assert (task["state"], task["fence"]) == ("failed", 3)
    assert re.fullmatch(reason, task["error"])
    assert end(workshop, other)["state"] == "finished"


def test_a_task_that_hangs_costs_its_process_and_is_given_up(workshop):
    pid = workshop.child("worker")
    task = end(workshop, background(workshop, "deadlock"))
    assert task["state"] == "failed"
    assert task["error"].startswith("the process that ran it gave up because something in it hung (memory ")
    assert task["error"].endswith(" at cycle 0, once without progress")
    assert "task hangs" in workshop.text()
    assert workshop.child("worker") != pid


def test_a_task_that_is_stopped_with_the_server_goes_on_with_the_next(start_server):
    server = start_server()
    uuid = background(server, "background", 3000)
    until(lambda: look(server, uuid)["cursor"] >= 20)
    assert server.stop() == 0
    again = start_server(server.data_dir)
    until(lambda: look(again, uuid)["fence"] == 2)
    assert again.request("DELETE", f"/v1/task?uuid={uuid}", token="good")[0] == 200
