"""A private server for demonstrations, measurements and tests: its own data directory, a free port, an admin."""

from __future__ import annotations

import functools
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from hanami_core.errors import StartupError
from hanami_server.paths import state_path
from hanami_server.process_control import die_with

START_SECONDS = 120.0
STOP_SECONDS = 10.0
_PROGRAM = "import sys; from hanami_cli.hanami import main; sys.exit(main())"


class LocalServer:
    """``hanami init`` and ``hanami serve`` as child processes."""

    user = "demo"

    def __init__(self, data_dir: Path, *flags: str, settings: Mapping[str, object] | None = None) -> None:
        """Use a data directory, which `start` makes with a file of these settings; `flags` go to ``hanami serve``."""
        self.data_dir = data_dir
        self._settings = dict(settings or {})
        self.passphrase = secrets.token_urlsafe(12)
        self.address = ""
        self.ready_seconds = 0.0
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process of the supervisor."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.data_dir / "server.log"

    def start(self) -> Self:
        """Start the server and wait until it is ready."""
        if self._settings:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.data_dir / "hanami.toml").write_text(_toml(self._settings), encoding="utf-8")
        self.make()
        self.resume()
        return self

    def make(self) -> None:
        """Make the data directory.

        Raises:
            StartupError: if it cannot be made; the text says why.
        """
        admin = {
            "HANAMI_ADMIN_ID": self.user,
            "HANAMI_ADMIN_NAME": self.user,
            "HANAMI_ADMIN_PASSPHRASE": self.passphrase,
        }
        done = subprocess.run(
            [sys.executable, "-P", "-c", _PROGRAM, "init", "--data-dir", str(self.data_dir)],
            env={**os.environ, **admin},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise StartupError(done.stderr.strip() or done.stdout.strip())

    def resume(self) -> None:
        """Serve what is in the data directory, and wait until the server is ready."""
        begin = time.monotonic()
        with open(self.log, "wb", opener=_private) as log:
            self._process = self._launch(["serve", "--data-dir", str(self.data_dir), "--port", "0", *self._flags], log)
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - begin > START_SECONDS:
                self.stop()
                raise StartupError(f"the server did not start: {self._last_words()}")
            time.sleep(0.02)
        self.ready_seconds = time.monotonic() - begin

    def _launch(self, argv: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
        """Start ``hanami`` with a command line; the process ends with this one."""
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *argv],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=functools.partial(die_with, os.getpid()),
        )

    def _ready(self) -> bool:
        try:
            state = json.loads(state_path(self.data_dir).read_text())
            address = f"http://127.0.0.1:{state['port']}"
            with urllib.request.urlopen(f"{address}/health/ready", timeout=5.0) as answer:  # noqa: S310 - our own
                self.address = address if answer.status == 200 else ""
        except (OSError, ValueError, KeyError):
            return False
        return bool(self.address)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"

    def stop(self) -> None:
        """End all processes."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait(self) -> None:
        """Wait until the server ends."""
        assert self._process is not None
        self._process.wait()

    def memory(self) -> int:
        """Return the resident memory of all processes in bytes."""
        return sum(_resident(pid) for pid in _family(self.pid))

    def processor_seconds(self) -> float:
        """Return how long all processes have been running on a core."""
        return sum(_ticks(pid) for pid in _family(self.pid)) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop."""
        self.stop()


def _toml(settings: Mapping[str, object]) -> str:
    """Write settings by full name; texts, numbers and booleans look in TOML as they do in JSON."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


def _family(pid: int) -> list[int]:
    family = [pid]
    for parent in family:
        tasks = Path(f"/proc/{parent}/task")
        for children in tasks.glob("*/children") if tasks.exists() else ():
            family += [int(child) for child in children.read_text().split()]
    return family


def _resident(pid: int) -> int:
    """Return proportional memory, so that pages which processes share count once."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def _ticks(pid: int) -> int:
    """Return user and system time of a process, in ticks of the clock."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
