"""Every hook of the server. A plugin implements the ones it needs and marks them with `hanami_core.hookimpl`.

Hooks run at start-up and for requests, never for single frames or samples: what they return is collected into
registries once. The plugin host calls each implementation separately, so one that raises affects only its own plugin
and those that require it. Each hook documents its failure policy. *Broken* means that the whole plugin is withdrawn:
everything that it contributed through any hook is removed, plugins that require it are disabled, and those of them that
were started get `hanami_shutdown`. If one of them is essential, the server refuses to start and says why.
"""

# mypy: disable-error-code="empty-body"
from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hanami_core import hookspec

if TYPE_CHECKING:
    import peewee

    from hanami_core.access import Action, Actor, Rule
    from hanami_core.admission import Claim
    from hanami_core.checks import Check
    from hanami_core.compute import ComputeHost, NetworkRules
    from hanami_core.compute.placement import PlacementRequest
    from hanami_core.datasets import DatasetFormat
    from hanami_core.dialects import TemplateDialect
    from hanami_core.events import Event
    from hanami_core.exports import Export
    from hanami_core.http import Api, Route
    from hanami_core.identity import Authenticator, IdentityProvider
    from hanami_core.metrics import Metric
    from hanami_core.processes import Process
    from hanami_core.queue import TaskKind
    from hanami_core.runtime import Runtime
    from hanami_core.schedules import Schedule
    from hanami_core.settings import Setting, Settings
    from hanami_core.sockets import SocketTarget
    from hanami_core.storage.blob_stores import BlobBackend
    from hanami_core.storage.contract import DatabaseBackend
    from hanami_core.storage.database import RecordGuard


@hookspec
def hanami_settings() -> Iterable[Setting]:
    """Declare the plugin's settings. This is the first hook that is called after all plugins are loaded.

    :returns: settings whose names begin with the plugin's name and a dot.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_settings():
            return [Setting("format_csv.delimiter", str, ",", "Character that separates cells")]
    """


@hookspec
def hanami_startup(runtime: Runtime) -> None:
    """Prepare the plugin when a process starts; plugins that it requires are already prepared.

    :param runtime: settings, database, blobs and queue; registries are still empty. See `hanami_core.roles`.
    :failure: the plugin is broken. It must clean up after itself; `hanami_shutdown` is not called.

    Example::

        @hookimpl
        def hanami_startup(runtime):
            runtime.stash[CACHE] = Cache(runtime.settings["clusters.cache"])
    """


@hookspec
def hanami_shutdown(runtime: Runtime) -> None:
    """Release what the plugin holds, before the process ends or when the plugin breaks after its start.

    Called in reverse order of the start, so that required plugins still work, and for every plugin that was started,
    even if it has no `hanami_startup`.

    :param runtime: the object that `hanami_startup` received.
    :failure: logged; the shutdown continues.

    Example::

        @hookimpl
        def hanami_shutdown(runtime):
            runtime.stash[CACHE].close()
    """


@hookspec
def hanami_processes(settings: Settings) -> Iterable[Process]:
    """Declare processes that the server runs once, alongside the api and the sidecars. See `hanami_core.processes`.

    :param settings: all settings.
    :returns: processes with unique names.
    :failure: the plugin is broken. A process that fails later is logged; nothing else is affected.

    Example::

        @hookimpl
        def hanami_processes(settings):
            return [Process("mailer", target="hanami_mail.mailer:run")]
    """


@hookspec
def hanami_schedules(runtime: Runtime) -> Iterable[Schedule]:
    """Declare work that is repeated every so many seconds. See `hanami_core.schedules`.

    :param runtime: the process' runtime. Every process calls the hook; the only worker runs the schedules.
    :returns: schedules with unique names.
    :failure: the plugin is broken. A run that fails is logged, and the next one takes place as usual.

    Example::

        @hookimpl
        def hanami_schedules(runtime):
            return [Schedule("mail.forget", 3600.0, forget_old_mails)]
    """


@hookspec
def hanami_hookspecs() -> object:
    """Declare the plugin's own hooks, which other plugins can implement.

    Their names begin with the plugin's name and an underscore. They are called with `PluginHost.extension`. A plugin
    that implements one requires the plugin that declares it, unless it uses ``hookimpl(optionalhook=True)``.

    :returns: a module, class or object with functions marked with `hanami_core.hookspec`.
    :failure: the plugin is broken. So is one that implements a hook that does not exist or has other arguments.

    Example::

        @hookimpl
        def hanami_hookspecs():
            return hooks  # a module that declares notes_panels(note)

        def panels(runtime, note):
            return [found.item for found in runtime.plugins.extension("notes_panels", note=note)]
    """


@hookspec
def hanami_databases(settings: Settings) -> Iterable[DatabaseBackend]:
    """Add databases that the setting ``storage.database`` can name.

    `hanami_core.storage.contract` specifies what a database must do; `hanami_core.testing.databases` tests it.

    :param settings: all settings.
    :returns: backends with unique names; only the selected one is opened.
    :failure: the plugin is broken. If its database is selected, the server refuses to start.

    Example::

        @hookimpl
        def hanami_databases():
            return [PostgresBackend()]
    """


