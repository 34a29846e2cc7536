"""What became of the plugins in each process of a running server, one file a process.

It is written whenever one of them fails or changes its state. Owns the files at both ends.
Must not know plugins other than by what the plugin host says of them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hanami_core.folders import private
from hanami_core.plugin_host import Plugin, PluginHost
from hanami_server import process_control
from hanami_server.paths import plugin_states_path

__all__ = ["PluginInfo", "ProcessStates", "info", "publish", "read"]

log = logging.getLogger("hanami.plugins")


class PluginInfo(msgspec.Struct):
    """One plugin as one process sees it."""

    name: str
    distribution: str
    version: str
    state: str
    reason: str
    where: str
    hooks: list[str]
    requires: list[str]
    essential: bool
    failures: int
    warnings: list[str] = []
    remarks: list[str] = []


class ProcessStates(msgspec.Struct):
    """All plugins of one process; `birth` tells it from a later one with the same number."""

    process: str
    pid: int
    birth: int
    plugins: list[PluginInfo]


def info(host: PluginHost) -> list[PluginInfo]:
    """Return what a plugin host knows of its plugins."""
    return [_describe(plugin) for plugin in (*host.plugins.values(), *host.refused)]


def _describe(plugin: Plugin) -> PluginInfo:
    return PluginInfo(
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        state=str(plugin.state),
        reason=plugin.reason,
        where=plugin.where,
        hooks=list(plugin.hooks),
        requires=list(plugin.requires),
        essential=plugin.essential,
        failures=plugin.failures,
        warnings=list(plugin.warnings),
        remarks=list(plugin.remarks.values()),
    )


@contextlib.contextmanager
def publish(host: PluginHost, data_dir: Path, process: str) -> Iterator[None]:
    """Tell what became of the plugins of this process, and whenever that changes, until the block ends."""
    pid = os.getpid()
    path = plugin_states_path(data_dir) / f"{pid}.json"
    turn = threading.Lock()  # so that no older state overwrites a newer one

    def write() -> None:
        with turn:
            _write(path, ProcessStates(process, pid, process_control.birth(pid) or 0, info(host)))

    _forget_killed(data_dir)
    unwatch = host.watch(write)
    write()
    try:
        yield
    finally:
        unwatch()
        with turn:
            path.unlink(missing_ok=True)


def _write(path: Path, states: ProcessStates) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        private(path.parent)
        temporary.write_bytes(msgspec.json.encode(states))
        temporary.replace(path)
    except OSError as error:  # a full disk must not end what still works
        log.warning("states of plugins could not be written", extra={"reason": str(error)})


def read(data_dir: Path) -> list[ProcessStates]:
    """Return the states in the processes that run now, in the order of their names and numbers."""
    found = [states for _, states in _all(data_dir) if process_control.birth(states.pid) == states.birth]
    return sorted(found, key=lambda states: (states.process, states.pid))


def _all(data_dir: Path) -> Iterator[tuple[Path, ProcessStates]]:
    for path in plugin_states_path(data_dir).glob("*.json"):
        # It may have ended just now, or be of another version.
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            yield path, msgspec.json.decode(path.read_bytes(), type=ProcessStates)


def _forget_killed(data_dir: Path) -> None:
    """Remove what processes left that could not do it themselves."""
    for path, states in _all(data_dir):
        if process_control.birth(states.pid) != states.birth:
            path.unlink(missing_ok=True)
