"""`hanamictl token`.

Owns the commands for tokens. Must not know the wire, which is the SDK's, nor what is in a token.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.errors import CliError, UsageError
from hanami_cli.nouns import run_noun
from hanami_cli.text import printable
from hanami_cli.values import as_json
from hanami_cli.views import Record, View

__all__ = ["HELP", "Token", "run"]

HELP = f"""
Tokens let other programs make calls with your login: they send them as `X-Auth-Token`. Tokens expire.

Usage:
    hanamictl token renew [options]
    hanamictl token show [options]
    hanamictl token check METHOD PATH [options]

`renew` prints only a new token. Anyone who has it can act as you, so keep it out of files and the shell history.
`show` shows the user, project and role of your calls. `check` also checks whether the policy allows a call; the exit
code is 1 if it does not.
{COMMON_OPTIONS}
Examples:
    hanamictl token renew --project digits
    hanamictl token check POST /cluster
    curl -H "X-Auth-Token: $(hanamictl token renew)" "$HANAMI_ADDRESS/v1.0alpha/host/all"
"""


FIELDS = ("id", "name", "is_admin", "project_id", "role", "is_project_admin")
METHODS = ("GET", "POST", "PUT", "DELETE")


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
    return run_noun(HELP, {"renew": _renew, "show": _show, "check": _check}, argv)


def _renew(connection: Connection, _: Arguments) -> View:
    return Token(connection.call(_own_token))


def _show(connection: Connection, _: Arguments) -> View:
    with connection.client() as client:
        return Record(client.context(), FIELDS)


def _check(connection: Connection, arguments: Arguments) -> View:
    method, path = arguments.text("METHOD").upper(), arguments.text("PATH")
    if method not in METHODS:
        raise UsageError(f"unknown method {method}, known are: {', '.join(METHODS)}")
    with connection.client() as client:
        if not client.may_call(method, f"/{path.lstrip('/')}"):
            raise CliError(f"the policy does not allow {method} {path}")
        return Record(client.context(), FIELDS)


def _own_token(token: str, address: str, verify_connection: bool) -> str:
    """Return the token of the login, which is a new one with each invocation."""
    return token
