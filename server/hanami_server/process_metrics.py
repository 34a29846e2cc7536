"""What the processes of a server cost and hold, as samples for whoever shows metrics.

Owns the names of these samples. Must not know who shows them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from hanami_core.metrics import SOURCES, Sample
from hanami_core.runtime import Runtime
from hanami_server import plugin_states
from hanami_server.control import Unreachable, ask
from hanami_server.paths import control_path, state_path

__all__ = ["contribute"]

PATIENCE = 0.5

Source = Callable[[Runtime], Iterable[Sample]]


def contribute(runtime: Runtime) -> None:
    """Add the samples of the server to those of a runtime."""
    sources: list[Callable[[], Iterable[Sample]]] = [
        partial(make, runtime) for make in (_processes, _sidecars, _plugins)
    ]
    runtime.stash[SOURCES] = sources


def _processes(runtime: Runtime) -> Iterator[Sample]:
    try:
        children = json.loads(state_path(runtime.settings.data_dir).read_text())["children"]
    except (OSError, ValueError, KeyError):
        return
    for name, pid in children.items():
        memory = _resident_bytes(pid)
        if memory is not None:
            text = "Resident memory of the processes that the supervisor has started"
            yield Sample("hanami_process_resident_bytes", memory, help=text, labels={"process": name})


def _resident_bytes(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _sidecars(runtime: Runtime) -> Iterator[Sample]:
    for host in runtime.hosts:
        try:
            found = ask(control_path(runtime.settings.data_dir, host), "metrics", PATIENCE)
        except Unreachable:
            found = {}
        labels = {"host": host}
        yield Sample("hanami_host_up", float(bool(found)), help="Whether the sidecar of a host answers", labels=labels)
        if found:
            text = "Websockets that are open"
            yield Sample("hanami_open_sockets", found["sockets"], help=text, labels=labels)


def _plugins(runtime: Runtime) -> Iterator[Sample]:
    text = "Calls of plugins that failed after the start, in a process"
    for states in plugin_states.read(runtime.settings.data_dir):
        for plugin in states.plugins:
            labels = {"plugin": plugin.name, "process": states.process, "pid": str(states.pid)}
            yield Sample("hanami_plugin_failures_total", plugin.failures, "counter", text, labels)
            working = float(plugin.state not in ("broken", "disabled"))
            yield Sample("hanami_plugin_works", working, help="Whether a plugin works in a process", labels=labels)
