"""Echoes everywhere: a host whose networks answer what they are given, a process that does, and tasks that ask it."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.http import Route
from hanami_core.processes import Process
from hanami_core.queue import TaskKind
from hanami_core.settings import Setting, Settings
from hanami_echo import calls
from hanami_echo.host import EchoHost
from hanami_echo.rules import EchoRules


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare the number of hosts."""
    return [Setting("echo.hosts", int, 1, "Hosts whose networks say what they hear", 0, 16)]


@hookimpl
def hanami_compute_hosts(settings: Settings) -> list[ComputeHost]:
    """Add the hosts; in most processes they are never started."""
    return [EchoHost(f"echo{number}") for number in range(settings["echo.hosts"])]


@hookimpl
def hanami_network_rules() -> list[NetworkRules]:
    """Add ``growth: echo``."""
    return [EchoRules()]


@hookimpl
def hanami_processes() -> list[Process]:
    """Add the process that answers calls."""
    return [Process("echo", target="hanami_echo.process:run")]


@hookimpl
def hanami_models() -> list[type[calls.EchoCall]]:
    """Add the table of calls."""
    return [calls.EchoCall]


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add the tasks that call; one that nobody answers is tried again."""
    return [TaskKind("echo", calls.run, runs_on="worker", retries=5)]


@hookimpl
def hanami_routes() -> list[Route]:
    """Add what users call with."""
    return calls.routes()
