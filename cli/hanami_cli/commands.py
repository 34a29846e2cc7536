"""What a command of the two programs is, and the marker by which a plugin offers some.

Owns the contract with plugin authors. Must not know how commands are found (`catalogue`) nor which ones there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import pluggy

__all__ = ["HOOK_PROJECT", "Command", "Program", "hookimpl", "hookspec"]

Program = Literal["hanami", "hanamictl"]

HOOK_PROJECT = "hanami_cli"
hookspec = pluggy.HookspecMarker(HOOK_PROJECT)
hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)

NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Command:
    """One command of `hanami` or `hanamictl`, built in or from a plugin.

    Args:
        program: the program that receives the command, `"hanami"` or `"hanamictl"`.
        name: the word that calls it; lower-case letters, digits, `-` and `_`.
        summary: one line for the program's `--help`.
        run: receives the arguments without the command's own word (including options before that word) and returns the
            exit code: 0 for success, 1 for failure, 2 for wrong usage. It handles `--help` itself; `docopt` does both.

    Raises:
        ValueError: a field breaks one of these rules.
    """

    program: Program
    name: str
    summary: str
    run: Callable[[list[str]], int]

    def __post_init__(self) -> None:
        if self.program not in get_args(Program):
            raise ValueError(f"command {self.name!r}: there is no program {self.program!r}")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a valid command name")
        if not self.summary or "\n" in self.summary:
            raise ValueError(f"command {self.name!r}: the summary must be one line")
