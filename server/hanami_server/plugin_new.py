"""Makes the distribution of a new plugin, with tests, of the template that is shipped with the server."""

from __future__ import annotations

import importlib.metadata
import keyword
import re
import warnings
from pathlib import Path

from hanami_core.errors import PluginError
from hanami_core.plugin_host import OWN_DISTRIBUTION, installed_plugins

__all__ = ["KINDS", "TEMPLATE", "render"]

TEMPLATE = Path(__file__).with_name("plugin_template")
KINDS = {
    "api": "an API of your own, with a prefix, statuses and texts",
    "authenticator": "a way to log in",
    "blobs": "a blob store",
    "command": "a noun for hanamictl",
    "database": "a database",
    "dialect": "a template language",
    "export": "a format for downloading tables",
    "format": "a dataset format",
    "host": "a compute host, with rules for its networks",
    "page": "a web page",
    "route": "routes in the native API, with a table",
    "rules": "a rule set for networks on CPU hosts",
    "task": "a kind of task, with routes and a table",
}
"""What can be made, and what it is."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = f"{OWN_DISTRIBUTION}-"
_MISSING = "the template engine is not installed: pip install 'hanami[plugins]'"


def render(kind: str, name: str, folder: Path) -> Path:
    """Write a distribution, and return its folder.

    Args:
        kind: one of `KINDS`.
        name: name of the plugin; the distribution is called ``hanami-NAME``.
        folder: folder in which that of the distribution is made.

    Raises:
        PluginError: if that is not possible; the text says why, and nothing is written.
    """
    name = name.removeprefix(_PREFIX)
    if kind not in KINDS:
        raise PluginError(f"there is no kind {kind}, known are: {', '.join(KINDS)}")
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise PluginError(f"'{name}' is not a valid plugin name: small letters, digits and - between them")
    taken = {point.name: point.distribution for point in installed_plugins()}
    if name.replace("-", "_") in taken:
        raise PluginError(f"there is a plugin {name} already, of {taken[name.replace('-', '_')]}")
    target = folder / f"{_PREFIX}{name}"
    if target.exists():
        raise PluginError(f"{target} is there already")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of libraries of the engine
            import copier
    except ModuleNotFoundError as error:
        raise PluginError(f"{_MISSING} ({error})") from error
    data = {"kind": kind, "name": name, "version": importlib.metadata.version(OWN_DISTRIBUTION)}
    copier.run_copy(str(TEMPLATE), target, data=data, defaults=True, quiet=True)
    return target
