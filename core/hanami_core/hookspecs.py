"""Every hook of the server. A plugin implements the ones it needs and marks them with `hanami_core.hookimpl`.

Hooks run at start-up and for requests, never for single frames or samples: what they return is gathered into registries
once. The plugin host calls each implementation on its own, so that one that raises takes down nothing but itself and
what needs it; what happens stands in each hook as its failure policy. *Broken* means that nothing of the plugin is
left: all that it contributed through any hook is taken back, plugins that need it are off too, and whoever of them was
started gets `hanami_shutdown`. If an essential plugin is among them, the server refuses to start and says why.
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
    """Declare the plugin's settings. The first hook that is called after all plugins are loaded.

    :returns: settings whose names begin with the plugin's name and a dot.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_settings():
            return [Setting("format_csv.delimiter", str, ",", "Character between two cells")]
    """


@hookspec
def hanami_startup(runtime: Runtime) -> None:
    """Prepare the plugin in a process that begins to work; plugins that it requires are prepared already.

    :param runtime: settings, database, blobs and queue; registries are filled afterwards. See `hanami_core.roles`.
    :failure: the plugin is broken. It cleans up itself what it has begun; `hanami_shutdown` is not called.

    Example::

        @hookimpl
        def hanami_startup(runtime):
            runtime.stash[CACHE] = Cache(runtime.settings["clusters.cache"])
    """


@hookspec
def hanami_shutdown(runtime: Runtime) -> None:
    """Release what the plugin holds, before the process ends or because the plugin breaks after it was started.

    Called for every plugin that was started, also if it implements no `hanami_startup`: the last one first, so that
    what it requires is still there.

    :param runtime: the object that `hanami_startup` got.
    :failure: logged; the shutdown goes on.

    Example::

        @hookimpl
        def hanami_shutdown(runtime):
            runtime.stash[CACHE].close()
    """


@hookspec
def hanami_processes(settings: Settings) -> Iterable[Process]:
    """Declare processes that the server runs, each once, beside the api and the sidecars. See `hanami_core.processes`.

    :param settings: all settings.
    :returns: processes with unique names.
    :failure: the plugin is broken. A process that fails later is logged; nothing else is harmed.

    Example::

        @hookimpl
        def hanami_processes(settings):
            return [Process("mailer", target="hanami_mail.mailer:run")]
    """


@hookspec
def hanami_schedules(runtime: Runtime) -> Iterable[Schedule]:
    """Declare what is to be done every so many seconds. See `hanami_core.schedules`.

    :param runtime: the process' runtime; every process asks, and the worker runs them, of which there is one.
    :returns: schedules with unique names.
    :failure: the plugin is broken. A run that fails is logged, and the next one comes in its turn.

    Example::

        @hookimpl
        def hanami_schedules(runtime):
            return [Schedule("mail.forget", 3600.0, forget_old_mails)]
    """


@hookspec
def hanami_hookspecs() -> object:
    """Declare hooks of the plugin's own, which other plugins may implement.

    Their names begin with the plugin's name and an underscore. They are called with `PluginHost.extension`. A plugin
    that implements one needs the one that declares it, unless it says ``hookimpl(optionalhook=True)``.

    :returns: a module, class or object with functions that are marked with `hanami_core.hookspec`.
    :failure: the plugin is broken, and so is one that implements a hook which is missing, or has other arguments.

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

    What one must be able to do stands in `hanami_core.storage.contract`; `hanami_core.testing.databases` examines it.

    :param settings: all settings.
    :returns: backends with unique names; only the chosen one is opened.
    :failure: the plugin is broken. If its database is the chosen one, the server refuses to start.

    Example::

        @hookimpl
        def hanami_databases():
            return [PostgresBackend()]
    """


@hookspec
def hanami_models() -> Iterable[type[peewee.Model]]:
    """Declare the plugin's tables.

    Numbered migrations in ``migrations/`` of its package create and change them; without any, missing ones are created.

    :returns: models derived from `hanami_core.storage.database.Record` or `OwnedRecord`; no two share a table.
    :failure: the server refuses to start. A plugin whose table is taken is broken.

    Example::

        @hookimpl
        def hanami_models():
            return [Project]
    """


@hookspec
def hanami_blob_stores(settings: Settings) -> Iterable[BlobBackend]:
    """Add places for blobs that the setting ``storage.blobs`` can name.

    A blob remembers its store, and is read from where it lies. What a store must be able to do stands in
    `hanami_core.storage.blob_stores`; `hanami_core.testing.blob_stores` examines it.

    :param settings: all settings.
    :returns: backends with unique names. The chosen one is opened at the start, others when a blob lies in them.
    :failure: the plugin is broken. If its store is chosen, the server refuses to start; else its blobs can not be read.

    Example::

        @hookimpl
        def hanami_blob_stores(settings):
            return [BucketBackend(settings["bucket.address"])]
    """


@hookspec
def hanami_record_guards(runtime: Runtime) -> Iterable[RecordGuard]:
    """Decide about resources of users that any plugin is about to add, such as: not for a user who was just deleted.

    :param runtime: the process' runtime; registries are empty yet.
    :returns: guards with unique names. Each is asked in the transaction that adds the row.
    :failure: the plugin is broken. A guard that raises keeps the row from being added.

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
    :failure: the plugin is refused: none of its schemes exists. An authenticator that raises anything but
        `Unauthorized` fails closed, with the answer to no credential, or to storage that failed.

    Example::

        @hookimpl
        def hanami_authenticators(runtime):
            return [HmacAuthenticator(runtime.stash[KEYS])]
    """


@hookspec(firstresult=True)
def hanami_identity(runtime: Runtime) -> IdentityProvider | None:
    """Provide the directory of users. The first plugin that returns one is used.

    :param runtime: the process' runtime.
    :returns: the provider, or None if the plugin keeps no users.
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
    :param actor: who asks.
    :param action: what for. With ``action.resource`` the question is which rows of that model, else whether at all.
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
    """Refuse what would be too much for somebody, in the transaction that stores it. See `hanami_core.admission`.

    :param runtime: the process' runtime.
    :param claim: who is about to get how much more of what.
    :failure: a visible error is the refusal, which the caller gets; anything else is logged and refuses it, too.

    Example::

        @hookimpl
        def hanami_admit(runtime, claim):
            if claim.resource == "disk" and claim.amount > runtime.settings["thrift.largest"]:
                raise InsufficientStorage("quota_space_exhausted", who=claim.owner_id)
    """


