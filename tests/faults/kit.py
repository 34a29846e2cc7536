"""What tests of faults share: faults, calls with keys, and a program that makes one and is killed meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.whole import Whole

__all__ = ["FILE_NAME", "awaited", "faulty", "fill", "inject", "keyed", "locked", "small_disk"]

FILE_NAME = "hanami.db"


def keyed(whole: Whole, key: str, method: str, path: str, /, as_token: str | None = None, **fields: Any) -> Any:
    """Send a call with an Idempotency-Key and return the result."""
    headers = {"X-Auth-Token": whole.token if as_token is None else as_token, "Idempotency-Key": key}
    target = path if path.startswith("/") else f"{whole.prefix}/{path}"
    return whole.http.simulate_request(method, target, body=json.dumps(fields), headers=headers)


def inject(pid: int, fault: str, *paths: Path) -> subprocess.Popen[bytes]:
    """Let a fault happen to calls of a process that concern some files, from now on; ends with strace."""
    only = [argument for path in paths for argument in ("-P", str(path))]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *only, "-e", f"inject={fault}", "-p", str(pid)]
    tracer = subprocess.Popen(command)
    while f"TracerPid:\t{tracer.pid}" not in Path(f"/proc/{pid}/status").read_text():
        if tracer.poll() is not None:
            raise RuntimeError(f"strace ended with {tracer.returncode}")
        time.sleep(0.01)
    return tracer


@contextmanager
def faulty(fault: str, *paths: Path) -> Iterator[None]:
    """Let a fault happen to calls of this process that concern some files."""
    tracer = inject(os.getpid(), fault, *paths)
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10.0)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Provide a file system of a size; needs the right to mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, left: int = 0) -> Path:
    """Take the room of a file system but for some bytes, and return the file that has it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        piece = max(0, shutil.disk_usage(folder).free - left)
        with suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, piece)
    return ballast


def awaited(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the lock of those who write, as a program of somebody else may."""
    other = sqlite3.connect(database, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


def main(data_dir: str, fault: str) -> None:
    """Create a cluster with a key, and be killed by a fault, or afterwards."""
    with Whole(Path(data_dir)) as whole:
        files = [Path(data_dir, f"hanami.db{end}") for end in ("", "-wal", "-shm")]
        inject(os.getpid(), f"{fault}:signal=KILL", *files)
        print("armed", flush=True)
        keyed(whole, "key", "POST", "cluster", name="reader")
        os.kill(os.getpid(), 9)


if __name__ == "__main__":
    main(*sys.argv[1:])
