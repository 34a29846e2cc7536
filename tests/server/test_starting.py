"""Processes are copies of one that has loaded the plugins. What they are given, and what becomes of them without it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hanami_server.process import Options, arguments
from hanami_server.starting import Starter
from tests.server.harness import ServerProcess, alive, descendants, hanami, until

pytestmark = pytest.mark.usefixtures("fresh")

PROGRAM = """
import os, sys

def main(argv):
    given = dict(zip(argv[::2], argv[1::2]))
    os.write(int(given["--answer"]), f"{sys.stdin.read()} {given['--word']} {os.getpid()}".encode())
    return 3
"""
THREADS = """
import threading

threading.Thread(target=threading.Event().wait, name="listens", daemon=True).start()
"""
POOLS = """
import ctypes, os, threading

def main(argv):
    libc = ctypes.CDLL(None)
    libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
    all_there = threading.Barrier(8)

    def allocate():
        libc.malloc(ctypes.c_size_t(1 << 16))
        all_there.wait()

    threads = [threading.Thread(target=allocate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream = ctypes.c_void_p(libc.fdopen(int(argv[argv.index("--answer") + 1]), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    return 3
"""


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def fork_server(server) -> int:
    (found,) = (pid for pid in descendants(server.pid) if "hanami_server.fork_server" in command(pid))
    return found


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def replaced(server, name: str) -> int:
    """Kill a process, and return the number of the next one of its name."""
    former = server.child(name)
    os.kill(former, signal.SIGKILL)
    return until(lambda: (found := server.state()["children"].get(name, former)) != former and found)


@pytest.fixture
def starter(tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Starter(Options(tmp_path, parent=os.getpid())) as started:
        yield started


def run(starter, folder: Path, **patience) -> tuple[int, str, int]:
    """Run the program, and return its number, what it answers and its exit code."""
    (folder / "input").write_text("read")
    answer, theirs = os.pipe()
    with (folder / "input").open() as given, open(answer) as stream:
        try:
            pid = starter.start("program", ["--word", "told"], {"0": given.fileno(), "answer": theirs}, **patience)
        finally:
            os.close(theirs)
        return pid, stream.read(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_copy_has_what_it_is_given(starter, tmp_path):
    first, second = (run(starter, tmp_path) for _ in range(2))
    for pid, answer, code in (first, second):
        assert (answer, code) == (f"read told {pid}", 3)
    assert first[0] != second[0]


@pytest.mark.parametrize(("setting", "pools"), [(None, 1), ("3", 3)])
def test_threads_allocate_from_one_pool_unless_the_environment_says_otherwise(tmp_path, monkeypatch, setting, pools):
    (tmp_path / "program.py").write_text(POOLS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    if setting is not None:
        monkeypatch.setenv("MALLOC_ARENA_MAX", setting)
    with Starter(Options(tmp_path, parent=os.getpid())) as started:
        _, answer, _ = run(started, tmp_path)
    assert answer.count("<heap nr=") == pools


def test_who_does_not_answer_is_replaced(starter, tmp_path):
    run(starter, tmp_path)
    former = starter.pid
    os.kill(former, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        run(starter, tmp_path, patience=0.1)
    assert run(starter, tmp_path)[1].startswith("read told")
    assert starter.pid != former


def test_a_fork_server_that_nobody_needs_ends_without_a_word(tmp_path):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-W", "always", "-P", "-m", "hanami_server.fork_server"]
    command += arguments(Options(tmp_path, parent=os.getpid()))
    ours.close()
    with theirs:
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_processes_are_children_of_the_supervisor_and_have_names(start_server):
    server = start_server(server_stub__hosts="cpu0,cpu1")
    children = server.state()["children"]
    assert len(children) == 4
    assert {parent(pid) for pid in children.values()} == {server.pid}
    assert command(children["worker"]).startswith("hanami_server.worker_process --data-dir")
    assert "--host cpu1" in command(children["sidecar cpu1"])
    assert command(children["api"]).startswith("gunicorn: master [hanami_server.api]")


@pytest.mark.long
def test_the_end_of_the_fork_server_harms_nobody(start_server):
    server = start_server()
    children, former = server.state()["children"], fork_server(server)
    os.kill(former, signal.SIGKILL)
    until(lambda: not alive(former))
    assert server.request("GET", "/health/ready")[0] == 200
    assert parent(replaced(server, "worker")) == server.pid
    until(lambda: server.state()["ready"])
    assert fork_server(server) != former
    assert {**server.state()["children"], "worker": 0} == {**children, "worker": 0}
    assert "fork server ended, it is started anew" in server.text()
    assert server.stop() == 0


@pytest.mark.long
def test_a_plugin_that_starts_threads_when_it_is_imported_has_them_in_each_process(env, tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "listener.py").write_text(THREADS)
    (tmp_path / "data").mkdir()
    given = env | {"HANAMI_PLUGINS_DIR": str(tmp_path / "plugins")}
    with ServerProcess(tmp_path / "data", given, {"http.workers": 1}) as server:
        assert "a plugin starts threads when it is imported, so that processes start slowly" in server.text()
        assert "-P -m hanami_server.worker_process" in command(server.child("worker"))
        assert parent(replaced(server, "worker")) == server.pid
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("os._exit(0)", "the bootstrap failed with exit code 0"),
        ("os._exit(3)", "the bootstrap failed with exit code 3"),
        ("os.kill(os.getpid(), 9)", "the bootstrap was ended by SIGKILL; 'hanami plugins' tells whether"),
    ],
)
def test_a_plugin_that_ends_whoever_imports_it_keeps_the_server_from_starting(env, tmp_path, end, text):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "lethal.py").write_text(f"import os\n\n{end}\n")
    (tmp_path / "data").mkdir()
    given = env | {"HANAMI_PLUGINS_DIR": str(tmp_path / "plugins")}
    done = hanami("serve", "--data-dir", str(tmp_path / "data"), env=given)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_processes_that_lost_their_parents_do_not_stay_as_zombies(start_server):
    server = start_server(server_stub__processes="orphans")
    file = server.data_dir / "orphan.pid"
    orphan = int(until(lambda: file.exists() and file.read_text()))
    assert parent(orphan) == server.pid
    os.kill(orphan, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{orphan}").exists())


def test_the_api_loads_no_compute_library(start_server):
    assert start_server().request("GET", "/v1/modules", token="good")[1]["numba"] is False
