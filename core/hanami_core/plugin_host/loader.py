"""Looks at what the modules of plugins declare, imported or not. Calls no hook.

What goes wrong is an exception with a text for the operator; what becomes of the plugin is decided elsewhere.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

from hanami_core.errors import PluginError
from hanami_core.plugin_host.conformity import location
from hanami_core.plugin_host.entry_points import EntryPoint
from hanami_core.plugin_host.plugin import Plugin

__all__ = [
    "PREFIX",
    "DeclaredModule",
    "Mark",
    "arguments",
    "check_arguments",
    "declared",
    "deprecations",
    "examine",
    "marks",
    "wishes",
]

PREFIX = "hanami_"


# -- what a module says about itself ----------------------------------------------------------------------------------


class Mark(NamedTuple):
    """A function that implements a hook. With `optional` the hook need not exist: another version may have it."""

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
        where = location(getattr(module, forgotten[0]))
        raise PluginError(f"{forgotten[0]} is not marked with hookimpl", where=where)
    for mark in found:
        if mark.hook in hooks:
            check_arguments(mark, hooks[mark.hook])
            plugin.warnings += deprecations(mark, hooks[mark.hook])
        elif mark.hook.startswith(PREFIX) and not mark.optional:
            text = f"implements {mark.hook}, which is not a hook of this version"
            raise PluginError(text, where=location(mark.function))


def marks(module: ModuleType) -> Iterator[Mark]:
    """Iterate over the functions of a module that are marked as implementations of hooks."""
    for name, function in vars(module).items():
        options = getattr(function, "hanami_impl", None)
        if not isinstance(options, dict):
            continue
        hook = options.get("specname") or name
        if options.get("hookwrapper") or options.get("wrapper"):
            text = f"{hook} is a wrapper; only plain implementations are supported"
            raise PluginError(text, where=location(function))
        yield Mark(hook, function, *(bool(options.get(key)) for key in ("optionalhook", "tryfirst", "trylast")))


def _requires(module: ModuleType) -> tuple[str, ...]:
    names = getattr(module, "requires", ())
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise PluginError(f"requires must be a tuple of names of plugins, not {names!r}")
    return tuple(names)


def check_arguments(mark: Mark, specification: Callable[..., object]) -> None:
    """Raise `PluginError` if an implementation asks for an argument that its hook does not offer."""
    offered = [parameter.name for parameter in _parameters(specification)]
    wrong = [name for name in arguments(mark.function) if name not in offered]
    if wrong:
        offers = f"it offers {', '.join(offered)}" if offered else "it offers none"
        raise PluginError(f"{mark.hook} has no argument '{wrong[0]}', {offers}", where=location(mark.function))


def arguments(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of the arguments that a function must be given."""
    return tuple(p.name for p in _named(function) if p.default is p.empty)


def wishes(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of the arguments that a function has defaults for: it gets those that are there."""
    return tuple(p.name for p in _named(function) if p.default is not p.empty)


def _named(function: Callable[..., object]) -> list[inspect.Parameter]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p for p in _parameters(function) if p.kind in named]


@lru_cache(maxsize=1024)
def _parameters(function: Callable[..., object]) -> tuple[inspect.Parameter, ...]:
    """Return all parameters of a function, each of which is looked at several times in a start."""
    return tuple(inspect.signature(function).parameters.values())


def deprecations(mark: Mark, specification: Callable[..., object]) -> tuple[str, ...]:
    """Return what an implementation uses of its hook that a later version will not have."""
    options = getattr(specification, "hanami_spec", None) or {}
    taken = (*arguments(mark.function), *wishes(mark.function))
    found = {mark.hook: options.get("warn_on_impl")}
    found |= {
        f"argument '{name}' of {mark.hook}": w
        for name, w in (options.get("warn_on_impl_args") or {}).items()
        if name in taken
    }
    return tuple(f"{what}: {warning}" for what, warning in found.items() if warning is not None)


# -- a look at a module without importing it --------------------------------------------------------------------------


class DeclaredModule(NamedTuple):
    """What the text of a module says about it."""

    essential: bool = False
    requires: tuple[str, ...] = ()


def declared(point: EntryPoint) -> DeclaredModule:
    """Return what stands in the text of a plugin's module, which may be broken or dangerous to import.

    Only plain assignments of constants are seen; what cannot be found out is as if it were not there.
    """
    try:
        tree = ast.parse(_source(point.module))
    except (ImportError, OSError, SyntaxError, ValueError):
        return DeclaredModule()
    values: dict[str, object] = {}
    for name, value in _assignments(tree):
        try:
            values[name] = ast.literal_eval(value)
        except ValueError:
            continue
    requires = values.get("requires", ())
    names = tuple(map(str, requires)) if isinstance(requires, (tuple, list)) else ()
    return DeclaredModule(values.get("essential") is True, names)


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
