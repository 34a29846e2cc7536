"""Runs commands of operators in forks of a process that has loaded our modules, which takes longer than most commands.

A fork is a process of its own, with streams, an environment and an exit code, and finds its plugins itself. What a test
puts on PYTHONPATH is there: `Forks` is for one value of it. Not for commands that keep running.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.metadata
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

__all__ = ["hanami"]

FEW = 3
"""Commands with one value of PYTHONPATH for which it is not worth the while."""

MODULES = (
    "hanami_cli.hanami",
    "hanami_core.runtime",
    "hanami_server.commands.common",
    "hanami_server.dry_run",
    "hanami_server.examination",
    "hanami_server.logs",
    "hanami_server.mending",
    "hanami_server.supervisor",
)


class Forks:
    """A process that forks."""

    def __init__(self, path: str) -> None:
        """Start it with a value of PYTHONPATH."""
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.stop)

    def run(self, argv: Sequence[str], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
        """Run ``hanami`` to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder, self._lock:
            order = {"argv": argv, "env": dict(env), "cwd": os.getcwd(), "folder": folder, "timeout": timeout}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            code = json.loads(self._process.stdout.readline())
            out, err = (Path(folder, name).read_text() for name in ("stdout", "stderr"))
        if code is None:
            raise subprocess.TimeoutExpired(list(argv), timeout, out, err)
        return subprocess.CompletedProcess(list(argv), code, out, err)

    def stop(self) -> None:
        """End it."""
        self._process.communicate()


@cache
def _forks(path: str) -> Forks:
    return Forks(path)


_known: Counter[str] = Counter()


def hanami(*argv: str, env: Mapping[str, str], timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a command of operators to its end, as `harness.hanami` does."""
    from tests.server import harness  # which the process that forks does not find

    path = env.get("PYTHONPATH", "")
    _known[path] += 1
    if argv[0] == "serve" or _known[path] < FEW:
        return harness.hanami(*argv, env=env, timeout=timeout)
    return _forks(path).run(argv, env, timeout)


# -- in that process ---------------------------------------------------------------------------------------------------


def load() -> None:
    """Import what commands import, and our own plugins."""
    points = importlib.metadata.entry_points(group="hanami.plugins")
    for module in (*MODULES, *(point.module for point in points if point.module.startswith("hanami_plugins."))):
        importlib.import_module(module)
    gc.freeze()  # so that forks share what was loaded


def serve() -> None:
    """Fork for each order that comes, and answer with the exit code, or with null if it took too long."""
    while line := sys.stdin.readline():
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            obey(order)
        print(json.dumps(awaited(pid, order["timeout"])), flush=True)


def awaited(pid: int, timeout: float) -> int | None:
    """Return the exit code of a process as `subprocess` does."""
    with open(os.pidfd_open(pid)) as handle:
        in_time, _, _ = select.select([handle], [], [], timeout)
        if not in_time:
            os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if in_time else None


def obey(order: dict[str, Any]) -> NoReturn:
    """Be the process of a command."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    files = (os.devnull, f"{order['folder']}/stdout", f"{order['folder']}/stderr")
    for number, file in enumerate(files):
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    importlib.invalidate_caches()
    sys.argv[1:] = order["argv"]
    sys.exit(sys.modules["hanami_cli.hanami"].main())


if __name__ == "__main__":
    load()
    serve()
