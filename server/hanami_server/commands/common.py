"""What the commands have in common: the data directory, errors, tables.

Must not know any command.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import docopt

from hanami_core.errors import HanamiError
from hanami_core.settings import PLUGINS_DIR

__all__ = ["data_dir", "flags", "guarded", "parse", "print_json", "print_table", "quiet", "use_plugins_dir"]

WIDE = 1000
_DEFAULT = Path("hanami-data")
_FLAG = re.compile(r"--?[a-z][a-z-]*")

Arguments = Mapping[str, Any]


def parse(usage: str, command: str, argv: Sequence[str]) -> Arguments:
    """Return the arguments of a command that fit `usage`.

    Raises:
        docopt.DocoptExit: if they do not fit; the program prints it and ends with 2.
    """
    try:
        return dict(docopt.docopt(usage, [command, *argv]))
    except docopt.DocoptExit:
        raise docopt.DocoptExit(f"Error: {_complaint(usage, argv)}") from None


def _complaint(usage: str, argv: Sequence[str]) -> str:
    known = set(_FLAG.findall(usage))
    for word in argv:
        if word.startswith("-") and word.partition("=")[0] not in known:
            return f"unknown flag: {word}"
    return f"these arguments do not fit: {' '.join(argv)}" if argv else "arguments are missing"


def use_plugins_dir(arguments: Arguments) -> None:
    """Let this process, and those that it starts, load plugins of the folder that the command line names.

    Raises:
        docopt.DocoptExit: if there is none.
    """
    given = arguments["--plugins-dir"]
    if given and not Path(given).is_dir():
        raise docopt.DocoptExit(f"Error: --plugins-dir {given}: there is no such folder")
    if given:
        os.environ[PLUGINS_DIR] = str(Path(given).absolute())


def data_dir(arguments: Arguments) -> Path:
    """Return the data directory that a command is about."""
    given = arguments["--data-dir"] or os.environ.get("HANAMI_DATA_DIR")
    return Path(given).absolute() if given else _DEFAULT.absolute()


def flags(texts: Sequence[str]) -> dict[str, str]:
    """Return ``name=value`` texts as a mapping.

    Raises:
        docopt.DocoptExit: if one has no ``=``.
    """
    for text in texts:
        if "=" not in text:
            raise docopt.DocoptExit(f"Error: --set {text}: expected NAME=VALUE")
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def guarded(work: Callable[[], int]) -> int:
    """Run `work`; an error that Hanami raises on purpose becomes one line and exit code 1."""
    from hanami_server.privacy import private_files

    try:
        with private_files():
            return work()
    except HanamiError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or 'system'}: {error.strerror or error}", file=sys.stderr)
    except Exception as error:
        from hanami_core.storage.failures import in_words, storage_failure

        failure = storage_failure(error)
        if failure is None:
            raise
        print(in_words(failure, error), file=sys.stderr)
    return 1


def quiet() -> None:
    """Log errors only; what a command has to say, it prints itself."""
    from hanami_server import logs

    logs.configure("critical", "command")


def print_json(content: object) -> None:
    """Print a value as indented JSON."""
    print(json.dumps(content, indent=2))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    # Without a terminal nothing may be wrapped, because another program reads it.
    console = Console(width=None if sys.stdout.isatty() else WIDE, markup=False, highlight=False)
    console.print(table)
