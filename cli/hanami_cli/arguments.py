"""The command line of `hanamictl`: docopt, and what all its commands have in common.

Owns the common options and the parsing of numbers. Must not know any noun, nor the server.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import docopt

from hanami_cli.errors import UsageError
from hanami_cli.usage import complaint, flags_of, is_group, scan
from hanami_cli.views import FORMATS, Format

__all__ = ["COMMON_OPTIONS", "Arguments", "as_number", "parse"]

COMMON_OPTIONS = """
Common options:
    -j, --json_output       print the answer as JSON, as --output json does
    --project PROJECT_ID    work in this project instead of HANAMI_PROJECT or your default project
    --insecure              do not verify the certificate of the server
    --timeout SECONDS       give up if the server does not answer within SECONDS
    -h, --help              show this text

All commands also accept --output table, --output json or --output csv.

Server and login are read from the environment:
    HANAMI_ADDRESS          address, such as http://127.0.0.1:11418
    HANAMI_USER             id of the user
    HANAMI_PASSPHRASE       passphrase of the user (or HANAMI_PW); if missing, prompted for on a terminal
    HANAMI_PASSPHRASE_FILE  file with the passphrase, instead of HANAMI_PASSPHRASE
    HANAMI_PROJECT          project to work in, if not your default project
"""


@dataclass(frozen=True)
class Arguments:
    """A parsed command line.

    Attributes:
        values: what docopt found, by the names of the usage text.
        form: the output format.
    """

    values: dict[str, Any]
    form: Format

    def text(self, name: str) -> str:
        """Return an argument or option that has a value."""
        return str(self.values[name])

    def texts(self, name: str) -> list[str]:
        """Return all values of a repeatable option."""
        return list(self.values[name])

    def optional(self, name: str) -> str | None:
        """Return the value of an option that may be missing."""
        value = self.values[name]
        return None if value is None else str(value)

    def is_set(self, name: str) -> bool:
        """Tell whether an option without a value was given."""
        return bool(self.values[name])

    def integer(self, name: str) -> int:
        """Return a whole number.

        Raises:
            UsageError: it is none.
        """
        try:
            return int(self.text(name))
        except ValueError:
            raise UsageError(f'invalid argument "{self.text(name)}" for "{name}": not a whole number') from None

    def whole(self, name: str) -> int | None:
        """Return a whole number, or None if the option was not given; errors as for `integer`."""
        return None if self.optional(name) is None else self.integer(name)

    def seconds(self, name: str) -> float | None:
        """Return a time span, or None if the option was not given.

        Raises:
            UsageError: it is not a number above zero.
        """
        given = self.optional(name)
        span = None if given is None else as_number(given)
        if given is not None and (span is None or span <= 0):
            raise UsageError(f'invalid argument "{given}" for "{name}": not a number of seconds')
        return span

    def words(self) -> set[str]:
        """Return the fixed words of the usage line that fits."""
        return {name for name, value in self.values.items() if value and name[0].isalpha() and name.islower()}


def as_number(text: str) -> float | None:
    """Return a finite number, or None if a text is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def parse(text: str, argv: Sequence[str]) -> Arguments:
    """Parse `argv`, the command line without the program's name, by the usage in `text`.

    Raises:
        SystemExit: the help was printed; it was asked for, or only a group of commands was named.
        UsageError: no usage line fits; says why.
    """
    form, rest = _take_format(_plain(argv, text))
    try:
        values = docopt.docopt(text, rest)
    except docopt.DocoptExit:
        _help_for_a_group(text, rest)
        raise complaint(text, rest) from None
    return Arguments(dict(values), form or ("json" if values["--json_output"] else "table"))


def _help_for_a_group(text: str, argv: Sequence[str]) -> None:
    try:
        words = scan(argv, flags_of(text)).words
    except UsageError:
        return
    if is_group(text, words):
        print(text.strip("\n"))
        raise SystemExit(0)


def _take_format(argv: Sequence[str]) -> tuple[Format | None, list[str]]:
    """Take `--output table|json|csv` out of `argv`.

    It is done before docopt sees it because `--output` is also, in the released client, an output of a train task. The
    two cannot be mixed up: such an output contains colons.

    Raises:
        UsageError: it is neither.
    """
    form, rest, place = None, list[str](), 0
    while place < len(argv):
        tokens = argv[place : place + (2 if argv[place] == "--output" else 1)]
        name, _, value = "=".join(tokens).partition("=")
        if name != "--output" or not value or ":" in value:
            rest += tokens
        else:
            form = _format(value)
        place += len(tokens)
    return form, rest


def _format(value: str) -> Format:
    for known in FORMATS:
        if value == known:
            return known
    raise UsageError(f'invalid argument "{value}" for "--output": use {", ".join(FORMATS)}')


def _plain(argv: Sequence[str], text: str) -> list[str]:
    """Return `argv` as docopt can read it.

    A long option has the last of its names, and one that takes no value has none: `--flag=true` becomes `--flag`, and
    `--flag=false` goes away. `-n=name` is `-n name`.
    """
    flags, rest = flags_of(text), list[str]()
    for token in argv:
        name, equals, value = token.partition("=")
        flag = flags.get(name)
        if flag and not flag.takes_value and value in ("true", "false"):
            rest += [name] if value == "true" else []
        elif flag and name.startswith("--"):
            rest.append(f"--{flag.name}{equals}{value}")
        else:
            rest += [name, value] if flag and flag.takes_value and equals else [token]
    return rest
