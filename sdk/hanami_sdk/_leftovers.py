"""Things on the server that must not outlive the process that made them, such as the clusters of estimators.

A process that ends, also by SIGTERM, takes its things with it. One that is killed or crashes cannot. So the names of
such things tell which process made them, and the next process of the same person on the same machine removes what is
left of those that are gone. Where there is no next one, leases end (`_leases`). It knows no estimator.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import threading
import uuid
import weakref
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from hanami_sdk._leases import is_kept
from hanami_sdk.hanami_exceptions import HanamiException

if TYPE_CHECKING:
    from hanami_sdk._client import Client

_PROCESSES = Path("/proc")
_NAME = re.compile(r"scikit-learn ([0-9a-f]{12})-(\d+)-(\d+) [0-9a-f]{12}")
_START = 19
"""Place of the time of start in `/proc/PID/stat`, counted from behind the name of the program."""

_seen: weakref.WeakSet[Client] = weakref.WeakSet()
"""Clients for which what was left behind has been removed."""


def temporary_name() -> str:
    """Return a name for what is to go with this process; nothing else has it. It is short enough for a tag."""
    return f"scikit-learn {_surroundings()}-{os.getpid()}-{_started(os.getpid()) or 0} {uuid.uuid4().hex[:12]}"


def is_left_behind(name: str) -> bool:
    """Tell whether a name belongs to a process that was here and is gone; False where this cannot be known."""
    found = _NAME.fullmatch(name)
    if found is None or found[1] != _surroundings() or not int(found[3]):
        return False
    return _started(int(found[2])) != int(found[3])


def remove_left_behind(client: Client) -> None:
    """Delete what processes that are gone have left on the server; what cannot be deleted stays. Looks once only.

    What had a lease that somebody has ended stays, too.
    """
    if client in _seen:
        return
    _seen.add(client)
    with suppress(HanamiException):
        for cluster in client.clusters():
            if any(map(is_left_behind, (cluster.name, *cluster.tags))):
                with suppress(HanamiException):  # another process was quicker
                    if not is_kept(client, "cluster", cluster.uuid):
                        client.delete_cluster(cluster.uuid)
        for dataset in client.datasets():
            if is_left_behind(dataset.name):
                with suppress(HanamiException):
                    if not is_kept(client, "dataset", dataset.uuid):
                        client.delete_dataset(dataset.uuid)


def end_well() -> None:
    """Let SIGTERM end this process the way `sys.exit` does, unless the program has its own way."""
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # the next one ends the process at once
    raise SystemExit(128 + number)


@lru_cache(maxsize=1)
def _surroundings() -> str:
    """Return what number and start of a process count in: a boot of a machine, its container, and a person.

    Other people's processes may be invisible, and those of other containers have other numbers.
    """
    parts = [str(uuid.getnode()), str(getattr(os, "getuid", int)())]
    with suppress(OSError):
        parts += [(_PROCESSES / "sys/kernel/random/boot_id").read_text(), os.readlink(_PROCESSES / "self/ns/pid")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _started(process: int) -> int | None:
    """Return when a process started, None if there is none, or where there is no `/proc`."""
    try:
        stat = (_PROCESSES / str(process) / "stat").read_text(errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[_START - 1])
