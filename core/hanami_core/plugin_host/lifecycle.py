"""The life of the plugins of one process: load, settings, storage, start, registries, routes, end.

A plugin goes through it whole or not at all. Whatever breaks, at any of these points, takes with it all that the plugin
contributed and all plugins that need it, and whoever of them was started is shut down. Owns the states; must not know
what single hooks are for, except for those of the life itself.
"""

from __future__ import annotations

import importlib
import logging
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import peewee

from hanami_core import hookspecs
from hanami_core.errors import ClientError, HanamiError, PluginError, SettingsError, StartupError
from hanami_core.plugin_host.conformity import location
from hanami_core.plugin_host.entry_points import EntryPoint
from hanami_core.plugin_host.hooks import HookTable, Specification, absence, specifications
from hanami_core.plugin_host.loader import declared, examine, marks
from hanami_core.plugin_host.plugin import Contribution, Plugin, PluginState
from hanami_core.plugin_host.tracing import traced
from hanami_core.settings import traces_hooks
from hanami_core.storage.failures import in_words, storage_failure

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["Failed", "Lifecycle", "describe", "place"]

ANSWERS = (ClientError, SettingsError, StartupError)
"""Errors of plugins that are answers, such as a bad token or a broken file of policies; whoever asked shows them."""

OWN_FILES = str(Path(hookspecs.__file__).parent)
IMPORTING = str(Path(importlib.__file__).parent)
BY_OPERATOR = "disabled by the operator"

T = TypeVar("T")
Failed = Callable[[Plugin, BaseException], None]
Observer = Callable[[str, str], None]

log = logging.getLogger("hanami.plugins")


def _ignore(_plugin: str, _call: str) -> None:
    """Observe nothing."""


def _unchanged(answer: object) -> object:
    return answer


def _ask(function: Callable[..., object], given: Mapping[str, object], check: Callable[[object], T]) -> T:
    answer = function(**given)
    try:
        return check(answer)
    except PluginError as error:
        raise _placed(error, location(function)) from error.__cause__


def _placed(error: PluginError, where: str) -> PluginError:
    """Note where the plugin's code is that broke a rule, unless that is known better."""
    if not error.parameters.get("where"):
        error.parameters["where"] = where
    return error


