"""One process of a server, put together: settings, plugins, database, blobs, queue, registries.

`Runtime.open` is the only way to build one. Nothing is global, except that models are bound to the database of the
process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import peewee

from hanami_core import localsocket
from hanami_core.clock import Clock, SystemClock
from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.dialects import TemplateDialect
from hanami_core.errors import BadRequest, StartupError
from hanami_core.http.routes import Route
from hanami_core.network import Template
from hanami_core.plugin_host import Contribution, PluginHost, installed_plugins, read_disabled
from hanami_core.queue import Partition, Task, TaskKind, TaskQueue
from hanami_core.settings import CORE_SETTINGS, Settings, load_settings
from hanami_core.sockets import SocketTarget
from hanami_core.stash import Stash
from hanami_core.storage import database
from hanami_core.storage.blobs import Blob, Blobs

Role = Literal["api", "sidecar", "worker", "process", "tool"]
CORE_MODELS: tuple[type[peewee.Model], ...] = (Partition, Task, Blob)


@dataclass
class Runtime:
    """What a process of the server works with.

    `compute` is the started compute host of a sidecar and None everywhere else.
    """

    role: Role
    settings: Settings
    plugins: PluginHost
    database: peewee.Database
    blobs: Blobs
    clock: Clock
    queue: TaskQueue
    formats: dict[str, Contribution]
    hosts: dict[str, ComputeHost]
    rules: dict[tuple[str, str], NetworkRules]
    dialects: dict[str, TemplateDialect]
    kinds: dict[str, TaskKind]
    targets: dict[str, SocketTarget]
    stash: Stash = field(default_factory=Stash)
    compute: ComputeHost | None = None

    def __post_init__(self) -> None:
        """Let the queue know the kinds of tasks."""
        self.queue.bind(self)

    @classmethod
    def open(
        cls,
        data_dir: Path,
        role: Role,
        flags: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        plugins: PluginHost | None = None,
    ) -> Runtime:
        """Build the runtime of a process and let the plugins start.

        Raises:
            StartupError: if something essential is missing or fails; the text says what.
            SettingsError: if a setting is wrong.
        """
        host = plugins or PluginHost(installed_plugins(), read_disabled(data_dir))
        settings = resolve_settings(data_dir, host, flags or {}, environ)
        if not host.implements("hanami_authenticate"):
            raise StartupError("no plugin authenticates users; see 'hanami plugins'")
        db = host.database(settings)
        database.proxy.initialize(db)
        clock = SystemClock()
        blobs = Blobs(host.blob_store(settings))
        runtime = cls(
            role=role,
            settings=settings,
            plugins=host,
            database=db,
            blobs=blobs,
            clock=clock,
            queue=TaskQueue(clock, blobs, settings["queue.lease"], partial(_notify, data_dir)),
            formats=host.dataset_formats(),
            hosts=host.compute_hosts(settings),
            rules=host.network_rules(),
            dialects=host.template_dialects(),
            kinds=host.task_kinds(),
            targets=host.socket_targets(),
        )
        if role == "tool":
            runtime.migrate()
        host.startup(runtime)
        return runtime

    @cached_property
    def routes(self) -> dict[tuple[str, str], Route]:
        """All REST routes by method and path."""
        return {(route.method, route.path): route for route in self.plugins.routes(self)}

    def migrate(self) -> list[str]:
        """Bring all tables up to date and return the steps that ran."""
        steps = database.migrate(Path(__file__).parent / "migrations", "core", CORE_MODELS)
        for name, models in self.plugins.models().items():
            directory = _migrations_of(self.plugins.plugins[str(name)].module)
            steps += database.migrate(directory, str(name), models)
        return steps

    def close(self) -> None:
        """Let the plugins end and close this thread's database connection."""
        self.plugins.shutdown(self)
        self.database.close()

    def parse_template(self, text: str) -> Template:
        """Return the template that the first dialect which recognises `text` makes of it."""
        for dialect in self.dialects.values():
            if dialect.recognises(text):
                return dialect.parse(text)
        names = ", ".join(self.dialects) or "none"
        raise BadRequest(f"Uploaded template is not a valid cluster-template: \nunknown language, known are: {names}")

    def rules_for(self, template: Template, host_kind: str) -> NetworkRules:
        """Return the rule set that runs a template on a kind of host.

        A template that names its growth gets exactly that; else the first rule set that does not refuse it.

        Raises:
            BadRequest: with every rule set's reason, if none runs it.
        """
        wanted = template.settings.growth
        reasons = []
        for (name, kind), rules in self.rules.items():
            if kind != host_kind or wanted not in (None, name):
                continue
            reason = rules.refuses(template)
            if reason is None:
                return rules
            reasons.append(f"growth '{name}': {reason}")
        if not reasons:
            reasons.append(
                f"no installed plugin has rules for growth '{wanted or 'any'}' on a host of type {host_kind}"
            )
        raise BadRequest("\n".join(reasons))


def _migrations_of(module: Any) -> Path | None:
    """Return the directory for the migrations of a plugin: that of its own package.

    A plugin that is a single module has none. What lies beside it, often in ``site-packages``, belongs to others.
    """
    return Path(module.__file__).parent / "migrations" if hasattr(module, "__path__") else None


def _notify(data_dir: Path, host: str) -> None:
    localsocket.notify(localsocket.notify_path(data_dir, host))


def resolve_settings(
    data_dir: Path, host: PluginHost, flags: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of core and plugins."""
    specs = [*CORE_SETTINGS, *host.settings()]
    return load_settings(data_dir, specs, os.environ if environ is None else environ, flags)
