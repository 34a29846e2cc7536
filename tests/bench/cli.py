"""How much longer `hanamictl --help` takes than Python alone, in processor time."""

from __future__ import annotations

import os
import subprocess
import sys

REPEATS = 10
HELP = "import sys; from hanami_cli.hanamictl import main; sys.exit(main(['--help']))"


def processor_seconds(code: str) -> float:
    """Return the processor time of a process that runs `code`, the best of several."""
    times = []
    for _ in range(REPEATS):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"a process ended with {process.returncode}")
        times.append(used.ru_utime + used.ru_stime)
    return min(times)


def run() -> dict[str, float]:
    """Return the figures."""
    alone, helped = processor_seconds("pass"), processor_seconds(HELP)
    return {"help_ms": 1e3 * helped, "help_by_python": helped / alone}
