"""Turns that threads and processes take with each other."""

import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from hanami_plugins.users import turns
from hanami_plugins.users.turns import Turns

HOLD = """
import sys, time
from pathlib import Path
from hanami_plugins.users.turns import Turns

with Turns(Path(sys.argv[1]), 1).taken():
    print("has it", flush=True)
    sys.stdin.read()
"""


class Waiter(threading.Thread):
    def __init__(self, shared: Turns) -> None:
        super().__init__(daemon=True)
        self._shared, self.has_it, self.may_end = shared, threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self._shared.taken():
            self.has_it.set()
            self.may_end.wait(20)


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-P", "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "has it\n"
        yield process
        process.kill()


@pytest.mark.parametrize("count", [1, 2])
def test_no_more_than_so_many_have_a_turn(tmp_path, count):
    shared = Turns(tmp_path / "made", count)
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(shared.taken())
        waiter = Waiter(Turns(tmp_path / "made", count))
        assert not waiter.has_it.wait(0.1)
    assert waiter.has_it.wait(10)
    waiter.may_end.set()
    waiter.join()


def test_another_process_waits_and_gets_the_turn_of_one_that_was_killed(tmp_path, holder):
    waiter = Waiter(Turns(tmp_path, 1))
    assert not waiter.has_it.wait(0.1)
    holder.kill()
    assert waiter.has_it.wait(10)
    waiter.may_end.set()
    waiter.join()


def test_nobody_waits_for_ever(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    begin = time.monotonic()
    with Turns(tmp_path, 1).taken():
        assert 0.2 <= time.monotonic() - begin < 10


def test_where_files_cannot_be_made_all_go_ahead(tmp_path):
    (tmp_path / "a file").touch()
    shared = Turns(tmp_path / "a file" / "below", 1)
    with shared.taken(), shared.taken():
        assert os.listdir(tmp_path) == ["a file"]


def test_an_error_of_whoever_has_a_turn_is_his(tmp_path):
    shared = Turns(tmp_path, 1)
    with pytest.raises(OSError, match="disk"), shared.taken():
        raise OSError("the disk is full")
    with shared.taken():
        pass
