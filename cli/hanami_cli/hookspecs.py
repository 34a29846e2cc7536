"""The hook by which an installed package adds commands to `hanami` and `hanamictl`.

Owns the hook's specification. Must not know who implements it: the entry points of the group `hanami.cli` name the
modules.
"""

from __future__ import annotations

from hanami_cli.commands import Command, hookspec

__all__ = ["GROUP", "hanami_cli_commands"]

GROUP = "hanami.cli"

# ---- client ----------------------------------------------------------------------------------------------------------


@hookspec
def hanami_cli_commands() -> list[Command]:
    """Offer commands to `hanami` (operators) and `hanamictl` (users).

    The hook is called at most once per invocation; `hanamictl` calls it only for `--help` and for a word that is not
    one of its own nouns. The module and the hook should be quick: import what a command needs inside its `run`.

    :returns: the commands, in the order in which `--help` lists them; see `Command` for the rules of each field.
    :failure: a module that cannot be imported, does not implement the hook or whose hook raises is skipped with one
        line on stderr. So is a single item that is not a `Command` or whose name is already taken (the program's own
        names come first, then those of the entry point `server`, then other entry points in the order of their names).
        All other commands stay usable. An exception from `run` ends the program like any Python program, except that
        an interrupt and a broken pipe end it quietly, and that wrong usage found by docopt gives exit code 2.

    .. versionadded:: 0.1

    Example::

        # pyproject.toml of the package: `hanami backup /mnt/nightly` works as soon as it is installed
        #     [project.entry-points."hanami.cli"]
        #     backup = "hanami_backup.commands"

        # hanami_backup/commands.py
        from hanami_cli import Command, hookimpl


        def backup(argv: list[str]) -> int:
            from hanami_backup.archive import write_archive

            write_archive(argv[0])
            return 0


        @hookimpl
        def hanami_cli_commands() -> list[Command]:
            return [Command("hanami", "backup", "copy the data directory elsewhere", backup)]
    """
    raise NotImplementedError
