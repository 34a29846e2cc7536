"""Questions to a person at a terminal.

Owns the prompts. Must not know what the answers are for.
"""

from __future__ import annotations

import sys
from getpass import getpass

from hanami_cli.errors import CliError

__all__ = ["new_passphrase"]


def new_passphrase() -> str:
    """Ask twice for a new passphrase, without echo.

    Raises:
        CliError: there is no terminal, or the two answers differ.
    """
    if not sys.stdin.isatty():
        raise CliError("Failed to read passphrase input")
    first = getpass("Enter Passphrase: ").strip()
    if getpass("Enter Passphrase again: ").strip() != first:
        raise CliError("Mismatch between the two entered passphrases")
    return first
