"""Keeps what a server knows from others on the machine: modes of files, core dumps, secrets in the environment.

Owns what Linux gives for that. Must not know what the files hold, nor which settings there are.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = [
    "ADMIN_SECRETS",
    "PRIVATE_UMASK",
    "close_to_others",
    "forget",
    "private_files",
    "readable_by_others",
    "seclude",
]

PRIVATE_UMASK = 0o077
ADMIN_SECRETS = ("HANAMI_ADMIN_PASSPHRASE", "HANAMI_ADMIN_PASSWORD")
"""Variables that `hanami init` reads."""
_PR_SET_DUMPABLE = 4
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

log = logging.getLogger("hanami.process")


def seclude() -> None:
    """Let what this process writes be its user's alone, and no core of it, nor of its children, be written.

    A core would hold keys, tokens and passphrases. The limit keeps the kernel from writing one; that the process is not
    dumpable keeps it from giving one to a program, and other processes of the user from reading its memory.
    """
    os.umask(PRIVATE_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Let files that are made inside be the user's alone."""
    former = os.umask(PRIVATE_UMASK)
    try:
        yield
    finally:
        os.umask(former)


def forget(names: Iterable[str]) -> None:
    """Take variables out of the environment, also where ``/proc`` shows what the process was started with."""
    pointers = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
    for name in names:
        if name not in os.environ:
            continue
        prefix = os.fsencode(name) + b"="
        for number in range(len(os.environ) + 1):
            address = pointers[number] if pointers else None
            if address is None:
                break
            text = ctypes.string_at(address)
            if text.startswith(prefix):
                ctypes.memset(address + len(prefix), 0, len(text) - len(prefix))
        del os.environ[name]


def readable_by_others(directory: Path) -> list[Path]:
    """Return the directory and its files and directories, at any depth, that others than their user may use."""
    return [path for path in _all(directory) if _is_open(path)]


def _is_open(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:  # meanwhile
        return False
    return bool(mode & _OTHERS) and (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def close_to_others(directory: Path) -> int:
    """Take all rights of others from a directory and all that is in it, and return how many modes had to be changed.

    What belongs to somebody else, or is gone meanwhile, is left as it is.
    """
    changed = 0
    for path in readable_by_others(directory):
        try:
            path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~_OTHERS)
            changed += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("others may read it", extra={"path": str(path), "reason": error.strerror})
    return changed


def _all(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield directory
        for parent, directories, files in os.walk(directory):
            yield from (Path(parent, name) for name in (*directories, *files))
