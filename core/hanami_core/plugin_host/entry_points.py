"""Where plugins come from: distributions with entry points, single files in a folder; and which are switched off.

Imports no plugin.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

from hanami_core.errors import PluginError, SettingsError
from hanami_core.settings import plugins_directory

__all__ = [
    "OWN_DISTRIBUTION",
    "EntryPoint",
    "importable",
    "installed_plugins",
    "plugin_files",
    "read_disabled",
    "write_disabled",
]

GROUP = "hanami.plugins"
OWN_DISTRIBUTION = "hanami"
STATE_FILE = "plugins.json"


@dataclass(frozen=True)
class EntryPoint:
    """Where a plugin comes from; `load` imports it. `module` is its name, for inspection without an import."""

    name: str
    distribution: str
    version: str
    load: Callable[[], ModuleType] = field(compare=False)
    module: str = ""


def installed_plugins() -> list[EntryPoint]:
    """Return where all plugins come from, without importing one: our own, those of other distributions, single files.

    Raises:
        SettingsError: if the folder for single files is not there.
    """
    found = []
    known: dict[object, tuple[str, str]] = {None: ("?", "?")}  # a distribution reads its file for each question
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.dist is not None and point.dist not in known:
            metadata = point.dist.metadata
            known[point.dist] = metadata["Name"], metadata["Version"]
        name, version = known[point.dist]
        found.append(EntryPoint(point.name, name, version, point.load, point.module))
    unique = {(p.name, p.distribution): p for p in reversed(found)}
    ordered = sorted(unique.values(), key=lambda p: (p.distribution != OWN_DISTRIBUTION, p.distribution, p.name))
    return [*ordered, *plugin_files()]


# -- plugins that are single files ------------------------------------------------------------------------------------


def plugin_files() -> list[EntryPoint]:
    """Return an entry point for each file in the folder for single files, and make them importable.

    A file is named like its plugin. Names that begin with ``_`` or ``.`` are none.
    """
    found = importable()
    if found is None:
        return []
    files = [found] if found.is_file() else sorted(file for file in found.glob("[!_.]*.py") if file.is_file())
    return [EntryPoint(file.stem, str(file), "-", partial(_load_file, file), file.stem) for file in files]


def importable() -> Path | None:
    """Let this process import the modules in the folder for single files, behind all others; return that folder.

    Raises:
        SettingsError: if it is not there.
    """
    found = plugins_directory()
    if found is None:
        return None
    if not found.exists():
        raise SettingsError(f"{found}: there is no such folder for plugins")
    folder = str(found if found.is_dir() else found.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    return found


def _load_file(file: Path) -> ModuleType:
    if not file.stem.isidentifier():
        raise PluginError(f"{file.name} is not a valid module name: letters, digits and _", where=str(file))
    spec = importlib.util.find_spec(file.stem)
    if spec is None or spec.origin is None or Path(spec.origin).resolve() != file.resolve():
        raise PluginError(f"there is another module {file.stem}; the file needs another name", where=str(file))
    return importlib.import_module(file.stem)


# -- which are switched off -------------------------------------------------------------------------------------------


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
