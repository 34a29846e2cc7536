"""How hooks, arguments and names go out of use: announced in one minor version, there for two more, then gone."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping

__all__ = ["LIVES", "Deprecated", "former_attributes", "former_names"]

LIVES = 2
"""Minor versions in which something still works after the one that deprecates it."""


class Deprecated(DeprecationWarning):
    """Deprecation notice for plugins that implement a hook, or take an argument, that will be removed.

    Pass it to ``hanami_core.hookspec`` as ``warn_on_impl``, or in ``warn_on_impl_args`` under the name of an argument.
    """

    def __init__(self, since: str, instead: str = "") -> None:
        """Say since which version it is deprecated, and what to use instead.

        Raises:
            ValueError: if the version is not ``major.minor``.
        """
        major, minor = map(int, since.split("."))
        self.since, self.instead = since, instead
        self.gone = f"{major}.{minor + LIVES + 1}"
        hint = f"; use {instead}" if instead else ""
        super().__init__(f"deprecated since {since}, gone in {self.gone}{hint}")


def former_names(module: str, since: str, names: Mapping[str, str]) -> Callable[[str], object]:
    """Return a ``__getattr__`` for `module`, which then answers to former names of what is in it, with a warning.

    Args:
        module: ``__name__`` of the module.
        since: the version that deprecates the former names, ``major.minor``.
        names: what is meant today, by former name.
    """

    def find(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        warnings.warn(Deprecated(since, names[name]), stacklevel=2)
        return getattr(importlib.import_module(module), names[name])

    return find


def former_attributes(since: str, names: Mapping[str, str]) -> Callable[[object, str], object]:
    """Return a ``__getattr__`` for a class whose objects then answer to former names of attributes, with a warning.

    Args:
        since: the version that deprecates the former names, ``major.minor``.
        names: what is meant today, by former name.
    """

    def find(self: object, name: str) -> object:
        if name not in names:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)
        warnings.warn(Deprecated(since, names[name]), stacklevel=2)
        return getattr(self, names[name])

    return find
