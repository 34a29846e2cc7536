"""``hanami plugins``. Works whatever is broken, because it is what one repairs a server with: it imports no plugin."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hanami_core.errors import PluginError
from hanami_server.commands import common

if TYPE_CHECKING:
    from hanami_server.plugin_states import PluginInfo

__all__ = ["run"]

USAGE = """
List the plugins of the server and their problems, disable or enable one, create a new one, or check one.

Usage:
    hanami plugins [--json] [--timeout SECONDS] [--data-dir DIR] [--plugins-dir DIR]
    hanami plugins new KIND NAME [--into DIR]
    hanami plugins check PATH [--json] [--timeout SECONDS] [--data-dir DIR]
    hanami plugins disable NAME [--data-dir DIR] [--plugins-dir DIR]
    hanami plugins enable NAME [--data-dir DIR] [--plugins-dir DIR]

Options:
    --data-dir DIR      data directory (default: $HANAMI_DATA_DIR, else ./hanami-data)
    --plugins-dir DIR   folder with single-file plugins (default: $HANAMI_PLUGINS_DIR)
    --into DIR          where to create the folder of the new distribution [default: .]
    --json              print JSON
    --timeout SECONDS   how long one call of a plugin may take in a trial start [default: 10]
    -h --help           show this text

If the server is running, the list shows the plugins as its processes see them. If not, the command makes a trial
start in a separate process with a temporary data directory. The exit code is 1 if a plugin is broken or the server
would not start.

`new` creates a distribution hanami-NAME with tests: a plugin of one of the kinds
{kinds}
It passes its own tests as generated, and can be installed and published.

`check` examines a plugin that is not installed, a distribution folder or a .py file, and reports with file and line
what would break. It analyses the text and makes a trial start of a server with the plugin and the settings of the data
directory. The exit code is 1 if something would break. Deprecated features that still work are reported as well.

