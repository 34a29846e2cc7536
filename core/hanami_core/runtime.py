"""One process of a server, put together: settings, plugins, database, blobs, queue, registries.

`Runtime.open` is the only way to build one. Nothing is global, except that models are bound to the database of the
process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import peewee

from hanami_core import localsocket
from hanami_core.clock import Clock, SystemClock
from hanami_core.compute import ComputeHost, HostContext, NetworkRules, rules
from hanami_core.compute.descriptions import Describer
from hanami_core.compute.identity import host_uuids
from hanami_core.dialects import TemplateDialect
from hanami_core.errors import BadRequest, StartupError
from hanami_core.http.routes import Route
from hanami_core.network import Template
from hanami_core.plugin_host import Contribution, PluginHost, installed_plugins, read_disabled
from hanami_core.queue import Lane, Task, TaskKind, TaskQueue
from hanami_core.settings import CORE_SETTINGS, Settings, cache_directory, load_settings
from hanami_core.sockets import SocketTarget
from hanami_core.stash import Stash
from hanami_core.storage import database
from hanami_core.storage.blobs import Blob, Blobs

Role = Literal["api", "sidecar", "tool"]
log = logging.getLogger("hanami.runtime")

CORE_MODELS: tuple[type[peewee.Model], ...] = (Lane, Task, Blob)


@dataclass
class Runtime:
    """What a process of the server works with.

    `compute` is the started compute host of a sidecar and None everywhere else. `host_uuids` are the identities of all
    hosts towards clients.
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
    host_uuids: dict[str, str] = field(default_factory=dict)
    compute: ComputeHost | None = None
    _describer: Describer | None = None

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
            queue=TaskQueue(clock, blobs, settings["queue.lease"], partial(_poke, data_dir)),
            formats=host.dataset_formats(),
            hosts=host.compute_hosts(settings),
            rules=host.network_rules(),
            dialects=host.template_dialects(),
            kinds=host.task_kinds(),
            targets=host.socket_targets(),
        )
        runtime.host_uuids = host_uuids(data_dir, runtime.hosts, write=True)
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
            file = getattr(self.plugins.plugins[str(name)].module, "__file__", None)
            directory = Path(file).parent / "migrations" if file else None
            steps += database.migrate(directory, str(name), models)
        return steps

    def start_compute(self, name: str) -> None:
        """Start the compute host of this sidecar; `close` stops it.

        Raises:
            StartupError: if no plugin provides it.
        """
        if name not in self.hosts:
            raise StartupError(f"no plugin provides the host {name}")
        self.compute = self.hosts[name]
        self.compute.start(
            HostContext(
                uuid=self.host_uuids[name],
                cache=cache_directory(self.settings, os.environ),
                data_dir=self.settings.data_dir,
                settings=self.settings,
                clock=self.clock,
                threads=len(os.sched_getaffinity(0)),
                background=True,
            )
        )
        self._describer = Describer(self.settings.data_dir, self.compute)

    def close(self) -> None:
        """Let the plugins end, stop the compute host and close this thread's database connection."""
        self.plugins.shutdown(self)
        self._stop_compute()
        self.database.close()

    def _stop_compute(self) -> None:
        """Stop the host last: until then plugins store and close its networks."""
        if self._describer is not None:
            self._describer.stop()
        if self.compute is not None:
            try:
                self.compute.stop()
            except Exception:
                log.exception("a compute host could not be stopped", extra={"host": self.compute.name})

    def parse_template(self, text: str) -> Template:
        """Return the template that the first dialect which recognises `text` makes of it."""
        for dialect in self.dialects.values():
            if dialect.recognises(text):
                return dialect.parse(text, rules.declarations(self.rules.values()))
        names = ", ".join(self.dialects) or "none"
        raise BadRequest(f"Uploaded template is not a valid cluster-template: \nunknown language, known are: {names}")

    def rules_for(self, template: Template, host_kind: str) -> NetworkRules:
        """Return the rule set that runs a template on a kind of host, see `rules.choose`."""
        return rules.choose(self.rules, template, host_kind)


def _poke(data_dir: Path, host: str) -> None:
    localsocket.poke(localsocket.poke_path(data_dir, host))


def resolve_settings(
    data_dir: Path, host: PluginHost, flags: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of core and plugins."""
    specs = [*CORE_SETTINGS, *host.settings()]
    return load_settings(data_dir, specs, os.environ if environ is None else environ, flags)
