"""``hanami plugins``. Works whatever is broken, because it is what one repairs a server with."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hanami_core.errors import HanamiError, PluginError
from hanami_server.commands import common

if TYPE_CHECKING:
    from hanami_core.plugin_host import Plugin, PluginHost

__all__ = ["run"]

USAGE = """
List the plugins of the server with what is wrong with them, or switch one off or on.

Usage:
    hanami plugins [--json] [--data-dir DIR]
    hanami plugins disable NAME [--data-dir DIR]
    hanami plugins enable NAME [--data-dir DIR]

Options:
    --data-dir DIR  data directory (default: $HANAMI_DATA_DIR, else ./hanami-data)
    --json          print JSON
    -h --help       show this text

A running server notices the change when it is started again.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    arguments = common.parse(USAGE, "plugins", argv)
    directory = common.data_dir(arguments)
    common.quiet()
    if arguments["disable"]:
        return common.guarded(lambda: _disable(directory, arguments["NAME"]))
    if arguments["enable"]:
        return common.guarded(lambda: _enable(directory, arguments["NAME"]))
    return common.guarded(lambda: _list(directory, bool(arguments["--json"])))


def _list(data_dir: Path, as_json: bool) -> int:
    from hanami_core.plugin_host import PluginHost, installed_plugins, read_disabled

    host = PluginHost(installed_plugins(), read_disabled(data_dir))
    _ask(host, data_dir)
    plugins = [*host.plugins.values(), *host.refused]
    if as_json:
        common.print_json([_describe(plugin) for plugin in plugins])
    else:
        header = ("name", "distribution", "version", "state", "hooks", "reason")
        common.print_table(header, [_row(plugin) for plugin in plugins])
    return 0


def _ask(host: PluginHost, data_dir: Path) -> None:
    """Call the hooks that need no database; who fails in one is listed with the reason."""
    from hanami_core.runtime import resolve_settings

    with contextlib.suppress(HanamiError):
        resolve_settings(data_dir, host, {})
    registries = (
        host.dataset_formats,
        host.network_rules,
        host.template_dialects,
        host.task_kinds,
        host.socket_targets,
    )
    for hook in registries:
        with contextlib.suppress(HanamiError):
            hook()


def _describe(plugin: Plugin) -> dict[str, object]:
    names = ("name", "distribution", "version", "state", "reason", "hooks", "requires", "essential")
    return {name: getattr(plugin, name) for name in names}


def _row(plugin: Plugin) -> list[str]:
    hooks = " ".join(hook.removeprefix("hanami_") for hook in plugin.hooks)
    return [plugin.name, plugin.distribution, plugin.version, plugin.state, hooks, plugin.reason]


def _disable(data_dir: Path, name: str) -> int:
    from hanami_core.plugin_host import PluginHost, installed_plugins, read_disabled, write_disabled

    points = [point for point in installed_plugins() if point.name == name]
    if not points:
        raise PluginError(_unknown(name, [point.name for point in installed_plugins()]))
    if PluginHost(points[:1]).plugins[name].essential:
        raise PluginError(f"plugin {name} is essential, without it the server can not start")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_disabled(data_dir, read_disabled(data_dir) | {name})
    print(f"plugin {name} is disabled")
    return 0


def _enable(data_dir: Path, name: str) -> int:
    from hanami_core.plugin_host import installed_plugins, read_disabled, write_disabled

    disabled = read_disabled(data_dir)
    known = {point.name for point in installed_plugins()}
    if name not in disabled | known:
        raise PluginError(_unknown(name, sorted(disabled | known)))
    if name in disabled:
        write_disabled(data_dir, disabled - {name})
    print(f"plugin {name} is enabled")
    return 0


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"there is no plugin {name}" + (f", did you mean {close[0]}?" if close else "")