@hookspec
def hanami_models() -> Iterable[type[peewee.Model]]:
    """Declare the plugin's tables.

    Numbered migrations in ``migrations/`` of its package create and change them. Without any, missing ones are created.

    :returns: models derived from `hanami_core.storage.database.Record` or `OwnedRecord`; no two share a table.
    :failure: the server refuses to start. A plugin whose table another plugin already has is broken.

    Example::

        @hookimpl
        def hanami_models():
            return [Project]
    """


@hookspec
def hanami_blob_stores(settings: Settings) -> Iterable[BlobBackend]:
    """Add blob stores that the setting ``storage.blobs`` can name.

    A blob records its store and is always read from there. `hanami_core.storage.blob_stores` specifies what a store
    must do; `hanami_core.testing.blob_stores` tests it.

    :param settings: all settings.
    :returns: backends with unique names. The selected one is opened at the start, others for blobs in them.
    :failure: the plugin is broken. If its store is selected, the server does not start; else its blobs are unreadable.

    Example::

        @hookimpl
        def hanami_blob_stores(settings):
            return [BucketBackend(settings["bucket.address"])]
    """


@hookspec
def hanami_record_guards(runtime: Runtime) -> Iterable[RecordGuard]:
    """Decide whether any plugin may add a user's resource; for example, not if the user has just been deleted.

    :param runtime: the process' runtime; registries are still empty.
    :returns: guards with unique names. Each is called in the transaction that adds the row.
    :failure: the plugin is broken. A guard that raises prevents the row from being added.

    Example::

        @hookimpl
        def hanami_record_guards():
            return [RecordGuard("teams", require_team)]
    """


@hookspec
def hanami_authenticators(runtime: Runtime) -> Iterable[Authenticator]:
    """Add schemes by which callers identify themselves.

    :param runtime: the process' runtime.
    :returns: authenticators with unique names. Apis name the schemes that they accept.
    :failure: the plugin is refused with all of its schemes. An authenticator that raises anything but `Unauthorized`
        fails closed: the answer is the same as for a missing credential or for failed storage.

    Example::

        @hookimpl
        def hanami_authenticators(runtime):
            return [HmacAuthenticator(runtime.stash[KEYS])]
    """


@hookspec(firstresult=True)
def hanami_identity(runtime: Runtime) -> IdentityProvider | None:
    """Provide the directory of users. The first plugin that returns one is used.

    :param runtime: the process' runtime.
    :returns: the provider, or None if the plugin has no directory of users.
    :failure: the server refuses to start.

    Example::

        @hookimpl
        def hanami_identity(runtime):
            return LdapDirectory(runtime.settings["ldap.url"])
    """


@hookspec
def hanami_access_rules(runtime: Runtime, actor: Actor, action: Action) -> Iterable[Rule]:
    """Say what an actor may do. See `hanami_core.access` for how rules combine.

    :param runtime: the process' runtime.
    :param actor: the caller.
    :param action: what the actor wants to do. If it has a `resource`, rules decide about rows of that model.
    :returns: rules; a rule about rows carries a peewee expression as `where`.
    :failure: fail closed: the action is denied, no row is visible.

    Example::

        @hookimpl
        def hanami_access_rules(actor, action):
            mine = Rule(True, "own notes", Note.owner_id == actor.user_id)
            return [mine] if action.resource is Note else []
    """


@hookspec
def hanami_admit(runtime: Runtime, claim: Claim) -> None:
    """Refuse resources that exceed a limit, in the transaction that stores them. See `hanami_core.admission`.

    :param runtime: the process' runtime.
    :param claim: which owner is about to get how much more of which resource.
    :failure: a visible error is the refusal that the caller gets; any other exception is logged and refuses as well.

    Example::

        @hookimpl
        def hanami_admit(runtime, claim):
            if claim.resource == "disk" and claim.amount > runtime.settings["thrift.largest"]:
                raise InsufficientStorage("quota_space_exhausted", who=claim.owner_id)
    """


@hookspec
def hanami_dataset_formats() -> Iterable[DatasetFormat]:
    """Add formats that datasets can be uploaded in.

    :returns: formats; each gets an upload path with its name.
    :failure: the plugin is broken. A file that the format cannot read is rejected with the reason.

    Example::

        @hookimpl
        def hanami_dataset_formats():
            return [ParquetFormat()]
    """


@hookspec
def hanami_exports() -> Iterable[Export[Any]]:
    """Add file formats for downloading networks or tables. See `hanami_core.exports`.

    :returns: exports; names are unique among those of networks, and among those of tables.
    :failure: the plugin is broken. If an export raises before its first piece, the call fails with an error.

    Example::

        @hookimpl
        def hanami_exports():
            return [TableExport("jsonl", "application/jsonl", ".jsonl", json_lines)]
    """


@hookspec
def hanami_compute_hosts(settings: Settings, runtime: Runtime) -> Iterable[ComputeHost]:
    """Add logical hosts. Each gets a sidecar process.

    Called in every process, so without a compute library: use settings, ``/dev`` or ``/proc`` to count the hosts.

    :param settings: all settings.
    :param runtime: the process' runtime.
    :returns: hosts that are not started; only their sidecar calls `ComputeHost.start`.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_compute_hosts(settings):
            return [CudaHost(f"gpu{number}") for number in range(settings["gpu.count"])]
    """


