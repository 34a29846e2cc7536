"""`hanamictl token`.

Owns the commands for tokens. Must not know the wire, which is the SDK's, nor what is in a token.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.nouns import run_noun
from hanami_cli.text import printable
from hanami_cli.values import as_json
from hanami_cli.views import View

__all__ = ["HELP", "Token", "run"]

HELP = f"""
Tokens are what programs without a login of their own send as `X-Auth-Token`. They expire.

Usage:
    hanamictl token renew [options]

It prints nothing but a new token. Whoever has it acts as you, so keep it out of files and of the history.
{COMMON_OPTIONS}
Examples:
    hanamictl token renew --project digits
    curl -H "X-Auth-Token: $(hanamictl token renew)" "$HANAMI_ADDRESS/v1.0alpha/host/all"
"""


@dataclass(frozen=True)
class Token:
    """A token; it reads the same in every format but JSON."""

    text: str

    def table(self) -> str:
        """Return the token."""
        return printable(self.text)

    def json(self) -> str:
        """Return an object with the token."""
        return as_json({"token": self.text})

    csv = table


def run(argv: list[str]) -> int:
    """Run one command line for the noun `token`."""
    return run_noun(HELP, {"renew": _renew}, argv)


def _renew(connection: Connection, _: Arguments) -> View:
    return Token(connection.call(_own_token))


def _own_token(token: str, address: str, verify_connection: bool) -> str:
    """Return the token of the login, which is a new one with each invocation."""
    return token
