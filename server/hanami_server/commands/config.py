"""``hanami config``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hanami_core.settings import Settings
from hanami_server.commands import common

__all__ = ["run"]

USAGE = """
Show all settings of the server and its plugins, and where their values come from.

Usage:
    hanami config [options] [--set PAIR]...

Options:
    --data-dir DIR     data directory (default: $HANAMI_DATA_DIR, else ./hanami-data)
    --plugins-dir DIR  folder with single-file plugins (default: $HANAMI_PLUGINS_DIR)
    --json             print JSON
    --set PAIR         try out NAME=VALUE
    -h --help          show this text

Set section.key in hanami.toml in the data directory, or as HANAMI_SECTION_KEY in the environment.
"""

HIDDEN = "********"


def run(argv: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    arguments = common.parse(USAGE, "config", argv)
    common.use_plugins_dir(arguments)
    given = common.flags(arguments["--set"])
    return common.guarded(lambda: _config(common.data_dir(arguments), given, bool(arguments["--json"])))


def _config(data_dir: Path, flags: dict[str, str], as_json: bool) -> int:
    from hanami_core.plugin_host import PluginHost, installed_plugins, read_disabled
    from hanami_core.runtime import resolve_settings

    common.quiet()
    settings = resolve_settings(data_dir, PluginHost(installed_plugins(), read_disabled(data_dir)), flags)
    rows = [_row(settings, name) for name in settings]
    if as_json:
        common.print_json(rows)
    else:
        common.print_table(("name", "value", "source", "help"), [list(row.values()) for row in rows])
    return 0


def _row(settings: Settings, name: str) -> dict[str, object]:
    spec = settings.specs[name]
    value = HIDDEN if spec.secret and settings[name] else settings[name]
    return {"name": name, "value": value, "source": settings.sources[name], "help": spec.help}
