"""The hook by which other plugins bring storages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hanami_core import hookspec

if TYPE_CHECKING:
    from hanami_core.settings import Settings
    from hanami_plugins.folders.storages import FolderBackend

__all__ = ["FolderHooks"]


class FolderHooks:
    """Hooks of this plugin."""

    @staticmethod
    @hookspec
    def folders_storages(settings: Settings) -> Iterable[FolderBackend]:  # type: ignore[empty-body]
        """Add storages that the setting ``folders.storage`` and whoever creates a folder can name.

        `hanami_plugins.folders.storages` specifies what a storage must do; `hanami_plugins.folders.testing` tests it.

        :param settings: all settings.
        :returns: backends with unique names; each is opened when it is needed first.
        """
