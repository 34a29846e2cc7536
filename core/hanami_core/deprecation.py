"""How a hook, or an argument of one, goes out of use: announced in one minor version, there for two more, then gone."""

from __future__ import annotations

__all__ = ["LIVES", "Deprecated"]

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