Disabling or enabling a plugin takes effect at the next start of the server.
"""

SEVERITY = ("active", "degraded", "disabled", "broken")


@dataclass
class Listed:
    """A plugin in all processes: its worst state, and the state in each of them."""

    name: str
    distribution: str
    version: str
    state: str
    reason: str
    where: str
    hooks: list[str]
    requires: list[str]
    essential: bool
    running: bool
    warnings: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    processes: dict[str, dict[str, object]] = field(default_factory=dict)


def run(argv: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    arguments = common.parse(_usage(), "plugins", argv)
    common.use_plugins_dir(arguments)
    directory = common.data_dir(arguments)
    common.quiet()
    if arguments["new"]:
        return common.guarded(lambda: _new(arguments["KIND"], arguments["NAME"], Path(arguments["--into"])))
    if arguments["check"]:
        seconds, path = arguments["--timeout"], Path(arguments["PATH"])
        return common.guarded(lambda: _check(path, directory, _seconds(seconds), bool(arguments["--json"])))
    if arguments["disable"]:
        return common.guarded(lambda: _disable(directory, arguments["NAME"]))
    if arguments["enable"]:
        return common.guarded(lambda: _enable(directory, arguments["NAME"]))
    return common.guarded(lambda: _list(directory, _seconds(arguments["--timeout"]), bool(arguments["--json"])))


def _usage() -> str:
    from hanami_server.plugin_new import KINDS

    return USAGE.replace("{kinds}", "\n".join(f"    {kind:<18}{what}" for kind, what in KINDS.items()))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise PluginError(f"--timeout {text}: expected a number of seconds")
    return seconds


# -- list -------------------------------------------------------------------------------------------------------------


def _list(data_dir: Path, patience: float, as_json: bool) -> int:
    plugins, remark, refusal = _look(data_dir, patience)
    if as_json:
        common.print_json([asdict(plugin) for plugin in plugins])
    else:
        header = ("name", "distribution", "version", "state", "hooks", "reason")
        common.print_table(header, [_row(plugin) for plugin in plugins])
        print(remark, file=sys.stderr)
    if refusal:
        print(f"the server would not start: {refusal}", file=sys.stderr)
    return 1 if refusal or any(plugin.state == "broken" for plugin in plugins) else 0


def _look(data_dir: Path, patience: float) -> tuple[list[Listed], str, str]:
    """Return the plugins, what they were found out from, and why the server would not start."""
    from hanami_server import process_control
    from hanami_server.dry_run import dry_run
    from hanami_server.paths import server_lock_path
    from hanami_server.plugin_states import read

    running = read(data_dir)
    if running:
        names = [states.process for states in running]
        labels = [s.process if names.count(s.process) == 1 else f"{s.process} {s.pid}" for s in running]
        plugins = _merge({label: s.plugins for label, s in zip(labels, running, strict=True)}, running=True)
        _note_changes(plugins, data_dir)
        return plugins, f"as the running processes have them: {', '.join(labels)}{_silent(data_dir, names)}", ""
    tried = dry_run(data_dir, patience)
    plugins = _merge({start.process: start.plugins for start in tried.starts}, running=False)
    user = process_control.holder(server_lock_path(data_dir))
    remark = "no server runs" if user is None else f"process {user} has not told its plugins"
    return plugins, f"{remark}; a start was tried", tried.refusal


def _silent(data_dir: Path, known: Sequence[str]) -> str:
    """Name the processes of the server that have not told their plugins, for example because they do not start.

    Those that plugins declare need not load any.
    """
    from hanami_server.supervisor import read_state

    state = read_state(data_dir)
    children = () if state is None else {name for name in state.children if not name.startswith("process ")}
    silent = sorted(set(children) - set(known))
    return f"; nothing is known of {', '.join(silent)}" if silent else ""


def _merge(processes: dict[str, list[PluginInfo]], *, running: bool) -> list[Listed]:
    found: dict[tuple[str, str], Listed] = {}
    for process, plugins in processes.items():
        for plugin in plugins:
            listed = found.setdefault((plugin.name, plugin.distribution), _listed(plugin, running))
            listed.remarks += [remark for remark in plugin.remarks if remark not in listed.remarks]
            listed.processes[process] = {key: getattr(plugin, key) for key in ("state", "reason", "where", "failures")}
    for listed in found.values():
        _take_worst(listed)
    return list(found.values())


def _listed(plugin: PluginInfo, running: bool) -> Listed:
    names = (
        "name",
        "distribution",
        "version",
        "state",
        "reason",
        "where",
        "hooks",
        "requires",
        "essential",
        "warnings",
    )
    return Listed(**{name: getattr(plugin, name) for name in names}, running=running)


def _take_worst(listed: Listed) -> None:
    """Show the worst state; where processes differ, also whose it is."""
    worst = max(listed.processes, key=lambda process: SEVERITY.index(str(listed.processes[process]["state"])))
    views = {(view["state"], view["reason"]) for view in listed.processes.values()}
    listed.state, reason, listed.where = (str(listed.processes[worst][key]) for key in ("state", "reason", "where"))
    listed.reason = reason if len(views) == 1 else f"{worst}: {reason}"


def _note_changes(plugins: list[Listed], data_dir: Path) -> None:
    """Add what will be different after the next start."""
    from hanami_core.plugin_host import installed_plugins, read_disabled

    disabled = read_disabled(data_dir)
    for plugin in plugins:
        off = plugin.reason == "disabled by the operator"
        if off != (plugin.name in disabled):
            plugin.reason = f"will be {'enabled' if off else 'disabled'} by the next start"
    known = {(plugin.name, plugin.distribution) for plugin in plugins}
    for point in installed_plugins():
        if (point.name, point.distribution) not in known:
            text = "was installed after the server was started"
            plugins.append(
                Listed(point.name, point.distribution, point.version, "disabled", text, "", [], [], False, running=True)
            )


def _row(plugin: Listed) -> list[str]:
    hooks = " ".join(hook.removeprefix("hanami_") for hook in plugin.hooks)
    reason = f"{plugin.reason} ({Path(plugin.where).name})" if plugin.where else plugin.reason
    reason = "; ".join(filter(None, (reason, *plugin.warnings, *plugin.remarks)))
    return [plugin.name, plugin.distribution, plugin.version, plugin.state, hooks, reason]


# -- new --------------------------------------------------------------------------------------------------------------


def _new(kind: str, name: str, folder: Path) -> int:
    from hanami_server.plugin_new import render

    made = render(kind, name, folder)
    print(f"{made.name} is in {made}; its tests run with: cd {made} && pip install -e '.[test]' && pytest")
    return 0


# -- check ------------------------------------------------------------------------------------------------------------


def _check(path: Path, data_dir: Path, patience: float, as_json: bool) -> int:
    from hanami_server.plugin_check import check, read

    candidate = read(path)
    complaints = check(candidate, data_dir, patience)
    if as_json:
        common.print_json([complaint._asdict() for complaint in complaints])
    else:
        for complaint in complaints:
            print(f"{_short(complaint.where)}: {complaint.text}")
    if all(complaint.warning for complaint in complaints) and not as_json:
        print(f"{candidate.name} {candidate.version}: nothing would break")
    return 1 if any(not complaint.warning for complaint in complaints) else 0


def _short(where: str) -> str:
    """Return a place as it is seen from the current folder."""
    return where.removeprefix(f"{Path.cwd()}/")


# -- switch -----------------------------------------------------------------------------------------------------------


def _disable(data_dir: Path, name: str) -> int:
    from hanami_core.plugin_host import declared, installed_plugins, read_disabled, write_disabled

    points = [point for point in installed_plugins() if point.name == name]
    if not points:
        raise PluginError(_unknown(name, [point.name for point in installed_plugins()]))
    if declared(points[0]).essential:
        raise PluginError(f"plugin {name} is essential, without it the server cannot start")
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
