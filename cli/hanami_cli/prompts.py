"""Questions to a person at a terminal.

Owns the prompts. Must not know what the answers are for.
"""

from __future__ import annotations

import sys

from hanami_cli.errors import CliError

__all__ = ["ask_passphrase", "at_a_terminal", "new_passphrase"]


def at_a_terminal() -> bool:
    """Tell whether there is somebody to ask."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask_passphrase(user: str) -> str:
    """Ask for the passphrase of a login, without echo."""
    from getpass import getpass

    return getpass(f"Passphrase of '{user}': ")


def new_passphrase() -> str:
    """Ask twice for a new passphrase, without echo.

    Raises:
        CliError: there is no terminal, or the two answers differ.
    """
    from getpass import getpass

    if not at_a_terminal():
        raise CliError("Failed to read passphrase input: there is no terminal, use --passphrase-file")
    first = getpass("Enter Passphrase: ").strip()
    if getpass("Enter Passphrase again: ").strip() != first:
        raise CliError("Mismatch between the two entered passphrases")
    return first