class Lifecycle:
    """Loads plugins, calls them, and takes back what belongs to those that break.

    `lenient` is for processes that only look: there a broken essential plugin is a finding, not the end.
    """

    def __init__(
        self, points: Iterable[EntryPoint], disabled: Iterable[str] = (), observer: Observer = _ignore
    ) -> None:
        """Load every entry point that is not disabled; a broken one is listed with its reason.

        Args:
            points: where the plugins come from, in the order in which they are called.
            disabled: names of plugins that are not even imported.
            observer: is told the names of the plugin and of the call before each call of a plugin.
        """
        self.plugins: dict[str, Plugin] = {}
        self.refused: list[Plugin] = []
        self.lenient = False
        self._runtime: Runtime | None = None
        self._started: list[Plugin] = []
        self._watchers: list[Callable[[], None]] = []
        self._observer = observer
        self._traces = traces_hooks()
        self._table = HookTable(hookspecs.all_hooks())
        off = frozenset(disabled)
        for point in points:
            self._add(point, off)
        self._table.arrange(self.plugins)
        self.hookspecs()
        self._check_needs()
        self._table.arrange(self._by_need())
        for plugin in self.working():
            for warning in plugin.warnings:
                log.warning("plugin %s: %s", plugin.name, warning)

    # -- load ---------------------------------------------------------------------------------------------------------

    def _add(self, point: EntryPoint, disabled: frozenset[str]) -> None:
        plugin = Plugin(point.name, point.distribution, point.version)
        if point.name in self.plugins:
            other = self.plugins[point.name].distribution
            plugin.state, plugin.reason = PluginState.BROKEN, f"the name is taken by distribution {other}"
            self.refused.append(plugin)
            return
        self.plugins[point.name] = plugin
        if point.name in disabled:
            plugin.state, plugin.reason = PluginState.DISABLED, BY_OPERATOR
        elif self._attempt(plugin, "import", partial(self._load, plugin, point), self.refuse) is None:
            # A module that cannot be imported did not get to say it.
            plugin.essential = plugin.essential or declared(point).essential

    def _load(self, plugin: Plugin, point: EntryPoint) -> None:
        module = point.load()
        examine(plugin, module, self._table.core)
        for mark in marks(module):
            self._table.add(plugin, mark)

    def hookspecs(self) -> dict[str, Specification]:
        """Return the hooks that plugins declare, by name (`hanami_hookspecs`)."""
        found: dict[str, Specification] = {}
        for plugin, declaration in self._each("hanami_hookspecs", self.refuse):
            try:
                own = specifications(declaration)
                for name, specification in own.items():
                    self._table.declare(plugin, name, specification)
            except PluginError as error:
                self.refuse(plugin, self._located("hanami_hookspecs", plugin, error))
            else:
                found |= own
        return found

    def _check_needs(self) -> None:
        for plugin in list(self.plugins.values()):
            missing = next((n for n in plugin.requires if n not in self.plugins or not self.plugins[n].works), None)
            if plugin.works and missing is not None:
                self._mark(plugin, PluginState.DISABLED, self._lacks(missing))
            if plugin.works:
                self._check_extensions(plugin)
        for plugin in list(self.plugins.values()):
            if plugin.works and self._reaches(plugin.name, plugin.name, set()):
                self.refuse(plugin, PluginError("requires itself in a circle"))

    def _check_extensions(self, plugin: Plugin) -> None:
        try:
            self._table.check(plugin, self.plugins)
        except PluginError as error:
            self.refuse(plugin, error)

    def _lacks(self, name: str) -> str:
        return f"requires {name}, which is {self.plugins[name].state if name in self.plugins else 'not installed'}"

    def _needs(self, plugin: Plugin) -> list[str]:
        """Return the plugins without which a plugin cannot be: those that it names, and whose hooks it implements."""
        return [*plugin.requires, *self._table.needs(plugin)]

    def _reaches(self, start: str, goal: str, seen: set[str]) -> bool:
        for name in self._needs(self.plugins[start]):
            if name == goal:
                return True
            if name not in seen:
                seen.add(name)
                if self._reaches(name, goal, seen):
                    return True
        return False

    def _by_need(self) -> list[str]:
        """Return the names of all plugins, each after those that it needs, else in the order of loading."""
        found: dict[str, None] = {}

        def visit(name: str) -> None:
            if name not in found and self.plugins[name].works:
                for needed in self._needs(self.plugins[name]):
                    visit(needed)
                found[name] = None

        for name in self.plugins:
            visit(name)
        return list(found)

    # -- start and end ------------------------------------------------------------------------------------------------

    def startup(self, runtime: Runtime) -> None:
        """Let every plugin prepare itself, each after those that it needs (`hanami_startup`)."""
        self._runtime = runtime
        for plugin in self.working():
            if plugin.works:  # and did not go with another one meanwhile
                list(self._each("hanami_startup", self._fail, plugin, runtime=runtime))
            if plugin.works:
                self._started.append(plugin)

    def shutdown(self, runtime: Runtime) -> None:
        """Let every plugin that was started release what it holds, the last one first (`hanami_shutdown`)."""
        self._stop(list(self._started), runtime)

    def _stop(self, plugins: list[Plugin], runtime: Runtime | None) -> None:
        for plugin in reversed([plugin for plugin in self._started if plugin in plugins]):
            self._started.remove(plugin)
            failed = partial(self._note, "hanami_shutdown")
            list(self._each("hanami_shutdown", failed, plugin, runtime=runtime))

    def working(self) -> list[Plugin]:
        """Return the plugins that work, in the order of their start."""
        return [self.plugins[name] for name in self._by_need()]

    def require_essential(self) -> None:
        """Raise `StartupError` if an essential plugin does not work, unless the operator wants that."""
        if self.lenient:
            return
        lacking = [p for p in self.plugins.values() if p.essential and not p.works and p.reason != BY_OPERATOR]
        # One that is disabled follows from one that is broken, which tells more.
        for plugin in sorted(lacking, key=lambda plugin: plugin.state is not PluginState.BROKEN):
            text = "" if plugin.state is PluginState.BROKEN else self.broken()
            raise StartupError(f"plugin {plugin.name}: {plugin.reason}{text}")

    # -- failure ------------------------------------------------------------------------------------------------------

    def refuse(self, plugin: Plugin, error: BaseException) -> None:
        """Take back all that a plugin contributed, and all plugins that need it; those that were started are ended.

        A plugin may say so of another one that gave it something useless. Whether the server can do without is told by
        `require_essential`.
        """
        if plugin.works:
            plugin.where = place(error)
            self._stop(self._mark(plugin, PluginState.BROKEN, describe(error)), self._runtime)
            self._tell()

    def _fail(self, plugin: Plugin, error: BaseException) -> None:
        """Refuse a plugin, and the start if it is essential or an essential one needs it."""
        self.refuse(plugin, error)
        self.require_essential()

    def _located(self, hook: str, plugin: Plugin, error: PluginError) -> PluginError:
        """Return the error of a plugin with the place of what it implements a hook with."""
        found = [location(i.mark.function) for i in self._table.implementations(hook) if i.plugin is plugin]
        return _placed(error, found[0] if found else "")

    def _mark(self, plugin: Plugin, state: PluginState, reason: str) -> list[Plugin]:
        """Set the state of a plugin and of those that need it, and return them all."""
        log.error("plugin %s is %s: %s", plugin.name, state, reason)
        plugin.state, plugin.reason = state, reason
        marked = [plugin]
        for other in self.plugins.values():
            if not other.works:
                continue
            hook = self._table.needs(other).get(plugin.name)
            if plugin.name in other.requires:
                marked += self._mark(other, PluginState.DISABLED, self._lacks(plugin.name))
            elif hook is not None:
                text = f"implements {hook}, {absence(hook, self.plugins)}"
                marked += self._mark(other, PluginState.BROKEN, text)
        return marked

    def _note(self, call: str, plugin: Plugin, error: BaseException) -> None:
        """Count a failure that harms nobody else; the storage's is not the plugin's."""
        if storage_failure(error) is not None:
            return
        plugin.failures += 1
        if plugin.state is PluginState.ACTIVE:
            plugin.state, plugin.reason = PluginState.DEGRADED, f"failed in {call}: {describe(error)}"
            plugin.where = place(error)
        self._tell()

    def remark(self, name: str, text: str, about: str = "") -> None:
        """Let the list of plugins show something that an operator should know, such as what a plugin lacks.

        A plugin does so for itself, at any time. Core does it for compute hosts that cannot run networks.

        Args:
            name: name of the plugin.
            text: the remark, in one line; empty to take it back.
            about: what it is about, as it replaces an earlier remark about the same.
        """
        plugin = self.plugins[name]
        if plugin.remarks.get(about, "") != text:
            plugin.remarks = {**plugin.remarks, about: text} if text else _without(plugin.remarks, about)
            self._tell()

    def broken(self) -> str:
        """Return what does not work and why, for the end of a sentence."""
        broken = [f"{plugin.name}: {plugin.reason}" for plugin in self.plugins.values() if not plugin.works]
        return f" ({'; '.join(broken)})" if broken else ""

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed`, which must not raise, whenever a plugin fails or changes its state; return what ends that."""
        self._watchers.append(changed)
        return partial(self._watchers.remove, changed)

    def _tell(self) -> None:
        for changed in list(self._watchers):
            changed()

    def guard(self, name: str, call: str, work: Callable[[], T]) -> T:
        """Do something that the plugin `name` or core brings and the start cannot do without, such as migrations.

        Raises:
            StartupError: if it fails, whatever it raises.
        """
        self._observer(name, call)
        try:
            return work()
        except (KeyboardInterrupt, StartupError):
            raise
        except BaseException as error:
            if not isinstance(error, peewee.PeeweeException):  # which says all, in one line
                log.error("%s failed in %s", name, call, exc_info=error)
            owner = f"plugin {name}" if name in self.plugins else name
            failure = storage_failure(error)
            reason = describe(error) if failure is None else in_words(failure, error)
            raise StartupError(f"{owner}: {call}: {reason}") from error

    # -- calls --------------------------------------------------------------------------------------------------------

    def _each(
        self, hook: str, failed: Failed, only: Plugin | None = None, /, **arguments: object
    ) -> Iterator[tuple[Plugin, object]]:
        """Call all implementations of a hook, or those of one plugin, and yield what those return that do not fail."""
        return self._each_checked(hook, failed, _unchanged, only, arguments)

    def _each_checked(
        self,
        hook: str,
        failed: Failed,
        check: Callable[[object], T],
        only: Plugin | None,
        arguments: Mapping[str, object],
    ) -> Iterator[tuple[Plugin, T]]:
        """Do what `_each` does; what `check` raises of an answer is a failure, too."""
        for implementation in self._table.implementations(hook):
            plugin = implementation.plugin
            if plugin is only or (only is None and plugin.works):
                given = implementation.given(arguments)
                work = partial(_ask, implementation.mark.function, given, check)
                if self._traces:
                    work = partial(traced, plugin.name, hook, given, work)
                done = self._attempt(plugin, hook, work, failed)
                if done is not None:
                    yield plugin, done.item

    def _attempt(self, plugin: Plugin, call: str, work: Callable[[], T], failed: Failed) -> Contribution[T] | None:
        """Call something of a plugin; whatever it raises, also the end of the process, is told to `failed`."""
        self._observer(plugin.name, call)
        try:
            return Contribution(plugin, work())
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if not isinstance(error, (*ANSWERS, PluginError)):
                trace = error if storage_failure(error) is None else None
                log.error("plugin %s failed in %s", plugin.name, call, exc_info=trace, extra=_why(error))
            failed(plugin, error)
            return None


def _without(remarks: Mapping[str, str], about: str) -> dict[str, str]:
    return {key: text for key, text in remarks.items() if key != about}


def _why(error: BaseException) -> dict[str, str]:
    """Return why, in a word, where no traceback tells: storage that misbehaves must not fill the log as well."""
    failure = storage_failure(error)
    return {} if failure is None else {"reason": failure.code}


def describe(error: BaseException) -> str:
    """Return an error in one line; those of Hanami itself are sentences already."""
    first = (str(error).strip().splitlines() or [""])[0]
    return first if isinstance(error, HanamiError) else f"{type(error).__name__}: {first}".rstrip(": ")


def place(error: BaseException) -> str:
    """Return file and line of a plugin where its error came from, or nothing if nobody knows.

    That is the last place in the folder where the plugin was entered: what it calls may be a library's.
    """
    if isinstance(error, PluginError) and error.parameters.get("where"):
        return str(error.parameters["where"])
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [f for f in frames if not f.filename.startswith((OWN_FILES, IMPORTING, "<"))]
    if not foreign:
        return ""
    folder = f"{Path(foreign[0].filename).parent}{os.sep}"
    last = [f for f in foreign if f.filename.startswith(folder)][-1]
    return f"{last.filename}:{last.lineno}"
