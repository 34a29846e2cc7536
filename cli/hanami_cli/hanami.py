"""`hanami`, the program of operators.

Owns nothing but the way from a word to a command: all commands come from installed packages (see `hookspecs`). Must not
know any of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hanami_cli.catalogue import SERVER_MISSING, Catalogue, load
from hanami_cli.commands import Program
from hanami_cli.errors import CliError, UsageError
from hanami_cli.program import command_list, guarded, version, warn
from hanami_cli.text import suggestion

__all__ = ["main"]

PROGRAM: Program = "hanami"
OWN_WORDS = ("help",)

HELP = """
Runs and maintains a Hanami server.

Usage:
    hanami COMMAND [ARGUMENT...]
    hanami COMMAND --help
    hanami --help | --version

{commands}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `hanami`.

    Args:
        argv: the command line without the program's name; that of the process if left out.

    Returns:
        The exit code.
    """
    return guarded(PROGRAM, lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: list[str]) -> int:
    word, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if word == "--version":
        print(f"{PROGRAM} {version()}")
        return 0
    catalogue = load(PROGRAM, OWN_WORDS)
    for line in catalogue.skipped:
        warn(PROGRAM, line)
    if word == "help" and rest:
        word, rest = rest[0], ["--help"]
    if word in ("--help", "-h", "help"):
        print(_help(catalogue))
        return 0
    return _call(catalogue, word, rest)


def _call(catalogue: Catalogue, word: str, argv: list[str]) -> int:
    command = catalogue.commands.get(word)
    if command is None:
        raise _unknown(catalogue, word)
    try:
        return command.run(argv)
    except ModuleNotFoundError as error:
        if word in catalogue.from_server and error.name and not error.name.startswith("hanami_"):
            raise CliError(f"{SERVER_MISSING} ({error})") from error
        raise


def _unknown(catalogue: Catalogue, word: str) -> CliError:
    if catalogue.server_missing:
        return CliError(f"{SERVER_MISSING} ({catalogue.server_missing})")
    if word.startswith("-"):
        return UsageError(f"unknown flag: {word}")
    return UsageError(f'unknown command "{word}" for "{PROGRAM}"{suggestion(word, catalogue.commands)}')


def _help(catalogue: Catalogue) -> str:
    listed = command_list(catalogue.commands.values())
    parts = [f"Commands:\n{listed}"] if listed else ["No commands are installed."]
    if catalogue.server_missing:
        parts.append(f"The commands of the server are missing; {SERVER_MISSING}\n({catalogue.server_missing})")
    return HELP.format(commands="\n\n".join(parts)).strip("\n")
