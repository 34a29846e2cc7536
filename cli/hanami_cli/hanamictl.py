"""`hanamictl`, the program of users: everything that the server offers over the wire.

Owns the way from a noun to its module, and the overview. Must not know what a noun can do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module

from hanami_cli.commands import Command, Program
from hanami_cli.errors import UsageError
from hanami_cli.program import command_list, guarded, version, warn
from hanami_cli.text import suggestion

__all__ = ["LOCAL", "NOUNS", "PROGRAM", "SWITCHES", "main"]

PROGRAM: Program = "hanamictl"

NOUNS = {
    "user": "users and their project memberships",
    "project": "projects, which group users and isolate their data",
    "keypair": "keys that sign the requests of programs",
    "quota": "limits for users and projects",
    "dataset": "tables of numbers, created from uploaded files",
    "cluster": "networks that grow while they learn",
    "task": "training and querying clusters",
    "checkpoint": "saved states of clusters",
    "folder": "files of any kind, for you or for a project",
    "host": "compute processes in which clusters live",
    "logs": "audit log and error log",
    "measurements": "power, temperature and clock speed of the server",
    "system": "processors and threads of the server",
    "token": "tokens for other programs",
    "whoami": "your own login",
}

# What needs no server; each is a module of its own.
LOCAL = {"completion": "tab completion for your shell"}

# Options without a value. Any other option that stands before the noun takes the next word with it.
SWITCHES = (
    "--all",
    "--cloneable",
    "--group",
    "--help",
    "--insecure",
    "--is_admin",
    "--is_project_admin",
    "--json_output",
    "--no-shuffle",
    "--not-cloneable",
    "--recursive",
    "--sent",
    "--shared",
    "--unequal",
    "--version",
    "--wait",
    "-h",
    "-j",
)

HELP = """
Client for a Hanami server: upload datasets, create clusters, train and query them.

Usage:
    hanamictl NOUN ACTION [ARGUMENT...] [OPTION...]
    hanamictl NOUN --help
    hanamictl --help | --version

Nouns:
{nouns}

Server and login are read from the environment:
    HANAMI_ADDRESS       address, such as http://127.0.0.1:11418
    HANAMI_USER          id of the user
    HANAMI_PASSPHRASE    passphrase of the user (or HANAMI_PW, or HANAMI_PASSPHRASE_FILE)
    HANAMI_PROJECT       project to work in, if not your default project

Examples:
    hanamictl dataset create mnist -i train-images-idx3-ubyte -l train-labels-idx1-ubyte digits
    hanamictl cluster create -t ./digits.template digits
    hanamictl cluster list --output json

All commands take -j (JSON), --output table|json|csv, --project PROJECT_ID, --insecure and --timeout SECONDS.

Exit codes: 0 success, 1 refused or failed, 2 invalid command line, 130 interrupted, 141 broken pipe.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `hanamictl`.

    Args:
        argv: the command line without the program's name; that of the process if left out.

    Returns:
        The exit code.
    """
    return guarded(PROGRAM, lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: list[str]) -> int:
    place = _place_of_noun(argv)
    if place is None:
        return _without_noun(argv)
    noun = argv[place]
    if noun == "help":
        rest = argv[place + 1 :]
        return _run([*rest, "--help"])
    if noun in NOUNS or noun in LOCAL:
        return _built_in(noun).run(argv)
    extra = _extra_commands()
    if noun not in extra:
        raise UsageError(f'unknown command "{noun}" for "{PROGRAM}"{suggestion(noun, (*NOUNS, *LOCAL, *extra))}')
    return extra[noun].run(argv[:place] + argv[place + 1 :])


def _place_of_noun(argv: Sequence[str]) -> int | None:
    """Return where the first word stands that is neither an option nor the value of one."""
    place = 0
    while place < len(argv):
        token = argv[place]
        if not token.startswith("-"):
            return place
        place += 1 if _stands_alone(token) else 2
    return None


def _stands_alone(option: str) -> bool:
    if option.startswith("--"):
        return "=" in option or any(switch.startswith(option) for switch in SWITCHES)
    return len(option) > 2 or option in SWITCHES


def _without_noun(argv: Sequence[str]) -> int:
    if "--version" in argv:
        print(f"{PROGRAM} {version()}")
        return 0
    if unknown := [token for token in argv if not _stands_alone(token)]:
        raise UsageError(f"unknown flag: {unknown[0]}{suggestion(unknown[0], SWITCHES)}")
    print(HELP.format(nouns=command_list(_all_commands())).strip("\n"))
    return 0


def _built_in(noun: str) -> Command:
    module = f"hanami_cli.nouns.{noun}" if noun in NOUNS else f"hanami_cli.{noun}"
    return Command(PROGRAM, noun, (NOUNS | LOCAL)[noun], partial(_run_noun, noun, module))


def _run_noun(noun: str, module: str, argv: list[str]) -> int:
    try:
        code: int = import_module(module).run(argv)
    except UsageError as error:
        error.topic = noun
        raise
    return code


def _all_commands() -> list[Command]:
    return [*map(_built_in, NOUNS | LOCAL), *_extra_commands().values()]


def _extra_commands() -> dict[str, Command]:
    """Return the commands of installed packages. Whether the server can be imported is not a concern of a client."""
    from hanami_cli.catalogue import load

    catalogue = load(PROGRAM, (*NOUNS, *LOCAL, "help"))
    for line in catalogue.skipped:
        warn(PROGRAM, line)
    return catalogue.commands
