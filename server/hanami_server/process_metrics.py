"""What the processes of a server cost, do and hold. Must not know who shows it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from hanami_core.metrics import SOURCES, Metric, Sample
from hanami_core.runtime import Runtime
from hanami_server import plugin_states, request_counts
from hanami_server.control import Unreachable, ask
from hanami_server.paths import control_path, request_counts_path, state_path
from hanami_server.sidecar_metrics import unpack

__all__ = ["contribute"]

PATIENCE = 0.5


def contribute(runtime: Runtime) -> None:
    """Add the metrics of the server to those of a runtime."""
    sources: list[Callable[[], Iterable[Metric]]] = [
        partial(request_counts.read, request_counts_path(runtime.settings.data_dir)),
        *(partial(make, runtime) for make in (_processes, _sidecars, _plugins)),
    ]
    runtime.stash[SOURCES] = sources


def _processes(runtime: Runtime) -> Iterator[Metric]:
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


def _sidecars(runtime: Runtime) -> Iterator[Metric]:
    for host in runtime.hosts:
        try:
            found = ask(control_path(runtime.settings.data_dir, host), "metrics", PATIENCE)
        except Unreachable:
            found = {}
        text = "Whether the sidecar of a host answers"
        yield Sample("hanami_host_up", float("pid" in found), help=text, labels={"host": host})
        yield from unpack(found)


def _plugins(runtime: Runtime) -> Iterator[Metric]:
    """Tell how plugins do in each kind of process, of which there may be several."""
    failures: Counter[tuple[str, str]] = Counter()
    works: dict[tuple[str, str], bool] = {}
    for states in plugin_states.read(runtime.settings.data_dir):
        for plugin in states.plugins:
            key = plugin.name, states.process
            failures[key] += plugin.failures
            works[key] = works.get(key, True) and plugin.state not in ("broken", "disabled")
    for key, working in works.items():
        labels = {"plugin": key[0], "process": key[1]}
        text = "Whether a plugin works in all processes of a kind"
        yield Sample("hanami_plugin_works", float(working), help=text, labels=labels)
        text = "Calls of plugins that failed after the start, by kind of process"
        yield Sample("hanami_plugin_failures_total", failures[key], "counter", text, labels)
