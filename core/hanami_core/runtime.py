"""One process of a server, put together: settings, plugins, database, blobs, queue, registries.

`Runtime.open` is the only way to build one. Nothing is global, except that models are bound to the database of the
process.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import peewee

from hanami_core import localsocket
from hanami_core.admission import Claim
from hanami_core.clock import Clock, SystemClock
from hanami_core.compute import ComputeHost, HostContext, HostDescription, NetworkRules, rules
from hanami_core.compute.descriptions import Describer
from hanami_core.compute.identity import host_uuids
from hanami_core.datasets import DatasetFormat
from hanami_core.dialects import TemplateDialect, TemplateWriter
from hanami_core.errors import StartupError, TemplateError
from hanami_core.events import Event, PluginBroken
from hanami_core.exports import Export
from hanami_core.host_calls import HostCalls
from hanami_core.http import Api, RouteTable
from hanami_core.http.keyed import CLEAN_UP, KeyedCall
from hanami_core.identity import Authenticator, IdentityProvider
from hanami_core.network import Template
from hanami_core.plugin_host import PluginHost, PluginState, Registry, installed_plugins, read_disabled
from hanami_core.processes import Process
from hanami_core.queue import Partition, RemovedTasks, Task, TaskEntry, TaskKind, TaskQueue
from hanami_core.roles import Role
from hanami_core.schedules import Schedule
from hanami_core.settings import CORE_SETTINGS, Settings, cache_directory, load_settings
from hanami_core.sockets import SocketTarget
from hanami_core.stash import Stash
from hanami_core.storage import database, migrations
from hanami_core.storage.blobs import Blob, Blobs
from hanami_core.storage.contract import Database, StorageContext
from hanami_core.storage.database import OwnedRecord, RecordGuard
from hanami_core.storage.opening import open_blobs, open_database
from hanami_core.storage.reserve import Reserve
from hanami_core.storage.schema import SchemaOwner, steps_of

log = logging.getLogger("hanami.runtime")

CORE_MODELS: tuple[type[peewee.Model], ...] = (
    Partition,
    Task,
    TaskEntry,
    RemovedTasks,
    Blob,
    database.SectionLock,
    KeyedCall,
)
CORE_SCHEDULES = (CLEAN_UP,)


@dataclass
class Runtime:
    """Everything that a server process works with.

    The registries contain what working plugins contribute; they are filled once all plugins have started. `compute` is
    the started compute host of a sidecar and None everywhere else. `host_uuids` are the uuids of all hosts, as clients
    see them.
    """

    role: Role
    settings: Settings
    plugins: PluginHost
    database: Database
    blobs: Blobs
    clock: Clock
    queue: TaskQueue
    models: Registry[str, type[peewee.Model]]
    formats: Registry[str, DatasetFormat] = field(default_factory=lambda: Registry("hanami_dataset_formats"))
    exports: Registry[tuple[str, str], Export[Any]] = field(default_factory=lambda: Registry("hanami_exports"))
    hosts: Registry[str, ComputeHost] = field(default_factory=lambda: Registry("hanami_compute_hosts"))
    rules: Registry[tuple[str, str], NetworkRules] = field(default_factory=lambda: Registry("hanami_network_rules"))
    dialects: Registry[str, TemplateDialect] = field(default_factory=lambda: Registry("hanami_template_dialects"))
    kinds: Registry[str, TaskKind] = field(default_factory=lambda: Registry("hanami_task_kinds"))
    targets: Registry[str, SocketTarget] = field(default_factory=lambda: Registry("hanami_socket_targets"))
    processes: Registry[str, Process] = field(default_factory=lambda: Registry("hanami_processes"))
    schedules: Registry[str, Schedule] = field(default_factory=lambda: Registry("hanami_schedules"))
    authenticators: Registry[str, Authenticator] = field(default_factory=lambda: Registry("hanami_authenticators"))
    apis: Registry[str, Api] = field(default_factory=lambda: Registry("hanami_apis"))
    routes: RouteTable = field(default_factory=RouteTable)
    record_guards: Registry[str, RecordGuard] = field(default_factory=lambda: Registry("hanami_record_guards"))
    identity: IdentityProvider | None = None
    reserve: Reserve = field(init=False)
    host_calls: HostCalls = field(init=False)
    stash: Stash = field(default_factory=Stash)
    host_uuids: dict[str, str] = field(default_factory=dict)
    compute: ComputeHost | None = None
    _describer: Describer | None = None
    _told: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Make what needs the settings, and let the queue know the kinds of tasks."""
        self.reserve = Reserve(self.settings)
        self.host_calls = HostCalls(self.settings.data_dir)
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
        """Build the runtime of a process and start the plugins.

        If something cannot be started, everything started before it is undone.

        Raises:
            StartupError: if something essential is missing or fails; the text names it.
            SettingsError: if a setting is wrong.
        """
        with _no_garbage():
            runtime = cls.assemble(data_dir, role, flags, environ, plugins)
            try:
                runtime._start()
            except BaseException:
                runtime.close()
                raise
        return runtime

    @classmethod
    def assemble(
        cls,
        data_dir: Path,
        role: Role,
        flags: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        plugins: PluginHost | None = None,
    ) -> Runtime:
        """Take the plugins only through the phases settings and storage; raises the same as `open`."""
        host = plugins or PluginHost(installed_plugins(), read_disabled(data_dir))
        host.lenient = not Role(role).writes
        host.require_essential()
        settings = resolve_settings(data_dir, host, flags or {}, environ)
        return cls._with_storage(Role(role), settings, host)

    @classmethod
    def _with_storage(cls, role: Role, settings: Settings, host: PluginHost) -> Runtime:
        clock = SystemClock()
        context = StorageContext(settings, clock, read_only=not role.writes)
        db = open_database(host.databases(settings), context, host.broken())
        with ExitStack() as opened:
            opened.callback(db.close)
            database.bind(db)
            blobs = open_blobs(host.blob_stores(settings), context, host.broken())
            opened.callback(blobs.close)
            runtime = cls(
                role=role,
                settings=settings,
                plugins=host,
                database=db,
                blobs=blobs,
                clock=clock,
                queue=TaskQueue(clock, blobs, settings["queue.lease"], partial(_notify, settings.data_dir)),
                models=host.models([model._meta.table_name for model in CORE_MODELS]),
            )
            opened.pop_all()  # from now on `close` closes them
        return runtime

    def _start(self) -> None:
        """Take the plugins through the phases of start, registries and routes."""
        if self.role.prepares:
            self.migrate()
        self.plugins.startup(self)
        self._gather()
        self._gather_routes()
        self.plugins.require_essential()
        if self.role.writes and not self.authenticators:
            raise StartupError("no plugin authenticates users; see 'hanami plugins'")
        self._tell_broken()
        self.plugins.watch(self._tell_broken)

    def _gather(self) -> None:
        """Fill the registries, in an order in which each may look at those before it."""
        host = self.plugins
        self.record_guards = host.record_guards(self)
        database.guard(self._guard)
        self.authenticators = host.authenticators(self)
        self.identity = host.identity(self)
        self.apis = host.apis(self)
        self._name_missing_schemes()
        self.formats = host.dataset_formats()
        self.exports = host.exports()
        self.hosts = host.compute_hosts(self.settings, self)
        self.host_uuids = host_uuids(self.settings.data_dir, self.hosts, write=self.role.writes)
        self.rules = host.network_rules()
        self.dialects = host.template_dialects()
        self.kinds = host.task_kinds()
        self.targets = host.socket_targets()
        self.processes = host.processes(self.settings)
        self.schedules = host.schedules(self)

    def _name_missing_schemes(self) -> None:
        for api in self.apis.values():
            for scheme in set(api.schemes) - set(self.authenticators):
                log.warning("api %s accepts the scheme %s, which no plugin brings", api.name, scheme)

    def _gather_routes(self) -> None:
        """Gather the routes; again without those that broke meanwhile, because routes are made of registries."""
        working = None
        while working != (working := self.plugins.working()):
            self.routes = RouteTable(self.apis, self.plugins.routes(self, self.apis))

    def all_models(self) -> list[type[peewee.Model]]:
        """Return the models of core and of all working plugins."""
        return [*CORE_MODELS, *self.models.values()]

    def owners(self) -> list[SchemaOwner]:
        """Return the owners of tables: core, then the plugins in the order of their start."""
        found = [SchemaOwner("core", Path(__file__).parent / "migrations", CORE_MODELS)]
        for plugin in self.plugins.working():
            if "hanami_models" in plugin.hooks:
                models = [c.item for c in self.models.contributions().values() if c.plugin is plugin]
                found.append(SchemaOwner(plugin.name, _migrations_of(plugin.module), models))
        return found

    def migrate(self, *, restore: bool = False) -> list[str]:
        """Bring all tables up to date and return the steps that ran; `restore` recreates lost tables, empty.

        Raises:
            StartupError: if a step fails, a table was lost, or a newer version has used the database: continuing could
                destroy data.
        """
        steps: list[str] = []
        for owner in self.owners():
            steps += self.plugins.guard(owner.name, "its migrations", partial(_migrate, owner, restore))
        return steps

    def start_compute(self, name: str) -> None:
        """Start the compute host of this sidecar; `close` stops it.

        Raises:
            StartupError: if no plugin provides it.
        """
        if name not in self.hosts:
            raise StartupError(f"no plugin provides the host {name}")
        self.compute = self.hosts[name]
        self.host_calls.here = name
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
        self.watch_host(self._remark_on_host)

    def watch_host(self, listener: Callable[[HostDescription], None]) -> None:
        """Call a function every few seconds with the description of this sidecar's host, in a thread."""
        assert self._describer is not None, "only a sidecar has a host"
        self._describer.listen(listener)

    def _remark_on_host(self, description: HostDescription) -> None:
        """Show with the plugin of a host why the host cannot run networks."""
        text = "" if description.healthy else f"{description.name}: {description.reason}"
        self.plugins.remark(self.hosts.owner(description.name).name, text, description.name)

    def _guard(self, record: OwnedRecord) -> None:
        """Show a resource that is about to be added to all who may be against it."""
        for guard in self.record_guards.values():
            guard.check(record)

    def admit(self, claim: Claim) -> None:
        """Raise if a claim exceeds a limit; called in the transaction that stores the resource.

        Raises:
            VisibleError: the refusal of the first plugin that refuses it.
        """
        self.plugins.admit(self, claim)

    def emit(self, event: Event) -> None:
        """Deliver an event to all plugins once the current transaction is durable; immediately outside of one.

        A plugin that fails has no effect on others. Events are not stored: if the process is killed between the commit
        and the delivery, the event is lost.
        """
        if self.role.writes:
            database.after_commit(partial(self.plugins.event, self, event))

    def _tell_broken(self) -> None:
        """Tell of plugins that do not work any more, each once."""
        for plugin in self.plugins.plugins.values():
            bad = plugin.state in (PluginState.BROKEN, PluginState.DEGRADED)
            known = (plugin.name, plugin.state)
            if bad and known not in self._told and self.role.writes:
                self._told.add(known)
                event = PluginBroken(actor=None, plugin=plugin.name, state=str(plugin.state), reason=plugin.reason)
                # It may have broken in a transaction that is rolled back for it, and is broken all the same.
                database.after_transaction(partial(self.plugins.event, self, event))

    def close(self) -> None:
        """Shut down the plugins, stop the compute host and close the storage."""
        self.plugins.shutdown(self)
        self._stop_compute()
        self.host_calls.close()
        self.blobs.close()
        self.database.close()

    def _stop_compute(self) -> None:
        """Stop the host last: until then plugins store and close its networks."""
        if self._describer is not None:
            self._describer.stop()
        if self.compute is not None:
            try:
                self.compute.stop()
            except BaseException:
                log.exception("a compute host could not be stopped", extra={"host": self.compute.name})

    def parse_template(self, text: str) -> Template:
        """Return the template that the first dialect that recognises `text` parses from it.

        Raises:
            TemplateError: if none recognises it, or the text breaks a rule.
        """
        for dialect in self.dialects.values():
            if dialect.recognises(text):
                return dialect.parse(text, rules.declarations(self.rules.values()))
        names = ", ".join(self.dialects) or "none"
        raise TemplateError(f"unknown language, known are: {names}")

    def template_text(self, template: Template) -> str | None:
        """Return a template as text in the first language that can express it, None if none can."""
        writers = (dialect for dialect in self.dialects.values() if isinstance(dialect, TemplateWriter))
        return next((text for text in (writer.write(template) for writer in writers) if text is not None), None)

    def rules_for(self, template: Template, host_kind: str) -> NetworkRules:
        """Return the rule set that runs a template on a kind of host, see `rules.choose`."""
        return rules.choose(self.rules, template, host_kind)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Let the collector rest: what a start loads stays, and looking at it again and again takes a sixth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _migrate(owner: SchemaOwner, restore: bool) -> list[str]:
    pending, unknown = steps_of(owner)
    if unknown:
        text = f"the database has seen {unknown[0]} of {owner.name}, which this version does not know"
        raise StartupError(f"{text}; it was used by a newer one")
    done = not pending and owner.has_steps
    steps = [] if done else migrations.migrate(owner.directory, owner.name, owner.models)
    missing = owner.missing_tables()
    if restore:
        database.proxy.create_tables(missing)
        return steps + [f"{model._meta.table_name} made again" for model in missing]
    if missing:
        text = f"the table {missing[0]._meta.table_name} of {owner.name} is missing"
        raise StartupError(f"{text}, see 'hanami doctor'")
    return steps


def _migrations_of(module: ModuleType | None) -> Path | None:
    """Return the directory for the migrations of a plugin: that of its own package.

    A plugin that is a single module has none. What lies beside it, often in ``site-packages``, belongs to others.
    """
    file = getattr(module, "__file__", None) if hasattr(module, "__path__") else None
    return Path(file).parent / "migrations" if file else None


def _notify(data_dir: Path, host: str) -> None:
    localsocket.notify(localsocket.notify_path(data_dir, host))


def resolve_settings(
    data_dir: Path, host: PluginHost, flags: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of core and plugins."""
    specs = [*CORE_SETTINGS, *host.settings()]
    absent = [plugin.name for plugin in host.plugins.values() if not plugin.works]
    return load_settings(data_dir, specs, os.environ if environ is None else environ, flags, absent)
