"""The nouns of `hanamictl`, one module each: its help text, which docopt reads, and a function for each command.

Owns how a noun is run. Must not know the single nouns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hanami_cli.arguments import Arguments, parse
from hanami_cli.connection import Connection, connect
from hanami_cli.views import View, show

__all__ = ["Action", "run_noun"]

Action = Callable[[Connection, Arguments], View]


def run_noun(text: str, actions: Mapping[str, Action], argv: Sequence[str]) -> int:
    """Parse a command line, do what it says and print the outcome.

    Args:
        text: help text of the noun.
        actions: the functions, by the words after the noun, such as `"create train"`.
        argv: the command line with the noun, without the program's name.

    Returns:
        The exit code 0.

    Raises:
        CliError: the command line is wrong, or what it says could not be done.
    """
    arguments = parse(text, argv)
    noun, *_ = [word for word in argv if word in arguments.words()]
    action = next(action for words, action in actions.items() if {noun, *words.split()} == arguments.words())
    verify, timeout = not arguments.is_set("--insecure"), arguments.seconds("--timeout")
    connection = connect(verify, timeout, arguments.optional("--project"))
    show(action(connection, arguments), arguments.form)
    return 0