@hookspec
def hanami_network_rules() -> Iterable[NetworkRules]:
    """Add rule sets, each for one kind of host.

    :returns: rule sets; the pair of name and host kind is unique.
    :failure: the plugin is broken; a task that needs its rules fails with the reason.

    Example::

        @hookimpl
        def hanami_network_rules():
            return [SectionRules()]
    """


@hookspec(firstresult=True)
def hanami_placement(runtime: Runtime, request: PlacementRequest) -> str | None:
    """Choose the host for a new cluster.

    The first plugin that names a host decides; if none does, the setting ``compute.placement`` does. The hook is also
    called for a cluster that gets its template from its first training, if its host cannot run that template.

    :param runtime: the process' runtime.
    :param request: template, actor and hosts; `PlacementRequest.possible` are the hosts that can run the template.
    :returns: the name of a host that can run the template and has no `outage`, or None to leave the choice to others.
    :failure: logged; other plugins or the setting decide.

    Example::

        @hookimpl
        def hanami_placement(request):
            return max((host.name for host in request.possible), default=None)
    """


@hookspec
def hanami_template_dialects() -> Iterable[TemplateDialect]:
    """Add languages for cluster templates.

    :returns: dialects; the first one that recognises a text parses it. A `TemplateWriter` can also write templates.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_template_dialects():
            return [HexagonDialect()]
    """


@hookspec
def hanami_task_kinds() -> Iterable[TaskKind]:
    """Add kinds of tasks, which run in the sidecar of a compute host or in a worker process.

    :returns: kinds with unique names.
    :failure: the plugin is broken; a task of such a kind fails with the reason.

    Example::

        @hookimpl
        def hanami_task_kinds():
            return [TaskKind("train", train)]
    """


@hookspec
def hanami_apis(runtime: Runtime) -> Iterable[Api]:
    """Add Apis: wire formats with their own prefix, ways to log in and texts.

    :param runtime: the process' runtime.
    :returns: Apis; names and prefixes are unique.
    :failure: the plugin is refused with all of its Apis.

    Example::

        @hookimpl
        def hanami_apis():
            return [Api("notes", "/notes/v1", schemes=("hmac",))]
    """


@hookspec
def hanami_routes(runtime: Runtime) -> Iterable[Route]:
    """Add REST routes. Called again if another plugin breaks in the meantime, because routes may depend on registries.

    :param runtime: the process' runtime; registries are complete.
    :returns: routes; the pair of method and path is unique. Routes of an Api that is not installed are ignored.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_routes(runtime):
            return [Route("GET", "/note", "notes.get", GetNote, NoteAnswer, get_note)]
    """


@hookspec
def hanami_socket_targets() -> Iterable[SocketTarget]:
    """Add targets that a websocket can be opened for.

    Rules and policy check the `action` of a target before its `host` and `open` are called.

    :returns: targets with unique names.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_socket_targets():
            return [UploadTarget()]
    """


@hookspec
def hanami_event(runtime: Runtime, event: Event) -> None:
    """Observe what happened, after it was committed. See `hanami_core.events`.

    Called in the thread that emitted the event, which waits. Events that a killed process has not delivered are lost.

    :param runtime: the process' runtime.
    :param event: what happened, an instance of a subclass of `hanami_core.events.Event`.
    :failure: logged and counted; the request and other observers continue.

    Example::

        @hookimpl
        def hanami_event(event):
            if isinstance(event, CallFailed):
                PAGER.send(event.message)
    """


@hookspec
def hanami_metrics(runtime: Runtime) -> Iterable[Metric]:
    """Report numbers about the plugin, whenever metrics are read; must be quick. See `hanami_core.metrics`.

    :param runtime: that of the api, for stored data, or of a sidecar, for what it holds. Equal labels count once.
    :returns: samples and histograms.
    :failure: logged and counted; the metrics of other plugins are shown.

    Example::

        @hookimpl
        def hanami_metrics():
            return [Sample("notes_active", Note.active().count(), help="Notes that are not deleted")]
    """


@hookspec
def hanami_checks(runtime: Runtime) -> Iterable[Check]:
    """Add checks of the plugin's data; ``hanami doctor`` runs all of them, ``/health/ready`` those that are cheap.

    :param runtime: ``runtime.role`` is `Role.INSPECT` for the doctor, `Role.API` and `Role.SIDECAR` for readiness.
    :returns: checks; their findings are shown. An unknown file in the plugin's folder is a finding, too.
    :failure: shown as a finding; other checks continue.

    Example::

        @hookimpl
        def hanami_checks(runtime):
            return [Check("files of notes", lambda: [Finding(f.name, "is unknown", (f,)) for f in strays(runtime)])]
    """


def all_hooks() -> dict[str, Any]:
    """Return every hook specification by name."""
    return {name: value for name, value in globals().items() if name.startswith("hanami_")}
