"""Which plugin implements which hook, and in which order. Calls nothing.

Besides the hooks of `hanami_core.hookspecs` there are those that plugins declare themselves (*extensions*); their names
begin with the name of the plugin, so that it is known whose they are even where it is missing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from hanami_core.errors import PluginError
from hanami_core.plugin_host.conformity import location
from hanami_core.plugin_host.loader import PREFIX, Mark, arguments, check_arguments, deprecations, wishes
from hanami_core.plugin_host.plugin import Plugin

__all__ = ["Extension", "HookTable", "Implementation", "Specification", "absence", "specifications"]

Specification = Callable[..., object]


class Implementation(NamedTuple):
    """One function of a plugin, the arguments that it must get, and those that it takes if they are there."""

    plugin: Plugin
    mark: Mark
    arguments: tuple[str, ...]
    wishes: tuple[str, ...]

    def given(self, offered: Mapping[str, object]) -> Mapping[str, object]:
        """Return what it is called with."""
        if len(self.arguments) == len(offered):
            return offered
        given = {name: offered[name] for name in self.arguments}
        return given | {name: offered[name] for name in self.wishes if name in offered} if self.wishes else given


class Extension(NamedTuple):
    """A hook that a plugin declares."""

    plugin: Plugin
    specification: Specification


class HookTable:
    """The hooks of one process and what implements them."""

    def __init__(self, specifications: Mapping[str, Specification]) -> None:
        """Begin with the hooks of core."""
        self._core = dict(specifications)
        self._extensions: dict[str, Extension] = {}
        self._implementations: dict[str, list[Implementation]] = {}
        self._sorted: dict[str, list[Implementation]] = {}
        self._order: dict[str, int] = {}

    @property
    def core(self) -> Mapping[str, Specification]:
        """Hooks of this version by name."""
        return self._core

    def add(self, plugin: Plugin, mark: Mark) -> None:
        """Add an implementation that was examined."""
        found = Implementation(plugin, mark, arguments(mark.function), wishes(mark.function))
        self._implementations.setdefault(mark.hook, []).append(found)
        self._sorted.clear()

    def arrange(self, plugins: Iterable[str]) -> None:
        """Set the order in which plugins are called; others are not."""
        self._order = {name: number for number, name in enumerate(plugins)}
        self._sorted.clear()

    # -- extensions ---------------------------------------------------------------------------------------------------

    def declare(self, plugin: Plugin, hook: str, specification: Specification) -> None:
        """Add a hook of a plugin.

        Raises:
            PluginError: if it cannot be one; the text says why.
        """
        taken = self._extensions.get(hook)
        if taken is not None and taken.plugin.works:
            raise PluginError(f"hanami_hookspecs: {hook} is taken by plugin {taken.plugin.name}")
        if hook.startswith(PREFIX) or not hook.startswith(f"{plugin.name}_"):
            raise PluginError(f"hanami_hookspecs: {hook} does not begin with {plugin.name}_")
        if _options(specification).get("firstresult") or _options(specification).get("historic"):
            raise PluginError(f"hanami_hookspecs: {hook} can be neither firstresult nor historic")
        self._extensions[hook] = Extension(plugin, specification)

    def extension(self, hook: str) -> Extension | None:
        """Return a hook that a plugin declares."""
        return self._extensions.get(hook)

    def check(self, plugin: Plugin, known: Mapping[str, Plugin]) -> None:
        """Check the extensions that a plugin implements, and note those that are deprecated.

        Raises:
            PluginError: if one that is not optional is missing, or has no such argument; `known` plugins tell why.
        """
        for mark in self._marks(plugin):
            found = self._extensions.get(mark.hook)
            if found is not None:
                check_arguments(mark, found.specification)
                plugin.warnings += deprecations(mark, found.specification)
            elif mark.hook not in self._core and not mark.optional:
                text = f"implements {mark.hook}, {absence(mark.hook, known)}"
                raise PluginError(text, where=location(mark.function))

    def needs(self, plugin: Plugin) -> dict[str, str]:
        """Return the other plugins whose extensions a plugin implements and does not mark as optional, and which."""
        wanted = {mark.hook for mark in self._marks(plugin) if not mark.optional} & set(self._extensions)
        owners = {self._extensions[hook].plugin.name: hook for hook in sorted(wanted)}
        return {name: hook for name, hook in owners.items() if name != plugin.name}

    def _marks(self, plugin: Plugin) -> list[Mark]:
        return [i.mark for found in self._implementations.values() for i in found if i.plugin is plugin]

    # -- order --------------------------------------------------------------------------------------------------------

    def implementations(self, hook: str) -> list[Implementation]:
        """Return what implements a hook: in the order of plugins, or for a first result the last one first."""
        if hook not in self._sorted:
            first = _options(self._core.get(hook)).get("firstresult")
            step = -1 if first else 1
            found = [i for i in self._implementations.get(hook, ()) if i.plugin.name in self._order]
            found.sort(key=lambda i: (i.mark.last, not i.mark.first, step * self._order[i.plugin.name]))
            self._sorted[hook] = found
        return self._sorted[hook]


def specifications(declared: object) -> dict[str, Specification]:
    """Return the functions of a module or object that are marked with `hanami_core.hookspec`, by name.

    Raises:
        PluginError: if there is none.
    """
    members = {name: value for name, value in inspect.getmembers(declared) if _options(value)}
    if not members:
        raise PluginError("hanami_hookspecs returned nothing that is marked with hookspec")
    return members


def absence(hook: str, known: Mapping[str, Plugin]) -> str:
    """Tell why a hook that a plugin should declare is missing."""
    owners = [plugin for name, plugin in known.items() if hook.startswith(f"{name}_")]
    if not owners:
        return "which no installed plugin declares"
    owner = max(owners, key=lambda plugin: len(plugin.name))
    return f"a hook of plugin {owner.name}, which {'does not declare it' if owner.works else f'is {owner.state}'}"


def _options(specification: object) -> dict[str, object]:
    options = getattr(specification, "hanami_spec", None)
    return options if isinstance(options, dict) else {}
