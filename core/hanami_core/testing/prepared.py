"""Data directories whose tables are there already, so that not every test makes them anew.

A database server is not copied: what lies outside of the data directory is brought up to date as ever.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.roles import Role
from hanami_core.runtime import Runtime

__all__ = ["prepare"]


def prepare(directory: Path) -> None:
    """Put the tables of all installed plugins into a new data directory; one that has anything in it stays as it is.

    Nobody else may have a runtime open meanwhile: models belong to one database.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(directory.iterdir()):
        shutil.copytree(_tables(), directory, dirs_exist_ok=True)


@cache
def _tables() -> Path:
    """Return a directory that has seen all migrations and no start of a plugin, so it has no keys and no identities."""
    directory = Path(tempfile.mkdtemp(prefix="hanami-tables-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    runtime = Runtime.assemble(directory, Role.MIGRATE, {}, {}, PluginHost(installed_plugins()))
    try:
        runtime.migrate()
    finally:
        runtime.close()
    return directory