@hookspec
def hanami_dataset_formats() -> Iterable[DatasetFormat]:
    """Add formats that datasets can be uploaded in.

    :returns: formats; each gets an upload path of its name.
    :failure: the plugin is broken. A dataset that a format chokes on is refused with the reason.

    Example::

        @hookimpl
        def hanami_dataset_formats():
            return [ParquetFormat()]
    """


@hookspec
def hanami_exports() -> Iterable[Export[Any]]:
    """Add kinds of files that networks or tables can be downloaded as. See `hanami_core.exports`.

    :returns: exports; of networks and of tables, no two have the same name.
    :failure: the plugin is broken. An export that raises before its first piece is an error of the call.

    Example::

        @hookimpl
        def hanami_exports():
            return [TableExport("jsonl", "application/jsonl", ".jsonl", json_lines)]
    """


@hookspec
def hanami_compute_hosts(settings: Settings, runtime: Runtime) -> Iterable[ComputeHost]:
    """Add logical hosts. Each gets a sidecar process.

    Called in every process, so without a compute library: settings, ``/dev`` or ``/proc`` tell how many.

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
    """Add rule sets for a kind of host.

    :returns: rule sets; the pair of name and host kind is unique.
    :failure: the plugin is broken; a task that needs its rules fails with the reason.

    Example::

        @hookimpl
        def hanami_network_rules():
            return [SectionRules()]
    """


@hookspec(firstresult=True)
def hanami_placement(runtime: Runtime, request: PlacementRequest) -> str | None:
    """Say on which host a new cluster is to live.

    The first plugin that names one decides, else the setting ``compute.placement``. Also asked for a cluster that gets
    its template at its first training, if its host can not run that.

    :param runtime: the process' runtime.
    :param request: template, actor and hosts, of which `PlacementRequest.possible` run the template.
    :returns: the name of a host that runs the template, or None to leave it to others.
    :failure: logged; others decide, in the end the setting.

    Example::

        @hookimpl
        def hanami_placement(request):
            return max((host.name for host in request.possible), default=None)
    """


@hookspec
def hanami_template_dialects() -> Iterable[TemplateDialect]:
    """Add languages that templates of clusters are written in.

    :returns: dialects; the first one that recognises a text parses it. A `TemplateWriter` also shows them.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_template_dialects():
            return [HexagonDialect()]
    """


@hookspec
def hanami_task_kinds() -> Iterable[TaskKind]:
    """Add kinds of tasks, for the sidecar of a compute host or for a worker process.

    :returns: kinds with unique names.
    :failure: the plugin is broken; a task of such a kind fails with the reason.

    Example::

        @hookimpl
        def hanami_task_kinds():
            return [TaskKind("train", train)]
    """


@hookspec
def hanami_apis(runtime: Runtime) -> Iterable[Api]:
    """Add Apis: wire formats with a prefix, ways to log in and words of their own.

    :param runtime: the process' runtime.
    :returns: Apis; names and prefixes are unique.
    :failure: the plugin is refused: none of its Apis exists.

    Example::

        @hookimpl
        def hanami_apis():
            return [Api("notes", "/notes/v1", schemes=("hmac",))]
    """


@hookspec
def hanami_routes(runtime: Runtime) -> Iterable[Route]:
    """Add REST routes. Called again if another plugin breaks meanwhile, because routes may be made of registries.

    :param runtime: the process' runtime; registries are complete.
    :returns: routes; the pair of method and path is unique. Routes of an Api that is not installed are left out.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_routes(runtime):
            return [Route("GET", "/note", "notes.get", GetNote, NoteAnswer, get_note)]
    """


@hookspec
def hanami_socket_targets() -> Iterable[SocketTarget]:
    """Add what a websocket can be opened for.

    Rules and policy are asked about a target's `action` before its `host` and `open` are called.

    :returns: targets with unique names.
    :failure: the plugin is broken.

    Example::

        @hookimpl
        def hanami_socket_targets():
            return [UploadTarget()]
    """


@hookspec
def hanami_event(runtime: Runtime, event: Event) -> None:
    """Observe what happened, after the commit of what became of things. See `hanami_core.events`.

    Called in the thread that did it, which waits. What a killed process has not told is never told.

    :param runtime: the process' runtime.
    :param event: what happened, an instance of a subclass of `hanami_core.events.Event`.
    :failure: logged and counted; the request and other observers go on.

    Example::

        @hookimpl
        def hanami_event(event):
            if isinstance(event, CallFailed):
                PAGER.send(event.message)
    """


@hookspec
def hanami_metrics(runtime: Runtime) -> Iterable[Metric]:
    """Tell how the plugin does, in numbers and quickly, whenever somebody asks. See `hanami_core.metrics`.

    :param runtime: that of the api, for what is stored, and of each sidecar, for what it holds. Both count once.
    :returns: samples and histograms.
    :failure: logged and counted; what other plugins tell is shown.

    Example::

        @hookimpl
        def hanami_metrics():
            return [Sample("notes_active", Note.active().count(), help="Notes that are not deleted")]
    """


@hookspec
def hanami_checks(runtime: Runtime) -> Iterable[Check]:
    """Add looks at what the plugin keeps; ``hanami doctor`` takes them, ``/health/ready`` those that are cheap.

    :param runtime: ``runtime.role`` is `Role.INSPECT` for the doctor, `Role.API` and `Role.SIDECAR` for readiness.
    :returns: checks; their findings are shown. A file of the plugin's own that it does not know is one.
    :failure: shown as a finding; other checks go on.

    Example::

        @hookimpl
        def hanami_checks(runtime):
            return [Check("files of notes", lambda: [Finding(f.name, "is unknown", (f,)) for f in strays(runtime)])]
    """


def all_hooks() -> dict[str, Any]:
    """Return every hook specification by name."""
    return {name: value for name, value in globals().items() if name.startswith("hanami_")}
