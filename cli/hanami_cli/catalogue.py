"""The commands that installed packages add to the two programs.

Owns the search of the entry points and the failure policy of the hook: one broken package never takes the others down.
Must not know any command by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

import pluggy

from hanami_cli import hookspecs
from hanami_cli.commands import HOOK_PROJECT, Command, Program
from hanami_cli.text import one_line

__all__ = ["SERVER_ENTRY", "SERVER_MISSING", "Catalogue", "load"]

# This entry point comes with every installation, also with one that has only what clients need.
SERVER_ENTRY = "server"
SERVER_MISSING = "the server is not installed: pip install 'hanami[server]', or '.[server]' in a checkout"

HOOK = "hanami_cli_commands"


@dataclass
class Catalogue:
    """What the entry points gave.

    Attributes:
        commands: by name, in the order in which `--help` lists them.
        skipped: a line for each package or command that was left out.
        server_missing: why the commands of the server cannot be imported, or nothing.
        from_server: names of the commands that come with the server.
    """

    commands: dict[str, Command] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    server_missing: str = ""
    from_server: set[str] = field(default_factory=set)


def load(program: Program, taken: Collection[str] = ()) -> Catalogue:
    """Ask all entry points of the group for their commands.

    Args:
        program: the program whose commands are wanted.
        taken: names that are not to be had because the program uses them itself.
    """
    catalogue = Catalogue()
    for entry in _entries():
        try:
            offered = _offered(entry)
        except (Exception, SystemExit) as error:
            _note_failure(catalogue, entry, error)
            continue
        for item in offered:
            _add(catalogue, entry, item, program, taken)
    return catalogue


def _entries() -> list[EntryPoint]:
    return sorted(entry_points(group=hookspecs.GROUP), key=lambda entry: (entry.name != SERVER_ENTRY, entry.name))


def _offered(entry: EntryPoint) -> Iterable[object]:
    """Return what the module of `entry` offers. Each gets a manager of its own, so that a bad one spoils nothing."""
    manager = pluggy.PluginManager(HOOK_PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(entry.load(), entry.name)
    manager.check_pending()
    hooks = manager.hook.hanami_cli_commands.get_hookimpls()
    if not hooks:
        raise LookupError(f"it does not implement {HOOK}")
    offered = hooks[0].function()
    if not isinstance(offered, list | tuple):
        raise TypeError(f"{HOOK} returned no list")
    return offered


def _note_failure(catalogue: Catalogue, entry: EntryPoint, error: BaseException) -> None:
    reason = one_line(f"{type(error).__name__}: {error}")
    if entry.name == SERVER_ENTRY and isinstance(error, ImportError):
        catalogue.server_missing = reason
    else:
        catalogue.skipped.append(f"skipped '{entry.name}' ({entry.value}): {reason}")


def _add(catalogue: Catalogue, entry: EntryPoint, item: object, program: Program, taken: Collection[str]) -> None:
    if not isinstance(item, Command):
        catalogue.skipped.append(f"skipped an item of '{entry.name}' ({entry.value}): it is not a Command")
    elif item.program != program:
        return
    elif item.name in taken or item.name in catalogue.commands:
        catalogue.skipped.append(f"skipped command '{item.name}' of '{entry.name}' ({entry.value}): the name is taken")
    else:
        catalogue.commands[item.name] = item
        if entry.name == SERVER_ENTRY:
            catalogue.from_server.add(item.name)
