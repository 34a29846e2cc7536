"""`hanamictl` for examples, as a fork of a process that has loaded it: that takes longer than most of what it does.

The program that a shell finds is a script that asks for a fork. The fork reads its arguments, its environment and its
streams from those of the script, whose exit code it decides.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pkgutil
import signal
import socket
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

__all__ = ["programs"]

SCRIPT = """#!/bin/bash
exec 10<&0 11>&1 12>&2  # where they stay, whatever this script does to say and to hear something
exec 9<>/dev/tcp/127.0.0.1/{port} && echo $$ >&9 && read -r code <&9 && exit "$code"
echo "nobody runs the program" >&2
exit 70
"""
KEPT = 10
"""Where the script has its streams."""


@contextlib.contextmanager
def programs(folder: Path) -> Iterator[Path]:
    """Make `folder` one that a shell can look into for programs."""
    command = [sys.executable, "-P", __file__]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            script = folder / "hanamictl"
            script.write_text(SCRIPT.format(port=process.stdout.readline().strip()))
            script.chmod(0o755)
            yield folder
        finally:
            process.kill()


# -- in that process ---------------------------------------------------------------------------------------------------


def load() -> None:
    """Import what commands import."""
    import hanami_cli
    import hanami_sdk

    for package in (hanami_cli, hanami_sdk):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            with contextlib.suppress(ImportError):  # what needs a library that not everybody has
                importlib.import_module(module.name)
    gc.freeze()  # so that forks share what was loaded


def serve() -> NoReturn:
    """Fork for everybody who asks."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a fork
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            asking, _ = listener.accept()
            if not os.fork():
                listener.close()
                obey(asking)
            asking.close()


def obey(asking: socket.socket) -> NoReturn:
    """Be the program for a script."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    script = Path("/proc", asking.makefile().readline().strip())
    code = 1
    try:
        become(script)
        code = sys.modules["hanami_cli.hanamictl"].main()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    asking.sendall(b"%d\n" % code)
    os._exit(code)


def become(script: Path) -> None:
    """Take over what makes a process this one and no other."""
    os.chdir(script / "cwd")
    os.environ.clear()
    pairs = (pair.partition(b"=") for pair in (script / "environ").read_bytes().split(b"\0") if pair)
    os.environb.update({name: value for name, _, value in pairs})
    _, _, *arguments = (script / "cmdline").read_text().split("\0")
    sys.argv[1:] = arguments[:-1]
    for number in range(3):
        stream = reopened(script, KEPT + number)
        os.dup2(stream, number)
        os.close(stream)
    # Those that are there know what could be done with the old ones.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - they live as long as the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def reopened(script: Path, number: int) -> int:
    """Open what a script has as a stream; what it has written or read already stays so."""
    facts = dict(line.split(":\t") for line in (script / "fdinfo" / str(number)).read_text().splitlines()[:2])
    path = script / "fd" / str(number)
    if stat.S_ISSOCK(path.stat().st_mode):  # nobody can open one, and no example has any
        return os.open(os.devnull, os.O_RDWR)
    flags = int(facts["flags"], 8) & (os.O_ACCMODE | os.O_APPEND)
    if not stat.S_ISREG(path.stat().st_mode):
        return os.open(path, flags)
    if flags & os.O_ACCMODE != os.O_RDONLY:
        return os.open(path, flags | os.O_APPEND)
    stream = os.open(path, flags)
    os.lseek(stream, int(facts["pos"]), os.SEEK_SET)
    return stream


if __name__ == "__main__":
    load()
    serve()
