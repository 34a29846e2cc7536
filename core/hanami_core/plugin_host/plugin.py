"""What is known of one plugin, and what it contributes. Must not know how it is loaded or called."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType
from typing import Generic, TypeVar

from hanami_core.errors import PluginError

__all__ = ["Contribution", "Plugin", "PluginState", "Registry"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class PluginState(StrEnum):
    """The state of a plugin.

    A degraded plugin works, but failed in a hook after the start. A disabled or broken one contributes nothing.
    """

    ACTIVE = "active"
    DEGRADED = "degraded"
    DISABLED = "disabled"
    BROKEN = "broken"


@dataclass(eq=False)
class Plugin:
    """One plugin in one process.

    If it is not active, ``reason`` says why, and ``where``, as ``file:line``, what raised. `failures` counts the calls
    after the start that failed without harming anything else. `warnings` list what the plugin uses that a later version
    will not have. `remarks` are what an operator should know of it although nothing is broken, by what they are about.
    """

    name: str
    distribution: str
    version: str
    state: PluginState = PluginState.ACTIVE
    reason: str = ""
    where: str = ""
    module: ModuleType | None = None
    hooks: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    essential: bool = False
    failures: int = 0
    warnings: tuple[str, ...] = ()
    remarks: dict[str, str] = field(default_factory=dict)

    @property
    def works(self) -> bool:
        """Tell whether hooks of the plugin are called and its contributions are there."""
        return self.state in (PluginState.ACTIVE, PluginState.DEGRADED)

    @property
    def module_name(self) -> str:
        """Name under which other processes import the plugin."""
        return "" if self.module is None else self.module.__name__


@dataclass(frozen=True)
class Contribution(Generic[T_co]):
    """Something that a plugin contributes, along with the plugin."""

    plugin: Plugin
    item: T_co


class Registry(Mapping[K, T]):
    """Contributions of one kind by name. Contains only those of plugins that work now.

    A registry exists before it is filled; reading it too early raises an error instead of returning nothing.
    """

    def __init__(self, hook: str) -> None:
        """Name the hook that fills the registry."""
        self._hook = hook
        self._contributions: dict[K, Contribution[T]] | None = None

    def add(self, plugin: Plugin, items: Iterable[tuple[K, T]]) -> None:
        """Add all items of a plugin, or none of them.

        Raises:
            PluginError: if a name is already taken by a working plugin or by the same one.
        """
        known = self.begin()
        added: dict[K, Contribution[T]] = {}
        for name, item in items:
            owner = added.get(name) or known.get(name)
            if owner is not None and owner.plugin.works:
                raise PluginError(f"{self._hook}: {_text(name)} is taken by plugin {owner.plugin.name}")
            added[name] = Contribution(plugin, item)
        known.update(added)

    def begin(self) -> dict[K, Contribution[T]]:
        """Mark the registry as filled, even if nothing is added."""
        if self._contributions is None:
            self._contributions = {}
        return self._contributions

    def owner(self, name: K) -> Plugin:
        """Return the plugin that contributes `name`; a missing one is a `KeyError`."""
        return self.contributions()[name].plugin

    def contributions(self) -> dict[K, Contribution[T]]:
        """Return what working plugins contribute, with the plugins."""
        if self._contributions is None:
            raise PluginError(f"{self._hook} is gathered after all plugins have started, not before")
        return {name: found for name, found in self._contributions.items() if found.plugin.works}

    def __getitem__(self, name: K) -> T:
        """Return an item by its name."""
        found = (self._contributions or self.contributions())[name]
        if not found.plugin.works:
            raise KeyError(name)
        return found.item

    def __iter__(self) -> Iterator[K]:
        """Iterate over the names, in the order of the plugins."""
        return iter(self.contributions())

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.contributions())


def _text(name: object) -> str:
    return " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
