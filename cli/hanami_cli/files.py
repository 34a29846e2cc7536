"""Local files that a command sends to the server.

Owns the wording for files that cannot be read. Must not know what is in them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hanami_cli.errors import CliError

__all__ = ["check_readable", "read_secret", "read_text"]


def check_readable(path: str) -> str:
    """Return `path` if a file can be read there.

    Raises:
        CliError: it cannot be read; found out before anything is sent.
    """
    try:
        with Path(path).open("rb"):
            return path
    except OSError as error:
        raise _unreadable(path, error) from error


def read_text(path: str) -> str:
    """Return the text of a file; the path `-` is the standard input.

    Raises:
        CliError: it cannot be read or is not UTF-8.
    """
    try:
        if path == "-":
            return sys.stdin.read()
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise CliError(f"read {path}: not a text file in UTF-8") from error


def read_secret(path: str) -> str:
    """Return the first line of a file without its end; the path `-` is the standard input.

    Raises:
        CliError: it cannot be read, is not UTF-8, or that line is empty.
    """
    secret, *_ = read_text(path).split("\n", 1)
    if not secret.strip():
        raise CliError(f"read {path}: there is no passphrase in the first line")
    return secret.rstrip("\r")


def _unreadable(path: str, error: OSError) -> CliError:
    return CliError(f"open {path}: {(error.strerror or str(error)).lower()}")
