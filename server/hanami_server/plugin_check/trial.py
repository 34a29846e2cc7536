"""Takes plugins that are not installed through a start, as if they were, in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hanami_core.errors import StartupError
from hanami_core.settings import PLUGINS_DIR
from hanami_server.dry_run import dry_run
from hanami_server.plugin_check.distribution import COMMANDS, PLUGINS, CheckedDistribution, Complaint
from hanami_server.plugin_states import PluginInfo

__all__ = ["as_if_installed", "complaints", "write_metadata"]

COMMAND_PROGRAM = """
import json
from hanami_cli.catalogue import load
from hanami_cli.hanamictl import LOCAL, NOUNS
print(json.dumps(load("hanami", ("help",)).skipped + load("hanamictl", (*NOUNS, *LOCAL, "help")).skipped))
"""


@contextlib.contextmanager
def as_if_installed(candidate: CheckedDistribution) -> Iterator[dict[str, str]]:
    """Lend an environment whose processes find the candidate, and no other distribution of its name."""
    if candidate.path.is_file():
        yield {**os.environ, PLUGINS_DIR: str(candidate.path)}
        return
    with tempfile.TemporaryDirectory(prefix="hanami-check-") as folder:
        write_metadata(candidate, Path(folder))
        paths = [folder, *map(str, candidate.roots), os.environ.get("PYTHONPATH", "")]
        yield {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def write_metadata(candidate: CheckedDistribution, folder: Path) -> None:
    """Put into a folder of the import path what an installed distribution says of itself."""
    info = folder / f"{candidate.name.replace('-', '_')}-{candidate.version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {candidate.name}\nVersion: {candidate.version}\n")
    lines = []
    for group in (PLUGINS, COMMANDS):
        lines += [f"[{group}]", *(f"{point.name} = {point.value}" for point in candidate.of(group))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def complaints(candidate: CheckedDistribution, data_dir: Path, patience: float) -> Iterator[Complaint]:
    """Tell what breaks."""
    with as_if_installed(candidate) as environ:
        if candidate.of(PLUGINS):
            yield from _of_plugins(candidate, data_dir, patience, environ)
        if candidate.of(COMMANDS):
            yield from _of_commands(candidate, patience, environ)


def _of_plugins(
    candidate: CheckedDistribution, data_dir: Path, patience: float, environ: dict[str, str]
) -> Iterator[Complaint]:
    """Try starts, each without the plugin that has kept the one before from going on, and tell what they show."""
    places = {point.name: point.where for point in candidate.of(PLUGINS)}
    refusing: dict[str, str] = {}
    while True:
        tried = dry_run(data_dir, patience, environ, refusing)
        plugins = [plugin for start in tried.starts for plugin in start.plugins if plugin.name not in refusing]
        guilty = next((name for name in places if f"plugin {name}: " in tried.refusal), "")
        for plugin in plugins:
            where = plugin.where or places.get(plugin.name, str(candidate.file))
            if plugin.name == guilty:
                yield Complaint(where, f"the server would not start: {tried.refusal}")
                refusing[guilty] = tried.refusal
            elif text := _fault(plugin, candidate):
                yield Complaint(where, text)
            if _is_of(plugin, candidate):
                yield from (Complaint(places[plugin.name], warning, warning=True) for warning in plugin.warnings)
        if tried.refusal and not guilty:
            yield Complaint(str(candidate.file), f"a start could not be tried to its end: {tried.refusal}")
        if not guilty:
            return


def _fault(plugin: PluginInfo, candidate: CheckedDistribution) -> str:
    names = [point.name for point in candidate.of(PLUGINS)]
    if _is_of(plugin, candidate):
        if plugin.state != "active":
            return f"plugin {plugin.name}: {plugin.reason}"
        return "" if plugin.hooks else f"plugin {plugin.name}: it implements no hook"
    taken = any(plugin.reason.endswith(f"taken by plugin {name}") for name in names)
    return f"plugin {plugin.name} of {plugin.distribution} breaks: {plugin.reason}" if taken else ""


def _is_of(plugin: PluginInfo, candidate: CheckedDistribution) -> bool:
    named = plugin.name in [point.name for point in candidate.of(PLUGINS)]
    return named and plugin.distribution in (candidate.name, str(candidate.path))


def _of_commands(candidate: CheckedDistribution, patience: float, environ: dict[str, str]) -> Iterator[Complaint]:
    command = [sys.executable, "-P", "-c", COMMAND_PROGRAM]
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=patience, check=True)
    except subprocess.TimeoutExpired:
        yield Complaint(str(candidate.file), f"commands: takes longer than {patience:g} seconds")
        return
    except subprocess.CalledProcessError as error:
        raise StartupError(f"the commands could not be tried: {error.stderr.strip()[-500:]}") from error
    for line in json.loads(done.stdout):
        for point in candidate.of(COMMANDS):
            if f"'{point.name}' ({point.value})" in line:
                yield Complaint(point.where, line)
