"""Finds plugins, imports them one by one, and checks what they declare. Calls no hook.

What goes wrong is an exception with a text for the operator; what becomes of the plugin is decided elsewhere.
"""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from hanami_core.errors import PluginError, SettingsError
from hanami_core.plugin_host.plugin import Plugin

__all__ = [
    "OWN_DISTRIBUTION",
    "Declared",
    "EntryPoint",
    "Mark",
    "check_arguments",
    "declared",
    "examine",
    "installed_plugins",
    "marks",
    "read_disabled",
    "write_disabled",
]

GROUP = "hanami.plugins"
OWN_DISTRIBUTION = "hanami"
STATE_FILE = "plugins.json"
PREFIX = "hanami_"


@dataclass(frozen=True)
class EntryPoint:
    """Where a plugin comes from; `load` imports it. `module` names it, so that it can be looked at without that."""

    name: str
    distribution: str
    version: str
    load: Callable[[], ModuleType] = field(compare=False)
    module: str = ""


def installed_plugins() -> list[EntryPoint]:
    """Return the entry points of all installed distributions, our own first, without importing one."""
    found = []
    # Each look at a distribution reads and parses a file of it; all entry points of one have the same object.
    known: dict[int, tuple[str, str]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        dist = point.dist
        if dist is not None and id(dist) not in known:
            about = dist.metadata
            known[id(dist)] = about["Name"], about["Version"]
        name, version = known[id(dist)] if dist is not None else ("?", "?")
        found.append(EntryPoint(point.name, name, version, point.load, point.module))
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


# -- what a module says about itself ----------------------------------------------------------------------------------


class Mark(NamedTuple):
    """A function that implements a hook. With `optional` nobody need declare that hook."""

    hook: str
    function: Callable[..., object]
    optional: bool
    first: bool
    last: bool


def examine(plugin: Plugin, module: ModuleType, hooks: Mapping[str, Callable[..., object]]) -> None:
    """Note what an imported module says about itself.

    Args:
        plugin: gets the module, its hooks, requirements and whether it is essential.
        module: what the entry point names.
        hooks: the hooks of this version by name; those that plugins declare are not known yet.

    Raises:
        PluginError: if the module breaks a rule; the text names it.
    """
    plugin.module = module
    plugin.essential = bool(getattr(module, "essential", False))
    plugin.requires = _requires(module)
    found = list(marks(module))
    plugin.hooks = tuple(sorted(mark.hook for mark in found))
    forgotten = [name for name in vars(module) if name in hooks and name not in plugin.hooks]
    if forgotten:
        raise PluginError(f"{forgotten[0]} is not marked with hookimpl")
    for mark in found:
        if mark.hook in hooks:
            check_arguments(mark, hooks[mark.hook])
        elif mark.hook.startswith(PREFIX):
            raise PluginError(f"implements {mark.hook}, which is no hook of this version")


def marks(module: ModuleType) -> Iterator[Mark]:
    """Iterate over the functions of a module that are marked as implementations of hooks."""
    for name, function in vars(module).items():
        options = getattr(function, "hanami_impl", None)
        if not isinstance(options, dict):
            continue
        hook = options.get("specname") or name
        if options.get("hookwrapper") or options.get("wrapper"):
            raise PluginError(f"{hook} is a wrapper; only plain implementations are supported")
        yield Mark(hook, function, *(bool(options.get(key)) for key in ("optionalhook", "tryfirst", "trylast")))


def _requires(module: ModuleType) -> tuple[str, ...]:
    names = getattr(module, "requires", ())
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise PluginError(f"requires must be a tuple of names of plugins, not {names!r}")
    return tuple(names)


def check_arguments(mark: Mark, specification: Callable[..., object]) -> None:
    """Raise `PluginError` if an implementation asks for an argument that its hook does not offer."""
    offered = list(inspect.signature(specification).parameters)
    wrong = [name for name in arguments(mark.function) if name not in offered]
    if wrong:
        offers = f"it offers {', '.join(offered)}" if offered else "it offers none"
        raise PluginError(f"{mark.hook} has no argument '{wrong[0]}', {offers}")


def arguments(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of the arguments that a function must be given."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind in named and p.default is p.empty)


# -- a look at a module without importing it --------------------------------------------------------------------------


class Declared(NamedTuple):
    """What the text of a module says about it."""

    essential: bool = False
    requires: tuple[str, ...] = ()


def declared(point: EntryPoint) -> Declared:
    """Return what stands in the text of a plugin's module, which may be broken or dangerous to import.

    Only plain assignments of constants are seen; what can not be found out is as if it were not there.
    """
    try:
        tree = ast.parse(_source(point.module))
    except (ImportError, OSError, SyntaxError, ValueError):
        return Declared()
    values: dict[str, object] = {}
    for name, value in _assignments(tree):
        try:
            values[name] = ast.literal_eval(value)
        except ValueError:
            continue
    requires = values.get("requires", ())
    names = tuple(map(str, requires)) if isinstance(requires, (tuple, list)) else ()
    return Declared(values.get("essential") is True, names)


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(value, ast.expr):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))


def _source(module: str) -> str:
    """Return the text of a module. `importlib.util.find_spec` would import the packages that it lies in."""
    places: list[str] | None = None
    spec = None
    for end in range(1, module.count(".") + 2):
        name = ".".join(module.split(".")[:end])
        spec = next((s for finder in sys.meta_path if (s := finder.find_spec(name, places)) is not None), None)
        if spec is None:
            raise ImportError(f"there is no module {name}")
        places = list(spec.submodule_search_locations or ())
    text = getattr(spec, "loader", None) and spec.loader.get_source(module)  # type: ignore[union-attr]
    if not isinstance(text, str):
        raise ImportError(f"module {module} has no text")
    return text
