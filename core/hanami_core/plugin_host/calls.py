"""One typed method for each hook; nothing else in the code base calls a hook. Knows no plugin by name.

To add a hook, specify it in `hanami_core.hookspecs` and add a method of its name here, made of one of these:

* `_registry`: things with unique names. The plugin that raises, returns something else or takes a name that is taken is
  refused whole. `Runtime` gets a field for the registry, and a line in `Runtime._gather`.
* `_items`: things without names, such as settings.
* `_tell_each`: whoever fails is counted and skipped; nobody else notices.
"""

# A protocol may stand where mypy wants a class that can be made; here things are only compared with it.
# mypy: disable-error-code="type-abstract"
from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import peewee

from hanami_core.access import ACCESS_DENIED, Action, Actor, Rule
from hanami_core.admission import Claim
from hanami_core.checks import Check
from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.compute.hosts import name_of
from hanami_core.compute.placement import PlacementRequest
from hanami_core.compute.rules import key_of
from hanami_core.datasets import DatasetFormat
from hanami_core.dialects import TemplateDialect
from hanami_core.errors import ClientError, PluginError, StartupError, Unauthorized, Unavailable, VisibleError
from hanami_core.events import Event
from hanami_core.exports import Export
from hanami_core.exports import key_of as key_of_export
from hanami_core.http import Api, Route
from hanami_core.http.paths import forms
from hanami_core.identity import Authenticator, IdentityProvider
from hanami_core.metrics import Metric
from hanami_core.plugin_host.conformity import faults, location
from hanami_core.plugin_host.lifecycle import Failed, Lifecycle, describe, place
from hanami_core.plugin_host.loader import arguments as names_of
from hanami_core.plugin_host.plugin import Contribution, Plugin, Registry
from hanami_core.processes import Process
from hanami_core.queue import TaskKind
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting, Settings
from hanami_core.sockets import SocketTarget
from hanami_core.storage.blob_stores import BlobBackend
from hanami_core.storage.contract import DatabaseBackend
from hanami_core.storage.database import RecordGuard
from hanami_core.storage.failures import storage_failure

if TYPE_CHECKING:
    import falcon

    from hanami_core.runtime import Runtime

