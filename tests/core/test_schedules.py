"""Schedules and declared processes, apart from the processes that run them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import peewee
import pytest

from hanami_core.processes import Process, ProcessContext
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule, Scheduler, _Timed
from hanami_core.storage.contract import Database

RUNTIME = cast(
    "Runtime", SimpleNamespace(database=Database(peewee.SqliteDatabase(None)), settings={"queue.silence": 0.2})
)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_runs_keep_their_beat_and_missed_ones_are_not_made_up_for(threads: ThreadPoolExecutor) -> None:
    runs: list[Any] = []
    timed = _Timed(RUNTIME, Schedule("a.b", 10.0, runs.append))
    begin = timed.due

    def turn(seconds: float) -> tuple[int, float]:
        timed.turn(begin + seconds, threads)
        assert timed.running is not None
        timed.running.result(10)
        return len(runs), timed.due - begin

    assert turn(0.0) == (1, 10.0)
    assert turn(9.9) == (1, 10.0)
    assert turn(10.5) == (2, 20.0)
    assert turn(95.0) == (3, 105.0)
    assert turn(96.0) == (3, 105.0)
    assert runs == [RUNTIME] * 3


def test_an_overrun_is_told_once_until_a_run_is_in_time_again(
    threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, runs = threading.Event(), []

    def work(runtime: Runtime) -> None:
        runs.append(runtime)
        go_on.wait(10)

    timed = _Timed(RUNTIME, Schedule("a.b", 10.0, work))
    begin = timed.due
    for number in range(4):
        timed.turn(begin + 10 * number, threads)
    assert len(runs) == 1
    assert caplog.text.count("schedule overruns") == 1
    go_on.set()
    assert timed.running is not None
    timed.running.result(10)
    timed.turn(begin + 40, threads)
    timed.running.result(10)
    assert len(runs) == 2


def test_failures_are_told_and_the_next_run_comes(
    threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = iter([OSError("full"), OSError("full"), None])

    def work(runtime: Runtime) -> None:
        error = next(outcomes)
        if error is not None:
            raise error

    timed = _Timed(RUNTIME, Schedule("a.b", 10.0, work))
    caplog.set_level("INFO")
    for number in range(3):
        timed.turn(timed.due, threads)
        assert timed.running is not None
        timed.running.result(10)
        assert caplog.text.count("schedule failed") == 1, number
    assert "schedule works again" in caplog.text


def test_a_scheduler_starts_at_once_and_stops(caplog: pytest.LogCaptureFixture) -> None:
    ran, hang = threading.Event(), threading.Event()

    def work(runtime: Runtime) -> None:
        ran.set()
        hang.wait(10)

    scheduler = Scheduler(RUNTIME, [Schedule("a.b", 60.0, work)], _fail)
    scheduler.start()
    assert ran.wait(10)
    assert not scheduler.stop(0.01)
    hang.set()
    assert scheduler.stop(10)


def _fail(reason: str) -> None:
    raise AssertionError(reason)


def test_a_run_that_does_not_end_is_told_of() -> None:
    told, hang = threading.Event(), threading.Event()
    reasons: list[str] = []

    def broken(reason: str) -> None:
        reasons.append(reason)
        told.set()

    schedules = [Schedule("a.b", 60.0, lambda _: hang.wait(10) and None), Schedule("a.c", 0.05, lambda _: None)]
    scheduler = Scheduler(RUNTIME, schedules, broken)
    scheduler.start()
    assert told.wait(10)
    hang.set()
    assert scheduler.stop(10)
    assert set(reasons) == {"schedule a.b hangs"}


def test_a_run_that_wants_to_end_the_process_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    ran = threading.Barrier(2)

    def work(_: Runtime) -> None:
        ran.wait(10)
        raise SystemExit(3)

    scheduler = Scheduler(RUNTIME, [Schedule("a.b", 0.05, work)], _fail)
    scheduler.start()
    ran.wait(10)
    ran.wait(10)
    assert scheduler.stop(10)
    assert "schedule failed" in caplog.text


def test_without_schedules_there_is_nothing_to_do() -> None:
    scheduler = Scheduler(RUNTIME, [], _fail)
    scheduler.start()
    assert scheduler.stop(10)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_schedule_leaves_time_between_two_runs(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"schedule a\.b must leave"):
        Schedule("a.b", seconds, lambda _: None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "Mailer", "target": "a:b"}, "is not a valid process name"),
        ({"name": "../x", "target": "a:b"}, "is not a valid process name"),
        ({"name": "mailer"}, "needs either a target or a command"),
        ({"name": "mailer", "target": "a:b", "command": ("true",)}, "needs either a target or a command"),
        ({"name": "mailer", "target": "a.b"}, "must look like package.module:function"),
        ({"name": "mailer", "target": "a:b", "ready": 0.0}, "needs some time to get ready"),
    ],
)
def test_a_process_is_declared_in_full(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Process(**fields)


def test_a_process_that_asks_for_nothing_loads_nothing(tmp_path: Path) -> None:
    reports: list[str] = []
    context = ProcessContext("mailer", tmp_path, {}, lambda: reports.append("ready"))
    context.ready()
    context.close()
    assert reports == ["ready"]
    assert not {"settings", "runtime", "_plugins"} & set(vars(context))
