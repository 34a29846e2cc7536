"""What the two programs have in common: how they end, their version, and their list of commands.

Owns the exit codes beyond those of `errors`. Must not know any command.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterable

from hanami_cli.commands import Command
from hanami_cli.errors import CliError, UsageError
from hanami_cli.text import suggestion

__all__ = ["INTERRUPTED", "PIPE_CLOSED", "command_list", "guarded", "version", "warn"]

INTERRUPTED = 130  # what a shell reports for a program that SIGINT ended
PIPE_CLOSED = 141  # likewise for SIGPIPE


def guarded(program: str, run: Callable[[], int]) -> int:
    """Run a program and turn the ways in which it can end into its exit code.

    Args:
        program: its name.
        run: the program; returns its exit code.
    """
    _complete_streams()
    try:
        code = run()
        sys.stdout.flush()
    except CliError as error:
        return _complain(program, error)
    except SystemExit as stop:
        return _stopped(stop)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at its end, and that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def _complete_streams() -> None:
    """Make sure that all three streams are there, and that no character keeps a line from being written."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            # Otherwise the next file that is opened gets the number, and what is meant for the stream.
            if (opened := os.open(os.devnull, os.O_RDWR)) != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - it lives as long as the program
        elif mode == "w" and isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def command_list(commands: Iterable[Command]) -> str:
    """Return a line for each command, its name and its summary."""
    listed = list(commands)
    width = max((len(command.name) for command in listed), default=0)
    return "\n".join(f"    {command.name.ljust(width)}    {command.summary}" for command in listed)


def version() -> str:
    """Return the version of the installed distribution."""
    from importlib import metadata

    try:
        return metadata.version("hanami")
    except metadata.PackageNotFoundError:
        return "unknown (not installed)"


def warn(program: str, line: str) -> None:
    """Print one line on stderr."""
    print(f"{program}: {line}", file=sys.stderr)


def _complain(program: str, error: CliError) -> int:
    if isinstance(error, UsageError):
        words = [program, error.topic, "--help"] if error.topic else [program, "--help"]
        print(f"Error: {error}\nSee '{' '.join(words)}'.", file=sys.stderr)
    else:
        print(error, file=sys.stderr)
    return error.exit_code


def _stopped(stop: SystemExit) -> int:
    """Return the exit code of a command that called `sys.exit`, or whose arguments docopt did not understand."""
    from docopt import DocoptExit

    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    if isinstance(stop, DocoptExit):
        print(_plain(stop.code), file=sys.stderr)
        return UsageError.exit_code
    print(stop.code, file=sys.stderr)
    return CliError.exit_code


def _plain(complaint: str) -> str:
    """Return what docopt says about a command line, without the objects that it thinks in."""
    first, _, usage = complaint.partition("\n")
    if not first.startswith("Warning: found unmatched"):
        return complaint
    flags = re.findall(r"(?<!\w)--?[a-z][\w-]*", usage)
    given = re.findall(r"\bOption\((?:None, )?'([^']*)'", first)
    if unknown := [flag for flag in given if flag not in flags]:
        return f"Error: unknown flag: {unknown[0]}{suggestion(unknown[0], flags)}\n{usage}"
    return f"Error: the command line does not fit\n{usage}"
