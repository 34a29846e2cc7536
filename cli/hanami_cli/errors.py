"""The errors that end a program with one line.

CliError               1  the server, the network, a file or the environment stands in the way
└── UsageError         2  the command line itself is wrong

Owns the exit codes. Must not know where errors come from.
"""

from __future__ import annotations

__all__ = ["CliError", "UsageError"]


class CliError(Exception):
    """What was asked for could not be done; the text is the line for the user."""

    exit_code = 1


class UsageError(CliError):
    """The command line is wrong.

    Attributes:
        topic: the command whose `--help` tells more, nothing for that of the program.
    """

    exit_code = 2
    topic = ""
