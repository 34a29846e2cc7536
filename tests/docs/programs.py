"""Programs for examples, as forks of a process that has loaded them: that takes longer than most of what they do.

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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

__all__ = ["programs"]

SCRIPT = """#!/bin/bash
exec 10<&0 11>&1 12>&2  # where they stay, whatever this script does to say and to hear something
exec 9<>/dev/tcp/127.0.0.1/{port} && echo $$ >&9 && read -r code <&9 && exit "$code"
echo "nobody runs the program" >&2
exit 70
"""
KEPT = 10
"""Where the script has its streams."""


class Program(NamedTuple):
    """The module whose `main` a program is, and what it imports when it runs: modules, and packages with all theirs."""

    module: str
    packages: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


KNOWN = {
    "hanamictl": Program("hanami_cli.hanamictl", ("hanami_cli", "hanami_sdk")),
    "backend.ai": Program(
        "ai.backend.cli.__main__",
        modules=("ai.backend.client.session", "ai.backend.client.cli.announcement", "ai.backend.client.cli.pagination"),
    ),
}


@contextlib.contextmanager
def programs(
    folder: Path,
    name: str = "hanamictl",
    python: Path = Path(sys.executable),
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Path]:
    """Make `folder` one that a shell can look into for a program.

    Args:
        folder: where it is to be found.
        name: what it is called.
        python: an interpreter that can import it.
        environment: what is set when it is imported.
    """
    command = [python, "-P", __file__, name]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=dict(environment)
    ) as process:
        try:
            assert process.stdout is not None
            script = folder / name
            script.write_text(SCRIPT.format(port=process.stdout.readline().strip()))
            script.chmod(0o755)
            yield folder
        finally:
            process.kill()


# -- in that process ---------------------------------------------------------------------------------------------------


def load(program: Program) -> None:
    """Import what commands import."""
    for name in (program.module, *program.modules):
        importlib.import_module(name)
    for name in program.packages:
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            with contextlib.suppress(ImportError):  # what needs a library that not everybody has
                importlib.import_module(module.name)
    gc.freeze()  # so that forks share what was loaded


def serve(program: Program) -> NoReturn:
    """Fork for everybody who asks."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a fork
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            asking, _ = listener.accept()
            if not os.fork():
                listener.close()
                obey(program, asking)
            asking.close()


def obey(program: Program, asking: socket.socket) -> NoReturn:
    """Be the program for a script."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    script = Path("/proc", asking.makefile().readline().strip())
    code = 1
    try:
        become(script)
        code = run(program)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    asking.sendall(b"%d\n" % code)
    os._exit(code)


def run(program: Program) -> int:
    """Run the program, and return its exit code."""
    try:
        return sys.modules[program.module].main() or 0
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return end.code or 0
        raise


def become(script: Path) -> None:
    """Take over what makes a process this one and no other."""
    os.chdir(script / "cwd")
    os.environ.clear()
    pairs = (pair.partition(b"=") for pair in (script / "environ").read_bytes().split(b"\0") if pair)
    os.environb.update({name: value for name, _, value in pairs})
    _, path, *arguments = (script / "cmdline").read_text().split("\0")
    sys.argv[:] = [path, *arguments[:-1]]
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
    chosen = KNOWN[sys.argv[1]]
    load(chosen)
    serve(chosen)