__all__ = ["PluginHost"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

PLAIN = (str, bytes, int, float, dict, list, tuple, set)
"""Of these it says nothing to list what they lack."""

log = logging.getLogger("hanami.plugins")


class PluginHost(Lifecycle):
    """The plugins of one process."""

    # -- lifecycle (`startup`, `shutdown` and `hookspecs` are inherited) -----------------------------------------------

    def settings(self) -> list[Setting]:
        """Return the settings of all plugins (`hanami_settings`)."""
        found: list[Setting] = []
        for plugin, settings in self._items("hanami_settings", Setting, self._fail):
            foreign = [setting.name for setting in settings if not setting.name.startswith(f"{plugin.name}.")]
            if foreign:
                error = PluginError(f"setting {foreign[0]} does not begin with {plugin.name}.")
                self._fail(plugin, self._located("hanami_settings", plugin, error))
            else:
                found += settings
        return found

    def processes(self, settings: Settings) -> Registry[str, Process]:
        """Return the processes by name (`hanami_processes`)."""
        return self._registry("hanami_processes", Process, lambda item: item.name, settings=settings)

    def schedules(self, runtime: Runtime) -> Registry[str, Schedule]:
        """Return the schedules by name (`hanami_schedules`)."""
        return self._registry("hanami_schedules", Schedule, lambda item: item.name, runtime=runtime)

    # -- storage ------------------------------------------------------------------------------------------------------

    def databases(self, settings: Settings) -> Registry[str, DatabaseBackend]:
        """Return the databases by name (`hanami_databases`)."""
        return self._registry("hanami_databases", DatabaseBackend, lambda item: item.name, settings=settings)

    def blob_stores(self, settings: Settings) -> Registry[str, BlobBackend]:
        """Return the blob stores by name (`hanami_blob_stores`)."""
        return self._registry("hanami_blob_stores", BlobBackend, lambda item: item.name, settings=settings)

    def models(self, taken: Collection[str] = ()) -> Registry[str, type[peewee.Model]]:
        """Return the models of all plugins by table; tables that are `taken` belong to core (`hanami_models`)."""
        registry: Registry[str, type[peewee.Model]] = Registry("hanami_models")
        registry.begin()
        for plugin, models in self._items("hanami_models", type, _refuse_start):
            tables = [_table(plugin, model) for model in models]
            try:
                if reserved := set(taken) & set(tables):
                    raise PluginError(f"hanami_models: table {min(reserved)} belongs to core")
                registry.add(plugin, zip(tables, models, strict=True))
            except PluginError as error:
                self._fail(plugin, self._located("hanami_models", plugin, error))
        return registry

    def record_guards(self, runtime: Runtime) -> Registry[str, RecordGuard]:
        """Return the guards of new resources, by name (`hanami_record_guards`)."""
        return self._registry("hanami_record_guards", RecordGuard, lambda item: item.name, runtime=runtime)

    # -- identity -----------------------------------------------------------------------------------------------------

    def authenticators(self, runtime: Runtime) -> Registry[str, Authenticator]:
        """Return the schemes by name (`hanami_authenticators`)."""
        return self._registry("hanami_authenticators", Authenticator, lambda item: item.name, runtime=runtime)

    def identify(self, authenticator: Authenticator, request: falcon.Request) -> Actor | None:
        """Return the actor that a scheme recognises in a request; any failure counts as an invalid credential.

        Raises:
            ServiceError: if the storage failed, so that nothing can be said about the credential.
        """
        try:
            actor = authenticator.identify(request)
            if actor is not None and not isinstance(actor, Actor):
                raise PluginError(_wrong(actor, Actor, f"the scheme {authenticator.name}"))
        except (ClientError, KeyboardInterrupt):
            raise
        except BaseException as error:
            _blame_storage(error)  # the credential may be a good one
            log.exception("scheme %s failed", authenticator.name)
            raise Unauthorized("credential_invalid") from error
        return actor

    def identity(self, runtime: Runtime) -> IdentityProvider | None:
        """Return the first directory of users that a plugin provides (`hanami_identity`)."""
        for plugin, item in self._each("hanami_identity", _refuse_start, runtime=runtime):
            if isinstance(item, IdentityProvider):
                return item
            if item is not None:
                _refuse_start(plugin, PluginError(_wrong(item, IdentityProvider, "hanami_identity")))
        return None

    def access_rules(self, actor: Actor, action: Action) -> list[Rule]:
        """Return what all plugins say about an action (`hanami_access_rules`); a failure denies everything.

        Raises:
            ServiceError: if the storage failed, so that there is no answer.
        """
        failed: list[Plugin] = []
        hook = "hanami_access_rules"

        def deny(plugin: Plugin, error: BaseException) -> None:
            _blame_storage(error)
            failed.append(plugin)
            self._note(hook, plugin, error)

        question = {"runtime": self._runtime, "actor": actor, "action": action}
        rules = [rule for _, found in self._items(hook, Rule, deny, **question) for rule in found]
        if failed:
            everything = peewee.SQL("1 = 1") if action.resource is not None else None
            rules.append(Rule(False, ACCESS_DENIED, everything))
        return rules

    def strict_access_rules(self, actor: Actor, action: Action) -> list[Rule]:
        """Return the same for callers that can try again later; a failure is raised and denies nothing permanently."""
        failures: list[BaseException] = []

        def note(plugin: Plugin, error: BaseException) -> None:
            failures.append(error)
            self._note("hanami_access_rules", plugin, error)

        question = {"runtime": self._runtime, "actor": actor, "action": action}
        rules = [rule for _, found in self._items("hanami_access_rules", Rule, note, **question) for rule in found]
        if failures:
            raise PluginError(f"hanami_access_rules: {describe(failures[0])}")
        return rules

    def admit(self, runtime: Runtime, claim: Claim) -> None:
        """Let every plugin refuse a claim (`hanami_admit`); a plugin that fails refuses it, too.

        Raises:
            VisibleError: the refusal of the first plugin that refuses it.
        """
        for _ in self._each("hanami_admit", self._refuse_claim, runtime=runtime, claim=claim):
            pass

    def _refuse_claim(self, plugin: Plugin, error: BaseException) -> NoReturn:
        if isinstance(error, VisibleError):
            raise error
        self._note("hanami_admit", plugin, error)
        raise Unavailable("admission_failed", plugin=plugin.name) from error

    # -- data ---------------------------------------------------------------------------------------------------------

    def dataset_formats(self) -> Registry[str, DatasetFormat]:
        """Return the formats by name (`hanami_dataset_formats`)."""
        return self._registry("hanami_dataset_formats", DatasetFormat, lambda item: item.name)

    def exports(self) -> Registry[tuple[str, str], Export[Any]]:
        """Return the export formats by what they export and by name (`hanami_exports`)."""
        return self._registry("hanami_exports", Export, key_of_export)

    # -- compute ------------------------------------------------------------------------------------------------------

    def compute_hosts(self, settings: Settings, runtime: Runtime | None = None) -> Registry[str, ComputeHost]:
        """Return the compute hosts by name (`hanami_compute_hosts`)."""
        given = {"settings": settings, "runtime": runtime}
        return self._registry("hanami_compute_hosts", ComputeHost, name_of, **given)

    def network_rules(self) -> Registry[tuple[str, str], NetworkRules]:
        """Return the rule sets by name and kind of host (`hanami_network_rules`)."""
        return self._registry("hanami_network_rules", NetworkRules, key_of)

    def placement(self, runtime: Runtime, request: PlacementRequest) -> str | None:
        """Return the host that the first plugin that names one chooses for a cluster (`hanami_placement`)."""
        for plugin, name in self._tell_each("hanami_placement", runtime=runtime, request=request):
            if isinstance(name, str):
                return name
            if name is not None:
                self._note("hanami_placement", plugin, PluginError("hanami_placement must return the name of a host"))
        return None

    def template_dialects(self) -> Registry[str, TemplateDialect]:
        """Return the dialects by name (`hanami_template_dialects`)."""
        return self._registry("hanami_template_dialects", TemplateDialect, lambda item: item.name)

    def task_kinds(self) -> Registry[str, TaskKind]:
        """Return the kinds of tasks by name (`hanami_task_kinds`)."""
        return self._registry("hanami_task_kinds", TaskKind, lambda item: item.name)

    # -- http ---------------------------------------------------------------------------------------------------------

    def apis(self, runtime: Runtime) -> Registry[str, Api]:
        """Return the Apis by name; prefixes are unique, and one Api at most is the fallback (`hanami_apis`)."""
        prefixes: Registry[str, Api] = Registry("hanami_apis: prefix")
        registry: Registry[str, Api] = Registry("hanami_apis")
        registry.begin()
        for plugin, apis in self._items("hanami_apis", Api, self._fail, runtime=runtime):
            try:
                prefixes.add(plugin, [(api.prefix, api) for api in apis])
                prefixes.add(plugin, [("of the fallback", api) for api in apis if api.fallback])
                registry.add(plugin, [(api.name, api) for api in apis])
            except PluginError as error:
                self._fail(plugin, self._located("hanami_apis", plugin, error))
        return registry

    def routes(self, runtime: Runtime, apis: Mapping[str, Api]) -> list[Route]:
        """Return all routes; no two have the same method and the same whole path (`hanami_routes`).

        No two have paths that a router cannot distinguish, whatever their methods.
        """
        registry: Registry[tuple[str, str], Route] = Registry("hanami_routes")
        written: Registry[str, str] = Registry("hanami_routes, a path like")
        registry.begin()
        written.begin()
        for plugin, routes in self._items("hanami_routes", Route, self._fail, runtime=runtime):
            try:
                found = [(_path_of(route, apis[route.api]), route) for route in routes if route.api in apis]
                new = {form for path, _ in found for form in forms(path)}
                written.add(plugin, [(form, text) for form, text in sorted(new) if written.get(form) != text])
                registry.add(plugin, [((route.method, path), route) for path, route in found])
            except PluginError as error:
                self._fail(plugin, self._located("hanami_routes", plugin, error))
        return list(registry.values())

    def routes_of(self, name: str, runtime: Runtime) -> list[Route]:
        """Return the routes of one plugin (`hanami_routes`)."""
        found = self._items("hanami_routes", Route, self._fail, runtime=runtime)
        return [route for plugin, routes in found if plugin.name == name for route in routes]

    def socket_targets(self) -> Registry[str, SocketTarget]:
        """Return the websocket targets by name (`hanami_socket_targets`)."""
        return self._registry("hanami_socket_targets", SocketTarget, lambda item: item.name)

    # -- observe ------------------------------------------------------------------------------------------------------

    def event(self, runtime: Runtime, event: Event) -> None:
        """Deliver an event to every plugin (`hanami_event`)."""
        for _ in self._tell_each("hanami_event", runtime=runtime, event=event):
            pass

    def metrics(self, runtime: Runtime) -> list[Metric]:
        """Return the metrics of all plugins (`hanami_metrics`)."""
        found = self._items("hanami_metrics", Metric, partial(self._note, "hanami_metrics"), runtime=runtime)
        return [metric for _, metrics in found for metric in metrics]

    def checks(self, runtime: Runtime) -> list[Contribution[Check]]:
        """Return the checks of all plugins (`hanami_checks`)."""
        failed = partial(self._note, "hanami_checks")
        found = self._items("hanami_checks", Check, failed, runtime=runtime)
        return [Contribution(plugin, check) for plugin, checks in found for check in checks]

    # -- hooks of plugins ---------------------------------------------------------------------------------------------

    def extension(self, hook: str, /, **arguments: object) -> list[Contribution[Any]]:
        """Call a hook that a plugin declares with `hanami_hookspecs`, each implementation separately.

        One that fails is logged, counted in `Plugin.failures`, and skipped. Only the plugin that declares the hook
        knows what the items should be. It should check them, because other plugins return them.

        Raises:
            PluginError: if no plugin declares the hook, or it is declared with other arguments.
        """
        found = self._table.extension(hook)
        if found is None or not found.plugin.works:
            raise PluginError(f"no working plugin declares the hook {hook}")
        wanted = names_of(found.specification)
        if set(arguments) != set(wanted):
            raise PluginError(f"{hook} is called with ({', '.join(arguments)}) and declared with ({', '.join(wanted)})")
        return [Contribution(plugin, item) for plugin, item in self._tell_each(hook, **arguments)]

    # -- ways to call -------------------------------------------------------------------------------------------------

    def implements(self, hook: str) -> bool:
        """Tell whether any working plugin implements a hook."""
        return any(implementation.plugin.works for implementation in self._table.implementations(hook))

    def _items(self, hook: str, kind: type[T], failed: Failed, **arguments: object) -> Iterator[tuple[Plugin, list[T]]]:
        """Call a hook that returns several things of one kind, and check them."""
        return self._each_checked(hook, failed, partial(_checked, kind=kind, hook=hook), None, arguments)

    def _registry(self, hook: str, kind: type[T], name: Callable[[T], K], /, **arguments: object) -> Registry[K, T]:
        """Call a hook that returns several things with unique names, and gather them."""
        registry: Registry[K, T] = Registry(hook)
        registry.begin()
        for plugin, items in self._items(hook, kind, self._fail, **arguments):
            try:
                registry.add(plugin, [(name(item), item) for item in items])
            except PluginError as error:
                self._fail(plugin, self._located(hook, plugin, error))
        return registry

    def _tell_each(self, hook: str, **arguments: object) -> Iterator[tuple[Plugin, object]]:
        """Call a hook after the start; a failure is counted and harms nobody else."""
        return self._each(hook, partial(self._note, hook), **arguments)


def _blame_storage(error: BaseException) -> None:
    """Raise what a failed question to the storage means: whoever asked it can say nothing, neither yes nor no."""
    failure = storage_failure(error)
    if failure is not None:
        raise failure from error
    if isinstance(error, peewee.PeeweeException):
        raise error


def _refuse_start(plugin: Plugin, error: BaseException) -> NoReturn:
    plugin.where = place(error)
    raise StartupError(f"plugin {plugin.name}: {describe(error)}") from error


def _path_of(route: Route, api: Api) -> str:
    if not (api.schemes or route.anonymous):
        raise PluginError(f"route {route.method} {route.path} needs a login, but its Api {api.name} has no scheme")
    return api.path_of(route)


def _table(plugin: Plugin, model: type) -> str:
    if not issubclass(model, peewee.Model):
        _refuse_start(plugin, PluginError("hanami_models must return peewee models"))
    return str(model._meta.table_name)


def _checked(answer: object, kind: type[T], hook: str) -> list[T]:
    items = list(answer) if isinstance(answer, Iterable) else _reject(answer, kind, hook)
    for item in items:
        is_class = isinstance(item, type) and kind is not type
        lacking = [] if is_class else faults(item, kind)
        if lacking or is_class or not isinstance(item, kind):
            raise PluginError(_wrong(item, kind, hook, lacking), where=location(item))
    return items


def _reject(answer: object, kind: type, hook: str) -> NoReturn:
    raise PluginError(f"{hook} returned {type(answer).__name__}, expected several {kind.__name__}")


def _wrong(item: object, kind: type, hook: str, lacking: Sequence[str] = ()) -> str:
    got = f"the class {item.__name__}" if isinstance(item, type) else type(item).__name__
    told = "" if isinstance(item, PLAIN) else ", ".join(lacking)
    return f"{hook} returned {got}, expected {kind.__name__}{f': {told}' if told else ''}"
