"""Processes that plugins need beside the api and the sidecars: what a plugin declares, and what its function is given.

The server starts them, restarts what ends or does not get ready, sees to it that each runs once, and ends them with
all others. How it does that is not known here.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hanami_core.plugin_host import PluginHost
    from hanami_core.runtime import Runtime
    from hanami_core.settings import Settings

__all__ = ["Process", "ProcessContext"]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Process:
    """A process that runs as long as the server does.

    Attributes:
        name: unique name; lower-case letters, digits, ``-`` and ``_``.
        target: function to call, as ``package.module:function``; it receives a ``ProcessContext``, calls its ``ready``
            and returns when its ``stop`` is set.
        command: program with its arguments, instead of a function. It counts as ready as soon as it runs.
        ready: seconds that the function has to become ready. A process that takes longer is restarted.

    Raises:
        ValueError: if the name is invalid, or if not exactly one of target and command is given.
    """

    name: str
    target: str = ""
    command: tuple[str, ...] = ()
    ready: float = 30.0

    def __post_init__(self) -> None:
        """Check what can be checked without loading the function."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a valid process name: small letters, digits, '-' and '_'")
        if bool(self.target) == bool(self.command):
            raise ValueError(f"process {self.name} needs either a target or a command")
        if self.target and not _TARGET.fullmatch(self.target):
            raise ValueError(f"target of process {self.name} must look like package.module:function")
        if not self.ready > 0:
            raise ValueError(f"process {self.name} needs some time to get ready")


class ProcessContext:
    """What the function of a process works with.

    `stop` is set when the process has to end; it then has a few seconds left. Settings and runtime are opened on first
    access: a process that needs neither loads no plugins.
    """

    def __init__(
        self,
        name: str,
        data_dir: Path,
        flags: Mapping[str, str],
        report: Callable[[], None],
        loaded: Callable[[PluginHost], None] = lambda _: None,
    ) -> None:
        """Describe the process `name`; `report` tells the server that it is ready, `loaded` that it has plugins."""
        self.name = name
        self.data_dir = data_dir
        self.stop = threading.Event()
        self._flags = flags
        self._report = report
        self._loaded = loaded

    def ready(self) -> None:
        """Report to the server that the process is working."""
        self._report()

    @cached_property
    def settings(self) -> Settings:
        """All settings, as the other processes of the server have them."""
        from hanami_core.runtime import resolve_settings

        return resolve_settings(self.data_dir, self._plugins, self._flags)

    @cached_property
    def runtime(self) -> Runtime:
        """Database, blobs, queue and registries; its role is ``process``. Closed after the function has returned."""
        from hanami_core.roles import Role
        from hanami_core.runtime import Runtime

        return Runtime.open(self.data_dir, Role.PROCESS, self._flags, plugins=self._plugins)

    @cached_property
    def _plugins(self) -> PluginHost:
        from hanami_core.plugin_host import PluginHost, installed_plugins, read_disabled

        host = PluginHost(installed_plugins(), read_disabled(self.data_dir))
        self._loaded(host)
        return host

    def close(self) -> None:
        """Close the runtime, if it was opened."""
        if "runtime" in vars(self):
            self.runtime.close()
