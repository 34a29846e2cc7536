"""Datasets from files in folders, and tables of datasets as files in folders: nothing travels through the client.

Neither datasets nor folders know this plugin, nor each other.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.queue import TaskKind
from hanami_plugins.datasets_folders import exporting, importing, routes
from hanami_plugins.datasets_folders.exporting import FolderExport, export_table, get_export
from hanami_plugins.datasets_folders.importing import import_dataset

__all__ = ["FolderExport", "export_table", "get_export", "import_dataset"]

requires = ("datasets", "folders", "uploads")


@hookimpl
def hanami_task_kinds() -> list[TaskKind]:
    """Add copying files of folders to where they are decoded, and writing tables to folders."""
    return [importing.KIND, exporting.KIND]


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes."""
    return routes.routes()
