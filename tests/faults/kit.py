"""What tests of faults share: calls with keys, and a program that makes one and is killed meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.whole import Whole

__all__ = ["inject", "keyed"]


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
