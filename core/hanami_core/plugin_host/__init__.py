"""Loads plugins one by one, calls each hook implementation on its own, and applies the hooks' failure policies.

There is one typed method for each hook; nothing else in the code base calls a hook. The host knows no plugin by name.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import peewee
import pluggy

from hanami_core import hookspecs
from hanami_core.access import Action, Actor, Rule
from hanami_core.compute import ComputeHost, NetworkRules
from hanami_core.datasets import DatasetFormat
from hanami_core.dialects import TemplateDialect
from hanami_core.errors import BadRequest, ClientError, PluginError, SettingsError, StartupError, Unauthorized
from hanami_core.events import Event
from hanami_core.http.routes import Route
from hanami_core.processes import Process
from hanami_core.queue import TaskKind
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting, Settings
from hanami_core.sockets import SocketTarget
from hanami_core.storage.blobs import BlobStore

GROUP = "hanami.plugins"
OWN_DISTRIBUTION = "hanami"
ACTIVE, DISABLED, BROKEN, DEGRADED = "active", "disabled", "broken", "degraded"
STATE_FILE = "plugins.json"

T = TypeVar("T")
ANSWERS = (ClientError, SettingsError, StartupError)
"""Errors of plugins that are answers, such as a bad token or a broken file of policies; whoever asked shows them."""

log = logging.getLogger("hanami.plugins")


@dataclass
class Plugin:
    """What is known of one plugin. `state` is active, degraded, disabled or broken; `reason` says why.

    `missed` counts the events that it failed to observe in this process.
    """

    name: str
    distribution: str
    version: str
    state: str = ACTIVE
    reason: str = ""
    module: Any = None
    hooks: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    essential: bool = False
    missed: int = 0

    @property
    def works(self) -> bool:
        """Tell whether hooks of the plugin are called."""
        return self.state in (ACTIVE, DEGRADED)


@dataclass(frozen=True)
class Contribution:
    """Something that a plugin added to a registry."""

    plugin: Plugin
    item: Any


@dataclass(frozen=True)
class EntryPoint:
    """Where a plugin comes from; `load` imports it."""

    name: str
    distribution: str
    version: str
    load: Callable[[], Any] = field(compare=False)


def installed_plugins() -> list[EntryPoint]:
    """Return the entry points of all installed distributions, our own first, without importing one."""
    found = []
    for point in importlib.metadata.entry_points(group=GROUP):
        name, version = (point.dist.name, point.dist.version) if point.dist else ("?", "?")
        found.append(EntryPoint(point.name, name, version, point.load))
    unique = {(p.name, p.distribution): p for p in reversed(found)}
    return sorted(unique.values(), key=lambda p: (p.distribution != OWN_DISTRIBUTION, p.distribution, p.name))


def read_disabled(data_dir: Path) -> frozenset[str]:
    """Return the names that ``hanami plugins disable`` switched off."""
    file = data_dir / STATE_FILE
    if not file.exists():
        return frozenset()
    try:
        names = json.loads(file.read_text(encoding="utf-8"))["disabled"]
        return frozenset(str(name) for name in names)
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f'{file}: expected {{"disabled": [names]}}') from error


def write_disabled(data_dir: Path, names: Iterable[str]) -> None:
    """Store the names of disabled plugins."""
    file = data_dir / STATE_FILE
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({"disabled": sorted(names)}) + "\n", encoding="utf-8")
    temporary.replace(file)


class PluginHost:
    """The plugins of one process."""

    def __init__(self, points: Iterable[EntryPoint], disabled: Iterable[str] = ()) -> None:
        """Load every entry point that is not disabled; a broken one is listed with its reason."""
        self.plugins: dict[str, Plugin] = {}
        self.refused: list[Plugin] = []
        self._order: dict[str, int] = {}
        self._manager = pluggy.PluginManager("hanami")
        self._manager.add_hookspecs(hookspecs)
        self._runtime: Any = None
        self._calls: dict[str, list[tuple[Plugin, Callable[..., Any], tuple[str, ...]]]] = {}
        off = frozenset(disabled)
        for point in points:
            self._add(point, off)
        self._resolve_requirements()

    # -- loading ------------------------------------------------------------------------------------------------------

    def _add(self, point: EntryPoint, disabled: frozenset[str]) -> None:
        plugin = Plugin(point.name, point.distribution, point.version)
        if point.name in self.plugins:
            other = self.plugins[point.name].distribution
            plugin.state, plugin.reason = BROKEN, f"the name is taken by distribution {other}"
            self.refused.append(plugin)
            return
        self.plugins[point.name] = plugin
        self._order[point.name] = len(self._order)
        if point.name in disabled:
            plugin.state, plugin.reason = DISABLED, "disabled by the operator"
            return
        try:
            self._load(plugin, point)
        except Exception as error:
            self._break(plugin, _describe(error))

    def _load(self, plugin: Plugin, point: EntryPoint) -> None:
        plugin.module = point.load()
        plugin.requires = tuple(getattr(plugin.module, "requires", ()))
        plugin.essential = bool(getattr(plugin.module, "essential", False))
        known = hookspecs.all_hooks()
        plugin.hooks = tuple(sorted(name for name in vars(plugin.module) if self._is_hook(plugin.module, name)))
        unknown = [name for name in plugin.hooks if name not in known]
        if unknown:
            raise PluginError(f"implements {unknown[0]}, which is no hook of this version")
        self._manager.register(plugin.module, plugin.name)
        for caller in self._manager.get_hookcallers(plugin.module) or ():
            if any(impl.hookwrapper or impl.wrapper for impl in caller.get_hookimpls()):
                raise PluginError(f"{caller.name} is a wrapper; only plain implementations are supported")

    @staticmethod
    def _is_hook(module: ModuleType, name: str) -> bool:
        return getattr(getattr(module, name, None), "hanami_impl", None) is not None

    def _break(self, plugin: Plugin, reason: str, state: str = BROKEN) -> None:
        log.error("plugin %s is %s: %s", plugin.name, state, reason)
        plugin.state, plugin.reason = state, reason
        if plugin.module is not None and self._manager.is_registered(plugin.module):
            self._manager.unregister(plugin.module)
        self._calls.clear()
        for other in list(self.plugins.values()):
            if other.works and plugin.name in other.requires:
                self._switch_off(other, plugin.name)

    def _switch_off(self, plugin: Plugin, missing: str) -> None:
        state = self.plugins[missing].state if missing in self.plugins else "not installed"
        self._break(plugin, f"requires {missing}, which is {state}", DISABLED)

    def _resolve_requirements(self) -> None:
        for plugin in list(self.plugins.values()):
            missing = next((n for n in plugin.requires if n not in self.plugins or not self.plugins[n].works), None)
            if plugin.works and missing is not None:
                self._switch_off(plugin, missing)
        for plugin in list(self.plugins.values()):
            if plugin.works and self._reaches(plugin.name, plugin.name, set()):
                self._break(plugin, "requires itself in a circle")

    def _reaches(self, start: str, goal: str, seen: set[str]) -> bool:
        for name in self.plugins[start].requires:
            if name == goal:
                return True
            if name not in seen:
                seen.add(name)
                if self._reaches(name, goal, seen):
                    return True
        return False

    # -- calling ------------------------------------------------------------------------------------------------------

    def _implementations(self, hook: str) -> list[tuple[Plugin, Callable[..., Any], tuple[str, ...]]]:
        """Return what implements a hook: plugins in loading order, or for a first result the last one first."""
        if hook not in self._calls:
            caller = getattr(self._manager.hook, hook)
            found = [(self.plugins[i.plugin_name], i.function, tuple(i.argnames)) for i in caller.get_hookimpls()]
            if caller.spec is not None and caller.spec.opts.get("firstresult"):
                found.reverse()
            else:
                found.sort(key=lambda call: self._order[call[0].name])
            self._calls[hook] = found
        return self._calls[hook]

    def _each(self, hook: str, failed: Callable[[Plugin, Exception], None], **arguments: Any) -> Iterator[Contribution]:
        for plugin, function, names in list(self._implementations(hook)):
            try:
                result = function(**{name: arguments[name] for name in names})
            except Exception as error:
                if not isinstance(error, ANSWERS):
                    log.exception("plugin %s failed in %s", plugin.name, hook)
                failed(plugin, error)
            else:
                yield Contribution(plugin, result)

    def _items(
        self, hook: str, kind: Any, failed: Callable[[Plugin, Exception], None], **arguments: Any
    ) -> Iterator[Contribution]:
        for contribution in self._each(hook, failed, **arguments):
            try:
                items = list(contribution.item)
                for item in items:
                    _require(item, kind, hook)
            except Exception as error:
                failed(contribution.plugin, error)
            else:
                yield from (Contribution(contribution.plugin, item) for item in items)

    def _refuse_start(self, plugin: Plugin, error: Exception) -> None:
        raise StartupError(f"plugin {plugin.name}: {_describe(error)}") from error

    def _refuse_start_or_field(self, plugin: Plugin, error: Exception) -> None:
        if isinstance(error, BadRequest):
            raise error
        self._refuse_start(plugin, error)

    def _break_or_refuse(self, plugin: Plugin, error: Exception) -> None:
        if plugin.essential:
            self._refuse_start(plugin, error)
        self._break(plugin, _describe(error))

    def _degrade(self, plugin: Plugin, error: Exception) -> None:
        log.error("plugin %s is degraded: %s", plugin.name, _describe(error))
        plugin.state, plugin.reason = DEGRADED, _describe(error)

    def _registry(
        self,
        hook: str,
        kind: Any,
        key: Callable[[Any], Any],
        failed: Callable[[Plugin, Exception], None],
        **arguments: Any,
    ) -> dict[Any, Contribution]:
        found: dict[Any, Contribution] = {}
        bad: set[str] = set()
        for contribution in list(self._items(hook, kind, failed, **arguments)):
            name = key(contribution.item)
            if name in found:
                owner = found[name].plugin.name
                bad.add(contribution.plugin.name)
                failed(contribution.plugin, PluginError(f"{hook}: {name} is taken by plugin {owner}"))
            else:
                found[name] = contribution
        return {name: c for name, c in found.items() if c.plugin.works and c.plugin.name not in bad}

    # -- hooks --------------------------------------------------------------------------------------------------------

    def settings(self) -> list[Setting]:
        """Return the settings of all plugins (`hanami_settings`)."""
        found: list[Setting] = []
        for contribution in list(self._items("hanami_settings", Setting, self._break_or_refuse)):
            if contribution.item.name.startswith(contribution.plugin.name + "."):
                found.append(contribution.item)
            else:
                error = PluginError(f"setting {contribution.item.name} does not begin with {contribution.plugin.name}.")
                self._break_or_refuse(contribution.plugin, error)
        return found

    def startup(self, runtime: Any) -> None:
        """Let every plugin prepare itself (`hanami_startup`)."""
        self._runtime = runtime
        list(self._each("hanami_startup", self._break_or_refuse, runtime=runtime))

    def shutdown(self, runtime: Any) -> None:
        """Let every plugin release what it holds (`hanami_shutdown`)."""
        list(self._each("hanami_shutdown", self._degrade, runtime=runtime))

    def database(self, settings: Settings) -> peewee.Database:
        """Return the first database that a plugin provides (`hanami_database`)."""
        return self._first("hanami_database", peewee.Database, "database", settings)  # type: ignore[no-any-return]

    def blob_store(self, settings: Settings) -> BlobStore:
        """Return the first blob store that a plugin provides (`hanami_blob_store`)."""
        return self._first("hanami_blob_store", BlobStore, "blob store", settings)  # type: ignore[no-any-return]

    def _first(self, hook: str, kind: Any, what: str, settings: Settings) -> Any:
        for contribution in self._each(hook, self._refuse_start, settings=settings):
            if contribution.item is not None:
                try:
                    _require(contribution.item, kind, hook)
                except PluginError as error:
                    self._refuse_start(contribution.plugin, error)
                return contribution.item
        raise StartupError(f"no plugin provides a {what}{self._broken_list()}")

    def models(self) -> dict[Plugin | str, list[type[peewee.Model]]]:
        """Return the models of each plugin by its name (`hanami_models`)."""
        found: dict[Plugin | str, list[type[peewee.Model]]] = {}
        for contribution in self._each("hanami_models", self._refuse_start):
            models = list(contribution.item or ())
            if not all(isinstance(model, type) and issubclass(model, peewee.Model) for model in models):
                self._refuse_start(contribution.plugin, PluginError("hanami_models must return peewee models"))
            found[contribution.plugin.name] = models
        return found

    def authenticate(self, runtime: Any, token: str) -> Actor:
        """Return the actor of a token (`hanami_authenticate`) or raise `Unauthorized`."""
        for contribution in self._each("hanami_authenticate", _fail_closed, runtime=runtime, token=token):
            if isinstance(contribution.item, Actor):
                return contribution.item
            if contribution.item is not None:
                _fail_closed(contribution.plugin, PluginError("hanami_authenticate must return an Actor"))
        raise Unauthorized("Failed to validate JWT-Token with error: invalid token supplied")

    def admin(self, runtime: Any, first: tuple[str, str, str] | None) -> bool:
        """Tell whether a global admin exists, after creating `first` if there is none (`hanami_admin`)."""
        for contribution in self._each("hanami_admin", self._refuse_start_or_field, runtime=runtime, first=first):
            if contribution.item is not None:
                return bool(contribution.item)
        return False

    def rules(self, actor: Actor, action: Action) -> list[Rule]:
        """Return what all plugins say about an action (`hanami_rules`); a failure denies everything."""
        failures: list[Exception] = []
        question = {"runtime": self._runtime, "actor": actor, "action": action}
        found = self._items("hanami_rules", Rule, lambda _, error: failures.append(error), **question)
        rules = [contribution.item for contribution in found]
        if failures:
            everything = peewee.SQL("1 = 1") if action.resource is not None else None
            rules.append(Rule(False, "Access denied by policy", everything))
        return rules

    def dataset_formats(self) -> dict[str, Contribution]:
        """Return the formats by name (`hanami_dataset_formats`)."""
        return self._registry("hanami_dataset_formats", DatasetFormat, _name, self._degrade)

    def compute_hosts(self, settings: Settings) -> dict[str, ComputeHost]:
        """Return the compute hosts by name (`hanami_compute_hosts`)."""
        found = self._registry("hanami_compute_hosts", ComputeHost, _name, self._degrade, settings=settings)
        return _plain(found)

    def network_rules(self) -> dict[tuple[str, str], NetworkRules]:
        """Return the rule sets by name and kind of host (`hanami_network_rules`)."""
        return _plain(
            self._registry("hanami_network_rules", NetworkRules, lambda r: (r.name, r.host_kind), self._degrade)
        )

    def template_dialects(self) -> dict[str, TemplateDialect]:
        """Return the dialects by name (`hanami_template_dialects`)."""
        return _plain(self._registry("hanami_template_dialects", TemplateDialect, _name, self._degrade))

    def task_kinds(self) -> dict[str, TaskKind]:
        """Return the kinds of tasks by name (`hanami_task_kinds`)."""
        return _plain(self._registry("hanami_task_kinds", TaskKind, _name, self._degrade))

    def processes(self, settings: Settings) -> dict[str, Contribution]:
        """Return the processes by name (`hanami_processes`)."""
        return self._registry("hanami_processes", Process, _name, self._degrade, settings=settings)

    def schedules(self, runtime: Any) -> dict[str, Schedule]:
        """Return the schedules by name (`hanami_schedules`)."""
        return _plain(self._registry("hanami_schedules", Schedule, _name, self._degrade, runtime=runtime))

    def routes(self, runtime: Any) -> list[Route]:
        """Return the routes of all plugins (`hanami_routes`)."""
        found = self._registry(
            "hanami_routes", Route, lambda r: (r.method, r.path), self._refuse_plugin, runtime=runtime
        )
        return list(_plain(found).values())

    def socket_targets(self) -> dict[str, SocketTarget]:
        """Return the websocket targets by name (`hanami_socket_targets`)."""
        return _plain(self._registry("hanami_socket_targets", SocketTarget, _name, self._refuse_plugin))

    def event(self, runtime: Any, event: Event) -> None:
        """Tell every plugin what happened (`hanami_event`)."""
        for _ in self._each("hanami_event", _count_missed, runtime=runtime, event=event):
            pass

    def _refuse_plugin(self, plugin: Plugin, error: Exception) -> None:
        if plugin.essential:
            self._refuse_start(plugin, error)
        self._break(plugin, _describe(error))

    def _broken_list(self) -> str:
        broken = [f"{plugin.name}: {plugin.reason}" for plugin in self.plugins.values() if not plugin.works]
        return f" ({'; '.join(broken)})" if broken else ""

    def implements(self, hook: str) -> bool:
        """Tell whether any working plugin implements a hook."""
        return bool(self._implementations(hook))


def _count_missed(plugin: Plugin, _error: Exception) -> None:
    plugin.missed += 1


def _fail_closed(plugin: Plugin, error: Exception) -> None:
    if isinstance(error, Unauthorized):
        raise error
    raise Unauthorized("Failed to validate JWT-Token with error: invalid token supplied") from error


def _require(item: Any, kind: Any, hook: str) -> None:
    if not isinstance(item, kind):
        raise PluginError(f"{hook} returned {type(item).__name__}, expected {kind.__name__}")


def _name(item: Any) -> str:
    return str(item.name)


def _plain(contributions: Mapping[Any, Contribution]) -> dict[Any, Any]:
    return {name: contribution.item for name, contribution in contributions.items()}


def _describe(error: Exception) -> str:
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0] if first else ''}".rstrip(": ")
